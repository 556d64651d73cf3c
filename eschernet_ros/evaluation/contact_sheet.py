# SPDX-License-Identifier: Apache-2.0
"""One picture of a synthesis: references, synthesized views, true views and where the cameras stood."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.metrics import to_uint8
from eschernet_ros.evaluation.pose_drawing import REFERENCE_COLOUR, TARGET_COLOUR, draw_poses
from eschernet_ros.geometry import SE3, spherical_from_pose
from eschernet_ros.optional import require

_FEWEST_COLUMNS, _MOST_COLUMNS = 6, 12
_MOST_LABELS = 25  # targets whose numbers are drawn at their cameras
_WIDTH = 14.4  # inches
_CAPTION = 0.34  # inches, above an image
_BAND = 4.0  # inches, references and poses
_LEGEND = 0.25  # inches, below the poses
_HEAD = 0.55  # inches, title
_NOTICE = 0.36  # inches
_MARGIN = 0.42  # inches, left; holds the row labels
_DPI = 120
_POSE_PANELS = (("from the side", -60.0, 22.0), ("from above", -90.0, 90.0))


@dataclass(frozen=True, eq=False)
class SheetView:
    """One image of the sheet.

    Attributes:
        label: its number in the data set or in the request.
        image: [H,W,3], uint8 or float in [0, 1].
        pose: ``camera_gl_from_world``, model units.
        truth: the true image; None where there is none.
        psnr: dB over the full frame, printed below the view; None prints nothing.
        foreground_psnr: dB over the object's pixels, printed after it; None prints nothing.
        is_reference: for a target: the model was given this very view.
    """

    label: str
    image: NDArray
    pose: SE3
    truth: NDArray | None = None
    psnr: float | None = None
    foreground_psnr: float | None = None
    is_reference: bool = False


def contact_sheet(
    references: Sequence[SheetView],
    targets: Sequence[SheetView],
    title: str,
    notice: str | None = None,
    summary: str | None = None,
    object_size: tuple[float, float, float] = (1.0, 1.0, 1.0),
    max_targets: int = 36,
) -> bytes:
    """Draw the sheet.

    Args:
        references: the images given to the model.
        targets: the synthesized views, with truth and PSNR where known.
        title: the sheet's title.
        notice: a sentence in a banner, for example that the checkpoint is untrained; None draws none.
        summary: a phrase at the top right, for example the mean PSNR; None writes the counts only.
        object_size: sides of the object's box, model units, for the drawing of the poses.
        max_targets: of more targets, evenly spaced ones are shown, and the sheet says so.

    Returns:
        The PNG file's bytes.

    Raises:
        EscherNetError: when there is no reference or no target.
        MissingDependencyError: when matplotlib is not installed.
    """
    if not references or not targets:
        raise EscherNetError("A contact sheet needs at least one reference and one target.")
    figure_module = require("matplotlib.figure", "pip install matplotlib", "the contact sheet")
    agg = require("matplotlib.backends.backend_agg", "pip install matplotlib", "the contact sheet")

    shown = list(targets)
    if len(shown) > max_targets:
        picks = np.unique(np.linspace(0, len(shown) - 1, max_targets).round().astype(int))
        shown = [shown[int(pick)] for pick in picks]
    layout = _Layout(len(references), shown, bool(notice))
    figure = figure_module.Figure(figsize=(layout.width, layout.height), dpi=_DPI, facecolor="white")
    canvas = agg.FigureCanvasAgg(figure)
    page = _Page(figure, layout)

    page.text(_MARGIN, 0.32, title, size=15, weight="bold")
    subtitle = f"{_count(len(references), 'reference')}, {_count(len(targets), 'target')}"
    if len(shown) < len(targets):
        subtitle += f" ({len(shown)} of them shown, evenly spaced)"
    if summary:
        subtitle += f"; {summary}"
    page.text(layout.width - 0.15, 0.32, subtitle, size=10, colour="#57534e", align="right")
    if notice:
        page.banner(_HEAD, _NOTICE, notice)
    _draw_references(page, references)
    _draw_pose_panels(page, references, targets, object_size)
    _draw_targets(page, shown)

    buffer = io.BytesIO()
    canvas.print_png(buffer)
    return buffer.getvalue()


def save_contact_sheet(path: str | Path, *args: Any, **keywords: Any) -> None:
    """Draw the sheet as :func:`contact_sheet` does, into a PNG file."""
    Path(path).write_bytes(contact_sheet(*args, **keywords))


class _Layout:
    """Where things lie, in inches from the top left corner."""

    def __init__(self, references: int, targets: Sequence[SheetView], notice: bool) -> None:
        self.with_truth = any(view.truth is not None for view in targets)
        self.blocks = math.ceil(len(targets) / _MOST_COLUMNS)
        self.columns = max(_FEWEST_COLUMNS, math.ceil(len(targets) / self.blocks))
        self.width = _WIDTH
        self.cell = (_WIDTH - _MARGIN - 0.09) / self.columns
        self.band_top = _HEAD + (_NOTICE + 0.12 if notice else 0.0)
        self.targets_top = self.band_top + _BAND + _LEGEND + 0.1
        self.block = _CAPTION + (2 if self.with_truth else 1) * self.cell + (0.3 if self.with_truth else 0.1)
        self.height = self.targets_top + self.blocks * self.block + 0.1
        self.poses_width = 2 * _BAND
        self.references_width = self.width - _MARGIN - self.poses_width - 0.3
        self.reference_columns, self.reference_cell = _fit_grid(references, self.references_width, _BAND + _LEGEND)


def _fit_grid(count: int, width: float, height: float) -> tuple[int, float]:
    """Columns and cell side with which ``count`` captioned squares fill a rectangle best."""
    best = (1, 0.0)
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        side = min(width / columns, height / rows - _CAPTION)
        if side > best[1]:
            best = (columns, side)
    return best


class _Page:
    """Draws on a figure in inches from its top left corner."""

    def __init__(self, figure: Any, layout: _Layout) -> None:
        self.figure = figure
        self.layout = layout

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        colour: str = "#1c1917",
        align: str = "left",
        weight: str = "normal",
        rotation: float = 0.0,
    ) -> None:
        self.figure.text(
            x / self.layout.width,
            1.0 - y / self.layout.height,
            words,
            fontsize=size,
            color=colour,
            ha=align,
            va="center",
            fontweight=weight,
            rotation=rotation,
            parse_math=False,
        )

    def row_label(self, y: float, words: str, colour: str) -> None:
        self.text(0.2, y, words, 10, colour, "center", rotation=90)

    def axes(self, x: float, y: float, width: float, height: float) -> Any:
        total_width, total_height = self.layout.width, self.layout.height
        return self.figure.add_axes(
            (x / total_width, 1.0 - (y + height) / total_height, width / total_width, height / total_height)
        )

    def image(self, x: float, y: float, side: float, image: NDArray, colour: str) -> None:
        axes = self.axes(x, y, side, side)
        axes.imshow(to_uint8(image), interpolation="bilinear" if min(image.shape[:2]) < 128 else "antialiased")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(colour)
            spine.set_linewidth(1.2)

    def banner(self, y: float, height: float, words: str) -> None:
        axes = self.axes(_MARGIN, y, self.layout.width - _MARGIN - 0.15, height)
        axes.set_facecolor("#fef3c7")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color("#d97706")
        axes.text(
            0.5,
            0.47,
            words,
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=11,
            color="#92400e",
            fontweight="bold",
            parse_math=False,
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _angles(pose: SE3) -> str:
    azimuth, polar, _ = spherical_from_pose(pose)
    return f"az {round(math.degrees(azimuth)) % 360}° el {90 - math.degrees(polar):.0f}°"


def _draw_references(page: _Page, references: Sequence[SheetView]) -> None:
    layout = page.layout
    columns, cell = layout.reference_columns, layout.reference_cell
    for position, view in enumerate(references):
        row, column = divmod(position, columns)
        x = _MARGIN + column * cell
        y = layout.band_top + row * (cell + _CAPTION)
        side = cell - 0.08
        _caption(page, x + side / 2, y, view, REFERENCE_COLOUR)
        page.image(x, y + _CAPTION, side, view.image, REFERENCE_COLOUR)
    page.row_label(layout.band_top + _CAPTION + cell / 2, "references", REFERENCE_COLOUR)


def _draw_pose_panels(
    page: _Page,
    references: Sequence[SheetView],
    targets: Sequence[SheetView],
    object_size: tuple[float, float, float],
) -> None:
    layout = page.layout
    left = layout.width - layout.poses_width - 0.1
    for number, (words, azimuth, elevation) in enumerate(_POSE_PANELS):
        asked = [view for view in targets if not view.is_reference]
        axes = page.axes(left + number * _BAND, layout.band_top, _BAND, _BAND)
        draw_poses(
            axes,
            [view.pose for view in references],
            [view.pose for view in asked],
            [view.label for view in references],
            [view.label if len(asked) <= _MOST_LABELS else "" for view in asked],
            object_size,
            azimuth,
            elevation,
        )
        page.text(left + number * _BAND + 0.1, layout.band_top + 0.1, words, 9, "#57534e")
    below = layout.band_top + _BAND + 0.12
    page.text(left + 0.1, below, "references", 9, REFERENCE_COLOUR, weight="bold")
    page.text(left + 1.0, below, "targets", 9, TARGET_COLOUR, weight="bold")
    page.text(left + 1.7, below, "circles: distance 1, 1.5, 2 longest sides", 8, "#78716c")


def _draw_targets(page: _Page, targets: Sequence[SheetView]) -> None:
    layout = page.layout
    cell = layout.cell
    side = cell - 0.06
    for position, view in enumerate(targets):
        block, column = divmod(position, layout.columns)
        x = _MARGIN + column * cell
        y = layout.targets_top + block * layout.block
        _caption(page, x + side / 2, y, view, TARGET_COLOUR)
        page.image(x, y + _CAPTION, side, view.image, TARGET_COLOUR)
        if column == 0:
            page.row_label(y + _CAPTION + side / 2, "synthesized", TARGET_COLOUR)
        if not layout.with_truth:
            continue
        if column == 0:
            page.row_label(y + _CAPTION + cell + side / 2, "true", "#44403c")
        if view.truth is not None:
            page.image(x, y + _CAPTION + cell, side, view.truth, "#a8a29e")
        if view.psnr is not None:
            numbers = f"{view.psnr:.1f}"
            if view.foreground_psnr is not None:
                numbers += f" / {view.foreground_psnr:.1f}"
            page.text(x + side / 2, y + _CAPTION + 2 * cell + 0.06, numbers + " dB", 7.5, "#44403c", "center")


def _caption(page: _Page, x: float, y: float, view: SheetView, colour: str) -> None:
    label = f"{view.label} (reference)" if view.is_reference else view.label
    page.text(x, y + 0.10, label, 9, colour, "center", weight="bold")
    page.text(x, y + 0.25, _angles(view.pose), 7, "#57534e", "center")
