# SPDX-License-Identifier: Apache-2.0
"""What a data set holds, in numbers: views, pictures, poses, size on disk, licence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from eschernet_ros.coverage import ViewCoverage
from eschernet_ros.dataset_tools.file_checks import PICTURES
from eschernet_ros.dataset_tools.numbering import dataset_files, numbered_series
from eschernet_ros.datasets import Dataset, PosedImages, format_ids
from eschernet_ros.geometry import aim_deviation, spherical_from_pose, view_directions

READ_SIZE = 16
"""Pictures are read so small: only their poses and masks are summed up."""


@dataclass(frozen=True)
class FileGroup:
    """Files whose names differ in a number only, or all others together.

    Attributes:
        pattern: ``images_rgba/frame*.png``, or ``other files``.
        count: how many.
        size: width and height of the first one; None where it is no picture.
    """

    pattern: str
    count: int
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class ObjectSummary:
    """One object.

    Attributes:
        name: the object's.
        folder: where it lies.
        views: how many.
        view_ids: their numbers, as text.
        poses: by which rule they were read.
        distance: least and largest distance of the cameras from the object's centre, model units.
        elevation_deg: least and largest elevation of the cameras.
        largest_gap_deg: of the directions between those elevations, the one farthest from a view.
        aim_deg, roll_deg: largest deviation from an upright camera that looks at the centre.
        masks: whether the views have masks.
        mask_share: mean share of the picture that the object fills; None without masks.
        focal_per_width: least and largest focal length over picture width, where it is recorded (the model's is 1.094).
        scale: model units per metre; None without metric scale.
        subsets: number of views of each named part.
        licence: what is known.
        files: what lies in the folder.
        disk_bytes: size of all files.
        state: of a recording: ``complete``, ``unfinished`` or ``recording``; empty for other data.
    """

    name: str
    folder: str
    views: int
    view_ids: str
    poses: str
    distance: tuple[float, float]
    elevation_deg: tuple[float, float]
    largest_gap_deg: float
    aim_deg: float
    roll_deg: float
    masks: bool
    mask_share: float | None
    focal_per_width: tuple[float, float] | None
    scale: float | None
    subsets: dict[str, int]
    licence: str
    files: tuple[FileGroup, ...]
    disk_bytes: int
    state: str = ""


def summarise(dataset: Dataset, name: str) -> ObjectSummary:
    """Sum one object up; its pictures are read small.

    Raises:
        DatasetError: it cannot be read.
    """
    folder = dataset.folders[name]
    views = dataset.read(name, image_size=READ_SIZE)
    files = list(dataset_files(folder))
    positions = [spherical_from_pose(pose) for pose in views.poses]
    distances = [position.radius for position in positions]
    elevations = [math.degrees(math.pi / 2 - position.polar) for position in positions]
    deviations = [aim_deviation(pose) for pose in views.poses]
    return ObjectSummary(
        name=name,
        folder=str(folder),
        views=len(views),
        view_ids=format_ids(views.view_ids),
        poses=views.pose_source,
        distance=(min(distances), max(distances)),
        elevation_deg=(min(elevations), max(elevations)),
        largest_gap_deg=_largest_gap(views, min(elevations), max(elevations)),
        aim_deg=math.degrees(max(deviation.aim for deviation in deviations)),
        roll_deg=math.degrees(max(abs(deviation.roll) for deviation in deviations)),
        masks=views.masks is not None,
        mask_share=None if views.masks is None else float(views.masks.mean()),
        focal_per_width=_focals(views),
        scale=views.scale,
        subsets={part: len(ids) for part, ids in views.subsets.items()},
        licence=views.licence,
        files=tuple(file_groups(folder, files)),
        disk_bytes=sum(path.stat().st_size for path in files),
        state=str(views.metadata.get("state", "")),
    )


def file_groups(folder: Path, files: Sequence[Path]) -> list[FileGroup]:
    """What lies in a folder: numbered files by pattern, then the rest."""
    series = numbered_series(folder, files)
    groups = [FileGroup(one.pattern, len(one.files), _picture_size(one.files[one.numbers[0]])) for one in series]
    rest = len(files) - sum(len(one.files) for one in series)
    return [*groups, FileGroup("other files", rest)] if rest else groups


def as_text(summary: ObjectSummary) -> str:
    """A block of lines."""
    low, high = summary.distance
    files = ", ".join(
        f"{group.count} {group.pattern}" + (f" ({group.size[0]}x{group.size[1]})" if group.size else "")
        for group in summary.files
    )
    lines = [
        f"{summary.name}: {summary.views} views ({summary.view_ids})",
        f"  files: {files}; {readable_bytes(summary.disk_bytes)}",
        f"  poses: {summary.poses}",
        f"  cameras: {low:.2f} to {high:.2f} model units from the centre, elevation {summary.elevation_deg[0]:.0f} to "
        f"{summary.elevation_deg[1]:.0f} deg, largest gap between them {summary.largest_gap_deg:.0f} deg, aim within "
        f"{summary.aim_deg:.1f} deg, roll within {summary.roll_deg:.1f} deg",
    ]
    if summary.focal_per_width is not None:
        narrow, wide = summary.focal_per_width
        focal = f"{narrow:.3f}" if wide - narrow < 5e-4 else f"{narrow:.3f} to {wide:.3f}"
        lines.append(f"  intrinsics: focal length {focal} of the picture's width (the model's camera: 1.094)")
    masks = "none" if summary.mask_share is None else f"the object fills {summary.mask_share:.0%} of the picture"
    lines.append(f"  masks: {masks}")
    if summary.scale is not None:
        lines.append(f"  scale: longest side {1e3 / summary.scale:.1f} mm")
    if summary.subsets:
        lines.append("  parts: " + ", ".join(f"{part} {count}" for part, count in summary.subsets.items()))
    if summary.state:
        lines.append(f"  state: {summary.state}")
    if summary.licence:
        lines.append(f"  licence: {summary.licence}")
    return "\n".join(lines)


def as_dict(summary: ObjectSummary) -> dict[str, Any]:
    """The same as plain numbers and texts."""
    return asdict(summary)


def readable_bytes(count: float) -> str:
    """``4.1 MB``: powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000.0 or unit == "GB":
            break
        count /= 1000.0
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def _largest_gap(views: PosedImages, low_deg: float, high_deg: float) -> float:
    """Degrees from the farthest direction between the views' elevations to its nearest view."""
    coverage = ViewCoverage(view_directions(views.poses))
    elevations = np.degrees(np.arcsin(np.clip(coverage.wanted[:, 2], -1.0, 1.0)))
    between = (elevations >= low_deg - 1.0) & (elevations <= high_deg + 1.0)
    return math.degrees(float(coverage.nearest[between].max())) if between.any() else 0.0


def _focals(views: PosedImages) -> tuple[float, float] | None:
    if views.cameras is None:
        return None
    shares = [camera.fx / camera.width for camera in views.cameras]
    return min(shares), max(shares)


def _picture_size(path: Path) -> tuple[int, int] | None:
    if path.suffix.lower() not in PICTURES:
        return None
    try:
        with Image.open(path) as opened:
            return opened.size
    except (OSError, UnidentifiedImageError):
        return None
