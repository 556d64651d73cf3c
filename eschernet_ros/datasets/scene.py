# SPDX-License-Identifier: Apache-2.0
"""Scenes of photographs: what the readers of COLMAP and nerfstudio share.

Such a scene has lenses of its own, distortion, backgrounds and a world of its own. Pictures read at a given size are
resampled to the model's camera, which stays in the real one's place, upright and aimed at the object; without a size
they stay as they are, with their cameras.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.images import picture_header, read_mask, read_picture, stack_images
from eschernet_ros.datasets.lens import Lens, Photograph, without_fisheye
from eschernet_ros.datasets.model_view import on_model_camera
from eschernet_ros.datasets.placement import choose_placement
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import ReadOptions
from eschernet_ros.geometry import GL_FROM_OPTICAL, SE3, stack_matrices

_LEAST_VIEWS_OF_A_POINT = 2
_SHARE_INSIDE = 0.9
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SceneFrame:
    """One photograph of a scene.

    Attributes:
        view_id: its number.
        image: its file.
        mask: the file of its mask (white is the object); None: its alpha channel, if it has one.
        lens: its camera.
        camera_gl_from_world: its pose, world units.
    """

    view_id: int
    image: Path
    mask: Path | None
    lens: Lens
    camera_gl_from_world: SE3


@dataclass(frozen=True)
class Scene:
    """What a scene's files say.

    Attributes:
        name: the object's name.
        layout: its layout.
        folder: its folder, where ``object_frame.json`` may lie.
        frames: the photographs, N >= 1, by ascending number.
        up: the object's up direction in the world, [3].
        up_source: where it comes from.
        points: [P,3] points of the world; None where there are none.
        pose_source: a sentence on where the poses come from.
        metadata: whatever else the files record.
        subsets: named parts of the frames.
    """

    name: str
    layout: str
    folder: Path
    frames: Sequence[SceneFrame]
    up: NDArray[np.float64]
    up_source: str
    points: NDArray[np.float64] | None
    pose_source: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    subsets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def read_scene(scene: Scene, options: ReadOptions) -> PosedImages:
    """Read the photographs and bring the object to the origin; see :func:`choose_placement` for where it is.

    Raises:
        DatasetError: a file is missing, damaged or of another size than its camera; the object's place is unknown.
    """
    missing = [path for frame in scene.frames for path in (frame.image, frame.mask) if path and not path.is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing)} files of {scene.folder} are missing, the first is {missing[0]}; restore them."
        )
    placed = choose_placement(
        scene.folder,
        [frame.camera_gl_from_world for frame in scene.frames],
        scene.up,
        scene.up_source,
        lambda: _object_points(scene, options),
        options.placement,
    )
    source = f"{scene.pose_source} {placed.source}"
    _log.info("%s: %s", scene.folder, source)
    views = [_view(scene, frame, placed.normalise(frame.camera_gl_from_world), options) for frame in scene.frames]
    without = sum(view.masks is None for view in views)
    if 0 < without < len(views):
        _log.warning(
            "%s: %d of %d photographs have no mask; the whole of them counts as object.",
            scene.folder,
            without,
            len(views),
        )
    return PosedImages(
        name=scene.name,
        layout=scene.layout,
        view_ids=tuple(frame.view_id for frame in scene.frames),
        images=stack_images([view.images[0] for view in views], scene.folder),
        masks=None if without == len(views) else np.stack([_mask(view) for view in views]),
        camera_gl_from_world=stack_matrices(view.poses[0] for view in views),
        pose_source=source,
        scale=placed.scale,
        metadata={**scene.metadata, "placement": placed},
        cameras=tuple(camera for view in views for camera in view.cameras or ()),
        subsets=scene.subsets,
    )


def _view(scene: Scene, frame: SceneFrame, pose: SE3, options: ReadOptions) -> PosedImages:
    """One view on its own, so that only one picture of full size is in memory."""
    photograph = _photograph(frame)
    rgb, mask = photograph.rgb, photograph.mask
    if photograph.alpha is not None:
        rgb = np.where(photograph.alpha[..., None] == 0, np.uint8(255), rgb)
    elif mask is not None:
        rgb = np.where(mask[..., None], rgb, np.uint8(255))
    view = PosedImages(
        name=scene.name,
        layout=scene.layout,
        view_ids=(frame.view_id,),
        images=rgb[None],
        masks=None if mask is None else mask[None],
        camera_gl_from_world=pose.matrix[None],
        pose_source=scene.pose_source,
        cameras=(photograph.camera,),
    )
    return view if options.image_size is None else on_model_camera(view, options.image_size)


def _photograph(frame: SceneFrame) -> Photograph:
    """Read a picture and its mask, and take a fisheye lens out."""
    rgb, alpha = read_picture(frame.image)
    camera = frame.lens.camera
    if (camera.width, camera.height) != (rgb.shape[1], rgb.shape[0]):
        raise DatasetError(
            f"{frame.image} is {rgb.shape[1]}x{rgb.shape[0]}, its camera {camera.width}x{camera.height}: use the "
            "pictures from which the poses were found, neither scaled nor turned."
        )
    mask = None if alpha is None else alpha >= 128
    if frame.mask is not None:
        stored = read_mask(frame.mask, (camera.width, camera.height))
        mask = stored if mask is None else mask & stored
    photograph = Photograph(rgb, alpha, mask, camera)
    return photograph if frame.lens.fisheye is None else without_fisheye(photograph, frame.lens.fisheye)


def _object_points(scene: Scene, options: ReadOptions) -> NDArray[np.float64] | None:
    """Points that lie inside the masks of nearly all views that show them; None where there are none.

    Without any mask nothing tells the object from the rest of the scene: the rule ``"points"`` then takes all points,
    and any other none.
    """
    if scene.points is None:
        return None
    masked = [frame for frame in scene.frames if frame.mask is not None or picture_header(frame.image)[1]]
    if not masked:
        return scene.points if options.placement == "points" else None
    seen = np.zeros(len(scene.points), int)
    inside = np.zeros(len(scene.points), int)
    for photograph, pose in ((_photograph(frame), frame.camera_gl_from_world) for frame in masked):
        assert photograph.mask is not None
        camera = photograph.camera
        pixels = camera.project((GL_FROM_OPTICAL @ pose) @ scene.points)
        visible = camera.contains(pixels)
        rounded = np.rint(np.where(visible[:, None], pixels, 0.0)).astype(int)
        columns, rows = np.clip(rounded, 0, (camera.width - 1, camera.height - 1)).T
        seen += visible
        inside += visible & photograph.mask[rows, columns]
    return scene.points[(seen >= _LEAST_VIEWS_OF_A_POINT) & (inside >= _SHARE_INSIDE * seen)]


def _mask(view: PosedImages) -> NDArray[np.bool_]:
    return np.ones(view.images.shape[1:3], dtype=bool) if view.masks is None else view.masks[0]
