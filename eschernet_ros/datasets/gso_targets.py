# SPDX-License-Identifier: Apache-2.0
"""GSO with the targets of the published 3D evaluation: 36 views around the object, or the spiral of 100.

Their poses have OpenCV axes, those of the references (``render_mvs_25``) OpenGL axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.gso import GSO_LICENCE, REFERENCE_RENDERS, VIEW_FILE, gso_objects, has_views
from eschernet_ros.datasets.images import read_images
from eschernet_ros.datasets.numbered_files import check_complete, numbered_files
from eschernet_ros.datasets.pose_file import read_pose
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit
from eschernet_ros.geometry import SE3, gl_w2c_from_opencv_w2c, model_camera

FIRST_TARGET = 1000
"""Id of the first target; the references keep their numbers."""


class _GsoTargetsReader(DatasetReader):
    """References from ``render_mvs_25/model`` (where it is there), targets from ``renders``."""

    renders: ClassVar[Path]
    count: ClassVar[int]
    licence_note: ClassVar[str] = GSO_LICENCE

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Objects in ``folder``: the model folder itself, an object folder or a collection."""
        return gso_objects(folder, self.renders)

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """Numbers of the references, then `FIRST_TARGET` + numbers of the targets."""
        references, targets = self._files(folder)
        return (*references, *(FIRST_TARGET + number for number in targets))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one object; the targets' poses are brought to OpenGL axes (rows 1 and 2 negated)."""
        references, targets = self._files(folder)
        check_complete(targets, self.count)
        if references:
            check_complete(references)
        images, masks = read_images([*references.values(), *targets.values()], options.image_size)
        poses = [read_pose(path.with_suffix(".npy")) for path in references.values()]
        poses += [_from_opencv(path.with_suffix(".npy")) for path in targets.values()]
        view_ids = self.view_ids(folder)
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=view_ids,
            images=images,
            masks=masks,
            camera_gl_from_world=np.stack(poses),
            pose_source=(
                f"World-to-camera matrices of the .npy files: those of {self.renders.parts[0]} have OpenCV axes, "
                "their rows 1 and 2 are negated."
            ),
            cameras=(model_camera(images.shape[2]),) * len(images) if images.shape[1] == images.shape[2] else None,
            subsets={"references": tuple(references), "targets": view_ids[len(references) :]},
            licence=self.licence_note,
        )

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """The first views of ``render_mvs_25`` are references, all targets are scored."""
        available = views.subsets.get("references", ())
        if not 1 <= references <= len(available):
            raise DatasetError(
                f"'{views.name}' has {len(available)} views in {REFERENCE_RENDERS}; {references} references cannot be "
                "taken from them."
            )
        targets = views.subsets["targets"]
        return ViewSplit(
            reference_ids=tuple(available[:references]),
            targets="views",
            target_ids=targets,
            scored_ids=targets,
            rule=(
                f"Published rule of GSO with {self.renders.parts[0]}: the first {references} views of "
                f"{REFERENCE_RENDERS.parts[0]} are references, the {len(targets)} others are targets and scored."
            ),
        )

    def _files(self, folder: Path) -> tuple[dict[int, Path], dict[int, Path]]:
        """Images of references and targets by their numbers."""
        references = folder / REFERENCE_RENDERS
        return (
            numbered_files(references, VIEW_FILE) if has_views(references) else {},
            numbered_files(folder / self.renders, VIEW_FILE),
        )


class Gso3dReader(_GsoTargetsReader):
    """36 targets: azimuth every 30 degrees at elevations of -30, 0 and 30 degrees."""

    layout: ClassVar[str] = "gso3d"
    description: ClassVar[str] = "GSO for 3D: 36 renders around the object (azimuth every 30 deg, elevation -30, 0, 30)"
    looks_for: ClassVar[str] = "render_sync_36_single/model with 000.png and 000.npy"
    yields_to: ClassVar[tuple[str, ...]] = ("gso30",)
    renders: ClassVar[Path] = Path("render_sync_36_single") / "model"
    count: ClassVar[int] = 36


class GsoSpiralReader(_GsoTargetsReader):
    """100 targets: the published spiral, rendered."""

    layout: ClassVar[str] = "gso100"
    description: ClassVar[str] = "GSO spiral: 100 renders from pole to pole"
    looks_for: ClassVar[str] = "render_spiral_100/model with 000.png and 000.npy"
    yields_to: ClassVar[tuple[str, ...]] = ("gso30", "gso3d")
    renders: ClassVar[Path] = Path("render_spiral_100") / "model"
    count: ClassVar[int] = 100


def _from_opencv(path: Path) -> NDArray[np.float64]:
    """OpenGL world-to-camera of a file with OpenCV axes, [4,4]."""
    return np.array(gl_w2c_from_opencv_w2c(SE3.from_matrix(read_pose(path))).matrix)
