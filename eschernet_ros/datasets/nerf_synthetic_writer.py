# SPDX-License-Identifier: Apache-2.0
"""NeRF Synthetic: ``transforms_{train,val,test}.json`` with Blender's camera-to-world matrices, RGBA images."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar

from eschernet_ros.datasets.dataset_writer import DatasetWriter, cameras_of, picture, write_object_frame, write_png
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import PinholeCamera

_SAME_PX = 1e-6


class NerfSyntheticWriter(DatasetWriter):
    """The layout of the original Blender scenes: one pinhole camera, square pixels, principal point in the centre."""

    layout: ClassVar[str] = "nerf-synthetic"
    description: ClassVar[str] = "NeRF Synthetic: transforms_train.json, transforms_test.json, RGBA images"

    def add(self, views: PosedImages, folder: Path) -> list[str]:
        """Write ``train``, ``test``, their JSON files and ``object_frame.json``; ``val`` lists the test views again."""
        angle = _horizontal_angle(views, self.layout)
        splits: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
        for split in splits:
            (folder / split).mkdir()
        test = self.options.test_ids(views)
        for row, (view_id, pose) in enumerate(zip(views.view_ids, views.poses, strict=True)):
            split = "test" if view_id in test else "train"
            name = f"{split}/r_{len(splits[split])}"
            write_png(folder / f"{name}.png", picture(views, row))
            splits[split].append({"file_path": f"./{name}", "transform_matrix": pose.inverse().matrix.tolist()})
        for name, frames in (*splits.items(), ("val", splits["test"])):
            content = {"camera_angle_x": angle, "frames": frames}
            (folder / f"transforms_{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        write_object_frame(views, folder)
        return [] if views.masks is not None else [f"'{views.name}' has no masks: its images have no alpha."]


def _horizontal_angle(views: PosedImages, layout: str) -> float:
    """Field of view of the one camera, radians.

    Raises:
        DatasetError: the views have more than one camera, or one that the layout cannot express.
    """
    cameras = cameras_of(views, layout)
    camera = cameras[0]
    for view_id, other in zip(views.view_ids, cameras, strict=True):
        reason = _misfit(other, camera)
        if reason:
            raise DatasetError(
                f"NeRF Synthetic keeps one field of view for all images, but view {view_id} of '{views.name}' "
                f"{reason}. Resample the views to the model's camera, or write nerfstudio or COLMAP."
            )
    return 2.0 * math.atan(0.5 * camera.width / camera.fx)


def _misfit(camera: PinholeCamera, first: PinholeCamera) -> str:
    """What the layout cannot express of a camera; empty when nothing."""
    if camera.distortion:
        return f"has lens distortion {camera.distortion}"
    if abs(camera.fx - camera.fy) > _SAME_PX * camera.fx:
        return f"has focal lengths of {camera.fx:g} and {camera.fy:g} px"
    centre = ((camera.width - 1) / 2.0, (camera.height - 1) / 2.0)
    if max(abs(camera.cx - centre[0]), abs(camera.cy - centre[1])) > _SAME_PX * camera.width:
        return f"has its principal point at ({camera.cx:g}, {camera.cy:g}) px, not in the centre {centre}"
    if (camera.width, camera.height) != (first.width, first.height) or abs(camera.fx - first.fx) > _SAME_PX * first.fx:
        return (
            f"is {camera.width}x{camera.height} with a focal length of {camera.fx:g} px, the first view "
            f"{first.width}x{first.height} with {first.fx:g} px"
        )
    return ""
