# SPDX-License-Identifier: Apache-2.0
"""nerfstudio: ``transforms.json`` beside ``images``.

Written as nerfstudio's documentation of its data conventions says
(https://docs.nerf.studio/quickstart/data_conventions.html): camera-to-world, OpenGL axes, world z up, intrinsics per
frame, and the centre of the top left pixel at (0.5, 0.5).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from eschernet_ros.datasets.dataset_writer import DatasetWriter, cameras_of, picture, write_object_frame, write_png
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import PinholeCamera

TRANSFORMS_FILE = "transforms.json"
IMAGES_FOLDER = "images"

_PIXEL_CENTRE = 0.5


class NerfstudioWriter(DatasetWriter):
    """One ``transforms.json`` per object; lists of file names where views are held out."""

    layout: ClassVar[str] = "nerfstudio"
    description: ClassVar[str] = "nerfstudio: transforms.json with intrinsics, RGBA images"

    def add(self, views: PosedImages, folder: Path) -> list[str]:
        """Write ``images``, ``transforms.json`` and ``object_frame.json``."""
        cameras = [_intrinsics(camera) for camera in cameras_of(views, self.layout)]
        (folder / IMAGES_FOLDER).mkdir()
        names = [f"{IMAGES_FOLDER}/frame_{view_id:05d}.png" for view_id in views.view_ids]
        frames: list[dict[str, Any]] = []
        shared = all(camera == cameras[0] for camera in cameras)
        for row, (name, pose, camera) in enumerate(zip(names, views.poses, cameras, strict=True)):
            write_png(folder / name, picture(views, row))
            own = {} if shared else camera
            frames.append({"file_path": name, "transform_matrix": pose.inverse().matrix.tolist(), **own})
        content: dict[str, Any] = {"camera_model": "OPENCV", **(cameras[0] if shared else {})}
        test = self.options.test_ids(views)
        if test:
            split = [(name, view_id in test) for name, view_id in zip(names, views.view_ids, strict=True)]
            content["train_filenames"] = [name for name, held_out in split if not held_out]
            content["val_filenames"] = content["test_filenames"] = [name for name, held_out in split if held_out]
        content["frames"] = frames
        (folder / TRANSFORMS_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        write_object_frame(views, folder)
        return []


def _intrinsics(camera: PinholeCamera) -> dict[str, float]:
    """The camera by nerfstudio's names; its k1 to k3 and p1, p2 are OpenCV's, its k4 is not."""
    if len(camera.distortion) > 5 and any(camera.distortion[5:]):
        raise DatasetError(
            "nerfstudio's OPENCV camera holds the distortion coefficients k1, k2, p1, p2, k3, this camera has "
            f"{len(camera.distortion)}: {camera.distortion}. Resample the views to the model's camera."
        )
    k1, k2, p1, p2, k3 = (*camera.distortion, 0.0, 0.0, 0.0, 0.0, 0.0)[:5]
    return {
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx + _PIXEL_CENTRE,
        "cy": camera.cy + _PIXEL_CENTRE,
        "k1": k1,
        "k2": k2,
        "k3": k3,
        "p1": p1,
        "p2": p2,
    }
