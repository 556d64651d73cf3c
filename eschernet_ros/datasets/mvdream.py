# SPDX-License-Identifier: Apache-2.0
"""MVDream and Text2Img: generated pictures, whose poses are known by agreement only, as published."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.images import read_images
from eschernet_ros.datasets.numbered_files import numbered_files
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import DatasetReader, ReadOptions, ViewSplit, first_references, subfolders
from eschernet_ros.geometry import PUBLISHED_RADIUS, look_at_origin

_VIEW = re.compile(r"([0-3])_rgba\.png")
_VIEWS = 4


class MvDreamReader(DatasetReader):
    """``<object>/{0..3}_rgba.png``: four generated views, a quarter turn apart, level with the object."""

    layout: ClassVar[str] = "mvdream"
    description: ClassVar[str] = "MVDream: four generated RGBA views at azimuths of 0, 90, 180 and 270 degrees"
    looks_for: ClassVar[str] = "0_rgba.png to 3_rgba.png"
    licence_note: ClassVar[str] = "Generated pictures; the terms of the generator that made them apply."

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Objects in ``folder``: the object folder itself or a collection."""
        if is_mvdream(folder):
            return {folder.resolve().name: folder}
        return {entry.name: entry for entry in subfolders(folder) if is_mvdream(entry)}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """The numbers of the images."""
        return tuple(numbered_files(folder, _VIEW))

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one object; all four views must be there."""
        paths = numbered_files(folder, _VIEW)
        missing = [f"{number}_rgba.png" for number in range(_VIEWS) if number not in paths]
        if missing:
            raise DatasetError(f"{folder} lacks {', '.join(missing)}; restore or generate them.")
        images, masks = read_images(list(paths.values()), options.image_size)
        poses = [look_at_origin(number * math.pi / 2, math.pi / 2, PUBLISHED_RADIUS).matrix for number in paths]
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=tuple(paths),
            images=images,
            masks=masks,
            camera_gl_from_world=np.stack(poses),
            pose_source=(
                "Published rule: azimuths of 0, 90, 180, 270 degrees, polar angle 90 degrees, distance "
                f"{PUBLISHED_RADIUS}; no pose is stored."
            ),
            licence=self.licence_note,
        )

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """The first views are references (published: all four); the targets are the spiral."""
        return _spiral(first_references(views, references), "MVDream", f"the first {references} views are references")


class Text2ImgReader(DatasetReader):
    """``*rgba.png``: every picture is an object, seen from azimuth 0, level."""

    layout: ClassVar[str] = "text2img"
    description: ClassVar[str] = "Text2Img: every RGBA picture is an object with one view"
    looks_for: ClassVar[str] = "pictures called *rgba.png"
    licence_note: ClassVar[str] = MvDreamReader.licence_note

    def objects(self, folder: Path) -> Mapping[str, Path]:
        """Pictures in ``folder`` by the part of their name before ``rgba.png``."""
        if is_mvdream(folder) or not folder.is_dir():
            return {}
        paths = sorted(path for path in folder.iterdir() if path.name.endswith("rgba.png") and path.is_file())
        short = {path.name.removesuffix("rgba.png").rstrip("_-. ") or path.stem: path for path in paths}
        return short if len(short) == len(paths) else {path.stem: path for path in paths}

    def view_ids(self, folder: Path) -> tuple[int, ...]:
        """One view, number 0."""
        return (0,)

    def read(self, name: str, folder: Path, options: ReadOptions) -> PosedImages:
        """Read one picture; ``folder`` is its file."""
        images, masks = read_images([folder], options.image_size)
        return PosedImages(
            name=name,
            layout=self.layout,
            view_ids=(0,),
            images=images,
            masks=masks,
            camera_gl_from_world=look_at_origin(0.0, math.pi / 2, PUBLISHED_RADIUS).matrix[None],
            pose_source=(
                f"Published rule: azimuth 0, polar angle 90 degrees, distance {PUBLISHED_RADIUS}; no pose is stored."
            ),
            licence=self.licence_note,
        )

    def split(self, views: PosedImages, references: int, seed: int) -> ViewSplit:
        """The picture is the reference; the targets are the spiral."""
        return _spiral(first_references(views, references), "Text2Img", "the picture is the reference")


def is_mvdream(folder: Path) -> bool:
    """Whether a view of MVDream and its neighbour lie in ``folder``; looks at names only."""
    return folder.is_dir() and sum(bool(_VIEW.fullmatch(path.name)) for path in folder.iterdir()) > 1


def _spiral(reference_ids: tuple[int, ...], name: str, references: str) -> ViewSplit:
    return ViewSplit(
        reference_ids=reference_ids,
        targets="spiral",
        target_ids=(),
        scored_ids=(),
        rule=f"Published {name} rule: {references}, the spiral of 100 poses is asked for; no true images exist.",
    )
