# SPDX-License-Identifier: Apache-2.0
"""Data sets of posed images: readers of the published layouts and the recorder's writer.

``open_dataset(folder)`` finds the layout; ``Franka16Writer(folder)`` records.
"""

from eschernet_ros.datasets.errors import DatasetError, DatasetWriteError
from eschernet_ros.datasets.frame_files import SourceImages, StoredFile
from eschernet_ros.datasets.franka16_frames import FramesFile, read_frames_file
from eschernet_ros.datasets.franka16_record import ArmRecord, FrameRecord, PoseInterpolation
from eschernet_ros.datasets.franka16_writer import (
    FinishedFrame,
    Franka16Writer,
    OpenReport,
    PendingFrame,
    WrittenFrame,
)
from eschernet_ros.datasets.placement import OBJECT_FRAME_FILE, ObjectPlacement, object_frame_text
from eschernet_ros.datasets.posed_images import PosedImages, format_ids
from eschernet_ros.datasets.published_images import published_image, white_composite
from eschernet_ros.datasets.published_loss import PublishedLoss, published_loss
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit
from eschernet_ros.datasets.registry import READERS, Dataset, fitting_readers, layouts, open_dataset
from eschernet_ros.datasets.selection import random_ids, spread_ids

__all__ = [
    "OBJECT_FRAME_FILE",
    "READERS",
    "ArmRecord",
    "Dataset",
    "DatasetError",
    "DatasetReader",
    "DatasetWriteError",
    "FinishedFrame",
    "FrameRecord",
    "FramesFile",
    "Franka16Writer",
    "ObjectPlacement",
    "OpenReport",
    "PendingFrame",
    "PoseInterpolation",
    "PosedImages",
    "PublishedLoss",
    "ReadOptions",
    "SourceImages",
    "StoredFile",
    "ViewSplit",
    "WrittenFrame",
    "fitting_readers",
    "format_ids",
    "layouts",
    "object_frame_text",
    "open_dataset",
    "published_image",
    "published_loss",
    "random_ids",
    "read_frames_file",
    "spread_ids",
    "white_composite",
]
