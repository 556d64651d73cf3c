# SPDX-License-Identifier: Apache-2.0
"""One picture of a check: where the cameras stood, how far each frame is off, and the worst pair's epipolar lines."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.judge import FOCAL_OF_LIMITS, Judgement
from eschernet_ros.checking.recording import CheckFrame
from eschernet_ros.geometry import SE3
from eschernet_ros.geometry.epipolar import epipolar_line, essential_matrix, symmetric_distance
from eschernet_ros.optional import require

FloatArray = NDArray[np.float64]

_INSTALL = "pip install matplotlib"
_PURPOSE = "the picture of the check"
_VERDICTS = {"pass": "#15803d", "suspicious": "#b45309", "bad": "#b91c1c", "cannot judge": "#57534e"}
_LEVELS = ("#16a34a", "#f59e0b", "#dc2626")
_UNKNOWN = "#a8a29e"
_MATCHES = 8
_WIDTH, _HEIGHT, _DPI = 15.0, 10.6, 110
_INK, _FAINT = "#1c1917", "#57534e"


def check_picture(judgement: Judgement) -> bytes:
    """Draw the picture; returns the PNG file's bytes.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure_module = require("matplotlib.figure", _INSTALL, _PURPOSE)
    agg = require("matplotlib.backends.backend_agg", _INSTALL, _PURPOSE)
    figure = figure_module.Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, facecolor="white")
    canvas = agg.FigureCanvasAgg(figure)
    _head(figure, judgement)
    errors, unit, limits = _errors(judgement)
    colours = [_colour(value, limits) for value in errors]
    centre, reach = _scene(judgement)
    turn = _widest_azimuth(judgement, centre)
    side = figure.add_axes((0.03, 0.475, 0.285, 0.385))
    top = figure.add_axes((0.33, 0.475, 0.285, 0.385))
    _frusta(side, judgement, colours, centre, reach, _looking(turn, 0.0), "seen from the side")
    _frusta(top, judgement, colours, centre, reach, _looking(turn, np.pi / 2), "seen from above")
    _bars(figure.add_axes((0.66, 0.53, 0.32, 0.325)), judgement, errors, unit, limits, colours)
    _worst_pair(figure, judgement)
    _text(figure, judgement)
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    return buffer.getvalue()


def save_check_picture(path: Path, judgement: Judgement) -> None:
    """Draw the picture into a PNG file."""
    path.write_bytes(check_picture(judgement))


