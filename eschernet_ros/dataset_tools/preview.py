# SPDX-License-Identifier: Apache-2.0
"""Pictures of one object's views: all of them on a sheet, where they were taken from, and a turntable.

The turntable is a GIF: of all that is written without further libraries, the one form that every viewer, browser and
chat shows moving (OpenCV's wheels encode no H.264, and other codecs do not play everywhere).
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros.coverage import ViewCoverage, map_picture
from eschernet_ros.dataset_tools.view_tour import view_tour
from eschernet_ros.datasets import PosedImages
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.picture_grid import GridRow, picture_grid
from eschernet_ros.evaluation.pose_drawing import draw_poses
from eschernet_ros.geometry import spherical_from_pose, view_directions
from eschernet_ros.optional import require

COLUMNS = 10
MOST_ON_SHEET = 200
MOST_LABELS = 60
_PANELS = (("from the side", -60.0, 22.0), ("from above", -90.0, 90.0))
_DPI = 100


def views_sheet(views: PosedImages, cell: int = 128) -> Image.Image:
    """All views in the order of their numbers, with azimuth and elevation; of very many, evenly spaced ones.

    Args:
        views: the object.
        cell: side of each picture, px.
    """
    rows = _shown(len(views), MOST_ON_SHEET)
    title = f"{views.name}: {len(views)} views ({views.layout})"
    if len(rows) < len(views):
        title += f", {len(rows)} of them shown"
    lines = []
    for start in range(0, len(rows), COLUMNS):
        part = rows[start : start + COLUMNS]
        lines.append(
            GridRow(
                f"views {views.view_ids[part[0]]} to {views.view_ids[part[-1]]}",
                [_square(views.images[row]) for row in part],
                [f"{views.view_ids[row]}: {_angles(views, row)}" for row in part],
            )
        )
    return picture_grid(lines, title, cell)


def sphere_picture(views: PosedImages) -> Image.Image:
    """The cameras around the object from the side and from above, and below them the map of what they cover."""
    poses = views.poses
    labels = [str(view_id) for view_id in views.view_ids] if len(views) <= MOST_LABELS else [""] * len(views)
    directions = view_directions(poses)
    below = map_picture(ViewCoverage(directions), None, labels, f"{views.name}: the view sphere")
    width = below.shape[1] / _DPI
    figure_module = require("matplotlib.figure", "pip install matplotlib", "the view sphere")
    agg = require("matplotlib.backends.backend_agg", "pip install matplotlib", "the view sphere")
    figure = figure_module.Figure(figsize=(width, 0.53 * width), dpi=_DPI, facecolor="white")
    canvas = agg.FigureCanvasAgg(figure)
    for column, (title, azimuth, elevation) in enumerate(_PANELS):
        axes = figure.add_axes((0.5 * column, 0.0, 0.5, 0.94))
        draw_poses(axes, [], poses, [], labels, (1.0, 1.0, 1.0), azimuth, elevation)
        axes.set_title(title, fontsize=10, color="#57534e")
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    with Image.open(buffer) as opened:
        above = opened.convert("RGB")
    page = Image.new("RGB", (below.shape[1], above.height + below.shape[0]), "white")
    page.paste(above, (0, 0))
    page.paste(Image.fromarray(below), (0, above.height))
    return page


def save_turntable(path: Path, views: PosedImages, size: int = 256, frames_per_second: float = 10.0) -> int:
    """Write a GIF that goes once around the object, through all views on a short way, and begins again.

    Args:
        path: the file.
        views: the object.
        size: side of the picture, px.
        frames_per_second: 1 to 50 (GIF counts hundredths of a second).

    Returns:
        The number of frames.

    Raises:
        EscherNetError: a speed that GIF does not have, or a size that is not positive.
    """
    if not 1.0 <= frames_per_second <= 50.0:
        raise EscherNetError(f"a GIF can show 1 to 50 frames a second, not {frames_per_second:g}")
    if size < 1:
        raise EscherNetError(f"the turntable's size must be a number of pixels, it is {size}")
    order = view_tour(view_directions(views.poses))
    frames = [
        Image.fromarray(_square(views.images[row]))
        .resize((size, size), Image.Resampling.BICUBIC)
        .quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
        for row in order
    ]
    duration = 10 * round(100.0 / frames_per_second)
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0, disposal=1)
    return len(frames)


def _square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image on a white square."""
    height, width = image.shape[:2]
    side = max(height, width)
    page = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    page[top : top + height, left : left + width] = image
    return page


def _angles(views: PosedImages, row: int) -> str:
    azimuth, polar, _ = spherical_from_pose(views.poses[row])
    return f"az {math.degrees(azimuth):.0f}, el {90.0 - math.degrees(polar):.0f}"


def _shown(count: int, most: int) -> list[int]:
    return [int(row) for row in np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))]
