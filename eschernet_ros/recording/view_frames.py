# SPDX-License-Identifier: Apache-2.0
"""A posed view and the pictures it was made from, as a frame that can be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eschernet_ros.capture import PosedView
from eschernet_ros.datasets import FrameRecord, SourceImages
from eschernet_ros.datasets.frame_files import model_image, source_images
from eschernet_ros.datasets.franka16_layout import IMAGE
from eschernet_ros.datasets.franka16_writer import check_sizes
from eschernet_ros.geometry import SE3
from eschernet_ros.recording.pipeline import ReadyFrame


def view_frame(
    view: PosedView,
    source: SourceImages | None,
    *,
    base_frame: str = "",
    pose_of: str = "ee",
    flange_from_ee: SE3 | None = None,
    joints: Mapping[str, float] | None = None,
    received_ns: int | None = None,
    driver: Mapping[str, Any] | None = None,
    warnings: tuple[str, ...] = (),
) -> ReadyFrame:
    """The frame of a view.

    Args:
        view: the view.
        source: its pictures at full resolution; None: they are not known.
        base_frame, pose_of, flange_from_ee, joints, received_ns, driver: see `ArmRecord` and `FrameRecord`.
        warnings: sentences beside the view's own.

    Raises:
        EscherNetError: pictures, cameras and pose do not fit together.
    """
    record = FrameRecord.from_view(
        view,
        base_frame=base_frame,
        pose_of=pose_of,
        flange_from_ee=flange_from_ee,
        joints=joints,
        received_ns=received_ns,
        driver=driver,
        warnings=warnings,
    )
    images = model_image(view.image, view.mask)
    check_sizes(images[IMAGE], record, source)
    return ReadyFrame(record, images if source is None else images | source_images(source))