def _head(figure: Any, judgement: Judgement) -> None:
    colour = _VERDICTS[judgement.verdict]
    figure.text(
        0.03,
        0.955,
        judgement.verdict.upper(),
        fontsize=17,
        fontweight="bold",
        color="white",
        va="center",
        bbox={"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "none"},
    )
    offset = 0.03 + 0.0125 * len(judgement.verdict) + 0.03
    figure.text(offset, 0.964, judgement.recording.name, fontsize=15, fontweight="bold", color=_INK, va="center")
    figure.text(offset, 0.940, judgement.recording.source, fontsize=9, color=_FAINT, va="center", parse_math=False)
    sentence = "\n".join(textwrap.wrap(judgement.sentence, 175)[:3])
    figure.text(0.03, 0.916, sentence, fontsize=10, color=_INK, va="top", parse_math=False, linespacing=1.35)


def _errors(judgement: Judgement) -> tuple[list[float], str, tuple[float, float]]:
    """The measure that is drawn: the first that most frames have, its unit, and its limits."""
    frames = judgement.frames
    epipolar = [frame.epipolar_px for frame in frames]
    depth = [frame.depth_mm for frame in frames]
    if np.isfinite(epipolar).sum() * 2 >= len(frames):
        focal = float(np.median([np.sqrt(f.camera.fx * f.camera.fy) for f in judgement.recording.frames]))
        low, high = (limit * focal / FOCAL_OF_LIMITS for limit in judgement.limits.epipolar_px)
        return epipolar, "epipolar error, px", (low, high)
    if np.isfinite(depth).sum() * 2 >= len(frames):
        distance = judgement.depth_mm / judgement.depth_share if judgement.depth_share > 0.0 else 400.0
        low, high = (limit * distance for limit in judgement.limits.depth_share)
        return depth, "depth disagreement, mm", (low, high)
    missing = [100.0 * (1.0 - frame.silhouette) for frame in frames]
    good, bad = judgement.limits.silhouette
    return missing, "share of the mask outside the hull, %", (100.0 * (1.0 - good), 100.0 * (1.0 - bad))


def _colour(value: float, limits: tuple[float, float]) -> str:
    if not np.isfinite(value):
        return _UNKNOWN
    return _LEVELS[0] if value <= limits[0] else _LEVELS[1] if value <= limits[1] else _LEVELS[2]


def _scene(judgement: Judgement) -> tuple[FloatArray, float]:
    """The middle of the cameras and of what they look at, as well as there is such a point, and a radius around it."""
    poses = judgement.recording.world_from_camera
    centres = np.array([pose.translation for pose in poses])
    axes = np.array([pose.matrix[:3, 2] for pose in poses])
    projectors = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    spread = max(float(np.linalg.norm(np.ptp(centres, axis=0))), 1e-3)
    # a weak pull towards the middle of the cameras keeps parallel axes from meeting far away
    normal = projectors.sum(axis=0) + 1e-3 * len(poses) * np.eye(3)
    right = np.einsum("nij,nj->i", projectors, centres) + 1e-3 * len(poses) * centres.mean(axis=0)
    target = np.linalg.solve(normal, right)
    if np.linalg.norm(target - centres.mean(axis=0)) > 4.0 * spread:
        target = centres.mean(axis=0)
    everything = np.vstack([centres, target])
    middle = 0.5 * (everything.min(axis=0) + everything.max(axis=0))
    reach = float(np.linalg.norm(everything - middle, axis=1).max())
    return middle, max(reach, 1e-3)


def _widest_azimuth(judgement: Judgement, centre: FloatArray) -> float:
    """Direction (radians) from which, on the ground, the cameras lie spread out to the sides."""
    flat = np.array([pose.translation[:2] for pose in judgement.recording.world_from_camera]) - centre[:2]
    direction = np.linalg.svd(flat - flat.mean(axis=0))[2][0]
    return float(np.arctan2(direction[1], direction[0])) - np.pi / 2


def _looking(azimuth: float, elevation: float) -> FloatArray:
    """Rows: right, up and towards an onlooker at this azimuth and elevation; the world's z is up."""
    sin_a, cos_a, sin_e, cos_e = np.sin(azimuth), np.cos(azimuth), np.sin(elevation), np.cos(elevation)
    return np.array(
        [[-sin_a, cos_a, 0.0], [-sin_e * cos_a, -sin_e * sin_a, cos_e], [cos_e * cos_a, cos_e * sin_a, sin_e]]
    )


def _frusta(
    axes: Any,
    judgement: Judgement,
    colours: list[str],
    centre: FloatArray,
    reach: float,
    view: FloatArray,
    title: str,
) -> None:
    patches = require("matplotlib.patches", _INSTALL, _PURPOSE)
    recording = judgement.recording
    flat = [(view @ (_frustum(frame, pose, 0.25 * reach) - centre).T).T for frame, pose in _posed(judgement)]
    drawn = np.concatenate(flat)[:, :2]
    middle = 0.5 * (drawn.min(axis=0) + drawn.max(axis=0))
    reach = 0.62 * float(np.ptp(drawn, axis=0).max())
    severity = [(_LEVELS.index(colour) if colour in _LEVELS else -1) for colour in colours]
    for order, index in enumerate(np.lexsort([[f[0, 2] for f in flat], severity])):
        points, colour = flat[index][:, :2], colours[index]
        axes.add_patch(
            patches.Polygon(points[1:5], closed=True, facecolor=colour, alpha=0.16, linewidth=0, zorder=2 + order)
        )
        for corner in points[1:5]:
            axes.plot(*np.array([points[0], corner]).T, color=colour, lw=0.8, alpha=0.85, zorder=2 + order)
        axes.plot(*points[[1, 2, 3, 4, 1]].T, color=colour, lw=1.1, alpha=0.85, zorder=2 + order)
    named = range(len(flat)) if len(flat) <= 30 else [i for i, level in enumerate(severity) if level > 0][:30]
    for index in named:
        axes.text(
            *flat[index][0, :2],
            _short(recording.frames[index].name),
            fontsize=6.5,
            color=colours[index],
            ha="center",
            va="center",
            zorder=900,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7},
            parse_math=False,
        )
    axes.set_xlim(middle[0] - reach, middle[0] + reach)
    axes.set_ylim(middle[1] - reach, middle[1] + reach)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#d6d3d1")
    length = 10.0 ** np.floor(np.log10(reach))
    unit = recording.length_unit_m
    label = f"{length * unit * 100:.3g} cm" if unit is not None else f"{length:.3g} units"
    left, low = middle - 0.93 * reach
    axes.plot([left, left + length], [low, low], color=_INK, lw=2.0, zorder=950)
    axes.text(left, low + 0.03 * reach, label, fontsize=7.5, color=_INK, va="bottom", zorder=950)
    axes.set_title(f"cameras {title}", fontsize=10, color=_INK, loc="left")


