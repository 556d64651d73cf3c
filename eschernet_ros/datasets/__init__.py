# SPDX-License-Identifier: Apache-2.0
"""Data sets of posed images: readers of the published layouts and the recorder's writer.

``open_dataset(folder)`` finds the layout; ``Franka16Writer(folder)`` records.
"""

from eschernet_ros.datasets.errors import DatasetError, DatasetWriteError
from eschernet_ros.datasets.franka16_record import (
    FrameRecord,
    FramesFile,
    PoseInterpolation,
    read_frames_file,
)
from eschernet_ros.datasets.franka16_writer import Franka16Writer, OpenReport, WrittenFrame
from eschernet_ros.datasets.posed_images import PosedImages, format_ids
from eschernet_ros.datasets.published_images import published_image, white_composite
from eschernet_ros.datasets.published_loss import PublishedLoss, published_loss
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit
from eschernet_ros.datasets.registry import READERS, Dataset, layouts, open_dataset
from eschernet_ros.datasets.selection import random_ids, spread_ids

__all__ = [
    "READERS",
    "Dataset",
    "DatasetError",
    "DatasetReader",
    "DatasetWriteError",
    "FrameRecord",
    "FramesFile",
    "Franka16Writer",
    "OpenReport",
    "PoseInterpolation",
    "PosedImages",
    "PublishedLoss",
    "ReadOptions",
    "ViewSplit",
    "WrittenFrame",
    "format_ids",
    "layouts",
    "open_dataset",
    "published_image",
    "published_loss",
    "random_ids",
    "read_frames_file",
    "spread_ids",
    "white_composite",
]