def _short(name: str) -> str:
    """A frame's name without what all names of a recording share."""
    short = name.removeprefix("frame-").removesuffix(" s")
    return str(int(short)) if short.isdigit() else short


def _posed(judgement: Judgement) -> list[tuple[CheckFrame, SE3]]:
    return list(zip(judgement.recording.frames, judgement.recording.world_from_camera, strict=True))


def _frustum(frame: CheckFrame, pose: SE3, depth: float) -> FloatArray:
    """A camera's centre and the four corners of its picture, [5, 3], in the world."""
    camera = frame.camera
    right, low = camera.width - 0.5, camera.height - 0.5
    corners = np.array([[-0.5, -0.5], [right, -0.5], [right, low], [-0.5, low]])
    rays = np.concatenate([(corners - (camera.cx, camera.cy)) / (camera.fx, camera.fy), np.ones((4, 1))], axis=1)
    return pose @ np.vstack([np.zeros(3), depth * rays])


def _bars(
    axes: Any,
    judgement: Judgement,
    errors: list[float],
    unit: str,
    limits: tuple[float, float],
    colours: list[str],
) -> None:
    finite = [value for value in errors if np.isfinite(value)]
    top = max([1.35 * limits[1], *(1.1 * value for value in finite)])
    places = np.arange(len(errors))
    axes.bar(places, np.nan_to_num(errors), color=colours, width=0.75)
    for place, value in zip(places, errors, strict=True):
        if not np.isfinite(value):
            axes.text(place, 0.02 * top, "?", color=_UNKNOWN, ha="center", fontsize=8)
    for limit, colour, word in zip(limits, (_LEVELS[1], _LEVELS[2]), ("suspicious", "bad"), strict=True):
        axes.axhline(limit, color=colour, lw=1.0, ls="--")
        axes.text(len(errors) - 0.3, limit, word, color=colour, fontsize=7.5, ha="left", va="center", rotation=90)
    names = [frame.name.removeprefix("frame-") for frame in judgement.frames]
    shown = places[:: max(1, len(places) // 26)]
    axes.set_xticks(shown, [names[i] for i in shown], rotation=90, fontsize=7)
    axes.set_xlim(-0.6, len(errors) - 0.4)
    axes.set_ylim(0.0, top)
    axes.tick_params(axis="y", labelsize=8)
    for spine in ("top", "right"):
        axes.spines[spine].set_visible(False)
    axes.set_title(f"{unit}, median of each frame", fontsize=10, color=_INK, loc="left")


def _worst_pair(figure: Any, judgement: Judgement) -> None:
    judged = judgement.worst_pair
    if judged is None:
        figure.text(0.03, 0.40, "No pair of frames shares enough features to draw epipolar lines.", color=_FAINT)
        _masks(figure, judgement)
        return
    pair, frames = judged.pair, judgement.recording.frames
    first, second = frames[pair.first], frames[pair.second]
    figure.text(
        0.03,
        0.445,
        f"worst pair: {first.name} and {second.name}, median {judged.epipolar_px:.2f} px "
        f"(the best motion leaves {judged.floor_px:.2f} px; {len(pair)} matches)",
        fontsize=10,
        color=_INK,
        parse_math=False,
    )
    left, right = figure.add_axes((0.03, 0.015, 0.295, 0.405)), figure.add_axes((0.335, 0.015, 0.295, 0.405))
    poses = judgement.recording.world_from_camera
    essential = essential_matrix(poses[pair.second].inverse() @ poses[pair.first])
    chosen = _spread(pair.pixels_first, _MATCHES)
    palette = require("matplotlib", _INSTALL, _PURPOSE).colormaps["hsv"](np.linspace(0.0, 0.9, len(chosen)))
    for axes, frame, title in ((left, first, "points"), (right, second, "their epipolar lines, and where they are")):
        axes.imshow(frame.image, alpha=0.85)
        axes.set_title(f"{frame.name}: {title}", fontsize=8.5, color=_FAINT, loc="left", pad=3)
        axes.set_xlim(-0.5, frame.camera.width - 0.5)
        axes.set_ylim(frame.camera.height - 0.5, -0.5)
        axes.set_axis_off()
        axes.set_anchor("N")
    distances = symmetric_distance(essential, pair.rays_first, pair.rays_second) * pair.focal
    for colour, match in zip(palette, chosen, strict=True):
        left.plot(*pair.pixels_first[match], "o", ms=6.5, mfc=colour, mec="white", mew=0.9)
        line = epipolar_line(essential, pair.rays_first[match])
        right.plot(*_line_pixels(line, second).T, color="white", lw=2.2, alpha=0.7)
        right.plot(*_line_pixels(line, second).T, color=colour, lw=1.2)
        right.plot(*pair.pixels_second[match], "o", ms=6.5, mfc=colour, mec="white", mew=0.9)
        right.annotate(
            f"{distances[match]:.1f}",
            pair.pixels_second[match],
            xytext=(6, 4),
            textcoords="offset points",
            fontsize=7.5,
            color=_INK,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )


def _masks(figure: Any, judgement: Judgement) -> None:
    """Instead of a pair: the first pictures, and how much of each mask the hull fills."""
    for position, (frame, judged) in enumerate(
        list(zip(judgement.recording.frames, judgement.frames, strict=True))[:6]
    ):
        row, column = divmod(position, 3)
        axes = figure.add_axes((0.03 + 0.195 * column, 0.21 - 0.19 * row, 0.19, 0.16))
        axes.imshow(frame.image)
        axes.set_axis_off()
        text = f"{frame.name}: hull {judged.silhouette:.0%}" if np.isfinite(judged.silhouette) else frame.name
        axes.set_title(text, fontsize=8, color=_FAINT, loc="left", pad=2)


def _spread(pixels: FloatArray, count: int) -> list[int]:
    """Indices of points far from each other."""
    chosen = [int(np.linalg.norm(pixels - pixels.mean(axis=0), axis=1).argmax())]
    while len(chosen) < min(count, len(pixels)):
        nearest = np.linalg.norm(pixels[:, None] - pixels[chosen][None], axis=-1).min(axis=1)
        chosen.append(int(nearest.argmax()))
    return chosen


def _line_pixels(line: FloatArray, frame: CheckFrame) -> FloatArray:
    """Pixels along a line a x + b y + c = 0 of normalised coordinates, lens distortion applied."""
    camera = frame.camera
    a, b, c = line / max(float(np.linalg.norm(line[:2])), 1e-12)
    half = 1.2 * float(np.hypot(camera.width / camera.fx, camera.height / camera.fy))
    middle = np.array([-a * c, -b * c])
    along = np.array([-b, a])
    points = middle + np.linspace(-half, half, 200)[:, None] * along
    pixels = camera.project(np.concatenate([points, np.ones((len(points), 1))], axis=1))
    pixels[~camera.contains(pixels)] = np.nan
    return pixels


def _text(figure: Any, judgement: Judgement) -> None:
    """Causes and findings, as many as fit."""
    lines: list[tuple[str, str]] = []
    for cause in judgement.causes:
        lines += [(line, _INK) for line in textwrap.wrap(cause.text, 72)]
        lines.append(("", _INK))
    for finding in judgement.findings:
        if finding.topic == "note":
            continue
        colour = _LEVELS[finding.level] if finding.level else _INK
        lines += [(line, colour) for line in textwrap.wrap(f"• {finding.text}", 76, subsequent_indent="  ")]
    figure.text(0.655, 0.445, "likely cause and findings", fontsize=10, color=_INK)
    room = 26
    if len(lines) > room:
        lines = [*lines[: room - 1], ("... all of it is in check.json", _FAINT)]
    for row, (line, colour) in enumerate(lines):
        figure.text(0.655, 0.424 - 0.0158 * row, line, fontsize=8.5, color=colour, va="top", parse_math=False)
