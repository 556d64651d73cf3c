# SPDX-License-Identifier: Apache-2.0
"""A picture of a calibration: residuals of every sample, corners in the image, turns on a sphere, methods compared."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from eschernet_ros.calibration.calibrate import Calibration
from eschernet_ros.geometry.se3 import FloatArray
from eschernet_ros.optional import require

_INK, _FAINT = "#1c1917", "#d6d3d1"
_EXACT, _LEFT_OUT, _CHOSEN = "#1d4ed8", "#f59e0b", "#c2410c"
_AXIS_COLOURS = ("#dc2626", "#16a34a", "#2563eb")
_LONGEST_ARROW_SHARE = 0.07
_ARROWS = 14


def draw_calibration(calibration: Calibration, path: Path) -> None:
    """Write the picture as a PNG.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    matplotlib_figure = require("matplotlib.figure", "pip install matplotlib", "the picture of a calibration")
    figure = matplotlib_figure.Figure(figsize=(15.0, 10.0), dpi=110, layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(1.25, 1.0, 1.0), height_ratios=(1.0, 1.0))
    _draw_samples(figure.add_subplot(grid[0, 0:2]), calibration)
    _draw_sphere(figure.add_subplot(grid[0, 2], projection="3d"), calibration)
    _draw_image(figure.add_subplot(grid[1, 0]), calibration)
    _draw_methods(figure.add_subplot(grid[1, 1]), calibration)
    _write_summary(figure.add_subplot(grid[1, 2]), calibration)
    figure.savefig(path, metadata={"Software": "eschernet_ros"})


def _draw_samples(axes: Any, calibration: Calibration) -> None:
    names = [sample.name for sample in calibration.samples]
    places = np.arange(len(names))
    exact = [sample.rms_px for sample in calibration.samples]
    left_out = [np.nan if s.left_out is None else s.left_out.px for s in calibration.samples]
    detection = [sample.detection_px for sample in calibration.samples]
    axes.bar(places - 0.2, exact, 0.38, color=_EXACT, label="calibration from all samples")
    axes.bar(places + 0.2, left_out, 0.38, color=_LEFT_OUT, label="calibration from the other samples")
    axes.plot(places, detection, "_", color=_INK, ms=18, mew=2, label="noise of the corners (board alone)")
    finite = [value for value in (*exact, *left_out) if np.isfinite(value)]
    top = 1.3 * max(finite, default=1.0)
    for place, sample in zip(places, calibration.samples, strict=True):
        height = np.nanmax([sample.rms_px, sample.left_out.px if sample.left_out else np.nan])
        axes.text(
            place,
            height + 0.015 * top,
            f"{sample.shift_m * 1e3:.1f} mm\n{np.degrees(sample.turn_rad):.2f} deg",
            ha="center",
            va="bottom",
            fontsize=8 if len(names) <= 16 else 6,
            color=_INK,
        )
    axes.set_ylim(0.0, top)
    axes.set_xticks(places, names, rotation=0 if len(names) <= 16 else 60, parse_math=False)
    axes.set_xlim(-0.7, len(names) - 0.3)
    axes.set_ylabel("reprojection error, px")
    axes.set_xlabel("sample   (above the bars: what the arm's pose would have to be moved by)")
    axes.set_title("What is left of every sample", loc="left", fontweight="bold")
    axes.legend(loc="upper right", frameon=False, ncols=3, fontsize=9)
    _plain(axes)


def _draw_image(axes: Any, calibration: Calibration) -> None:
    problem = calibration.problem
    fitted = calibration.result.fitted
    assert fitted is not None
    colours = _colours(len(problem))
    residuals = [problem.pixel_residuals(i, fitted) for i in range(len(problem))]
    longest = max(float(np.percentile(np.linalg.norm(np.concatenate(residuals), axis=1), 95)), 1e-6)
    middle = np.array([problem.camera.width, problem.camera.height]) / 2.0
    gain = _nice(_LONGEST_ARROW_SHARE * problem.camera.width / longest)
    for index, (left, colour) in enumerate(zip(residuals, colours, strict=True)):
        pixels = problem.samples[index].view.pixels
        rim = _rim(pixels)
        axes.fill(*pixels[rim].T, facecolor=colour, alpha=0.06, edgecolor="none")
        axes.plot(*pixels[rim].T, color=colour, lw=1.3)
        axes.plot(*(pixels + left)[rim].T, color=colour, lw=1.0, ls=(0, (3, 2)))
        some = np.unique(np.linspace(0, len(pixels) - 1, _ARROWS).astype(int))
        axes.quiver(
            *pixels[some].T,
            *(gain * left[some]).T,
            color=colour,
            angles="xy",
            scale_units="xy",
            scale=1.0,
            width=0.0028,
            headwidth=4,
        )
        axes.text(
            *_outermost(pixels, middle),
            problem.names[index],
            color="white",
            fontsize=8 if len(problem) <= 12 else 6.5,
            ha="center",
            va="center",
            parse_math=False,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": colour, "edgecolor": "none"},
        )
    axes.set_xlim(0, problem.camera.width)
    axes.set_ylim(problem.camera.height, 0)
    axes.set_aspect("equal")
    axes.set_facecolor("#fafaf9")
    axes.set_title(f"Boards as seen (-) and predicted (- -), arrows x{gain:g}", loc="left", fontweight="bold")
    axes.set_xlabel("px")
    _plain(axes)


def _draw_sphere(axes: Any, calibration: Calibration) -> None:
    """Axes of the turns between samples in the camera's frame; both ends of an axis are drawn on the front half."""
    problem = calibration.problem
    rotations = problem.boards[:, :3, :3]
    first, second = np.triu_indices(len(problem), 1)
    turns = Rotation.from_matrix(rotations[second] @ np.swapaxes(rotations[first], -1, -2)).as_rotvec()
    angles = np.linalg.norm(turns, axis=1)
    axes_of = turns / np.maximum(angles, 1e-9)[:, None]
    # plotted as the camera sees it: x right, y down, z into the picture
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0, np.pi, 13))
    axes.plot_wireframe(np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v), color=_FAINT, lw=0.4)
    for axis, colour, name in zip(np.eye(3), _AXIS_COLOURS, ("horizontal", "vertical", "viewing"), strict=True):
        tip = _on_paper(axis[None])[0]
        axes.plot(*np.stack([-tip, tip]).T * 1.15, color=colour, lw=1.5)
        axes.text(*(1.32 * tip), name, color=colour, ha="center", va="center", fontsize=9)
    both = _on_paper(np.concatenate([axes_of, -axes_of]))
    colours = np.degrees(np.concatenate([angles, angles]))
    points = axes.scatter(
        *both.T, c=colours, cmap="viridis", s=22, vmin=0, vmax=180, depthshade=False, edgecolors="none"
    )
    axes.figure.colorbar(points, ax=axes, shrink=0.6, pad=0.02, label="turn between two samples, deg")
    axes.set_box_aspect((1, 1, 1), zoom=1.3)
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.set_zlim(-1, 1)
    axes.view_init(elev=22, azim=-58)
    axes.set_axis_off()
    spans = ", ".join(f"{span:.0f}" for span in calibration.turns.spans_deg)
    axes.set_title(f"Axes of the turns ({spans} deg)", loc="left", fontweight="bold")


def _draw_methods(axes: Any, calibration: Calibration) -> None:
    results = [result for result in calibration.results.values() if result.estimate is not None]
    places = np.arange(len(results))[::-1]
    rms = [result.rms_px for result in results]
    left_out = [result.left_out_rms().px for result in results]
    limit = 2.5 * max(min(left_out), min(rms))
    axes.barh(places + 0.2, np.minimum(rms, limit), 0.36, color=_EXACT)
    axes.barh(places - 0.2, np.minimum(left_out, limit), 0.36, color=_LEFT_OUT)
    for place, values in zip(places, zip(rms, left_out, strict=True), strict=True):
        for value, offset in zip(values, (0.2, -0.2), strict=True):
            text = f"{value:.2f}" + (" (beyond)" if value > limit else "")
            axes.text(min(value, limit) + 0.01 * limit, place + offset, text, va="center", fontsize=8)
    axes.set_yticks(places, [result.method for result in results])
    for label, result in zip(axes.get_yticklabels(), results, strict=True):
        if result.method == calibration.method:
            label.set_color(_CHOSEN)
            label.set_fontweight("bold")
    axes.set_xlim(0, 1.18 * limit)
    axes.set_xlabel("reprojection error, px: all samples, left out")
    axes.set_title("Methods", loc="left", fontweight="bold")
    _plain(axes)


def _write_summary(axes: Any, calibration: Calibration) -> None:
    axes.set_axis_off()
    pose = calibration.mount_from_camera
    mount = "flange" if calibration.problem.eye_in_hand else "base"
    noise = calibration.refined.noise
    left_out = calibration.result.left_out_rms()
    lines = [
        f"camera optical frame in the {mount}, method '{calibration.method}'",
        "t = " + ", ".join(f"{value * 1e3:.2f}" for value in pose.translation) + " mm",
        "r = " + ", ".join(f"{value:.3f}" for value in np.degrees(pose.rotvec)) + " deg (axis times angle)",
        f"deviation {calibration.spread_m * 1e3:.2f} mm, {np.degrees(calibration.spread_rad):.3f} deg (jackknife)",
        f"left out: {left_out.px:.2f} px, {left_out.shift_m * 1e3:.2f} mm, {np.degrees(left_out.turn_rad):.3f} deg",
        f"arm's noise per axis: {noise.shift * 1e3:.2f} mm, {np.degrees(noise.turn):.3f} deg",
        f"{len(calibration.problem)} samples used, {len(calibration.outliers)} left out",
        f"{calibration.board.description}",
    ]
    text = "\n".join("\n".join(textwrap.wrap(line, 62, subsequent_indent="   ")) for line in lines)
    notes = "\n".join("\n".join(textwrap.wrap(f"- {note}", 66, subsequent_indent="  ")) for note in calibration.notes)
    axes.text(0.0, 1.0, "Result", fontweight="bold", fontsize=12, va="top", transform=axes.transAxes)
    axes.text(0.0, 0.93, text, fontsize=9.5, va="top", transform=axes.transAxes, linespacing=1.45, parse_math=False)
    axes.text(
        0.0,
        0.0,
        notes,
        fontsize=8.5,
        va="bottom",
        color=_CHOSEN,
        transform=axes.transAxes,
        linespacing=1.3,
        parse_math=False,
    )


def _rim(pixels: FloatArray) -> Any:
    """Numbers of the points around the outside, the first one again at the end."""
    hull = ConvexHull(pixels).vertices
    return np.append(hull, hull[0])


def _outermost(pixels: FloatArray, middle: FloatArray) -> FloatArray:
    """The point farthest from the middle."""
    return np.asarray(pixels[np.argmax(np.linalg.norm(pixels - middle, axis=1))])


def _on_paper(vectors: FloatArray) -> FloatArray:
    """Optical axes (x right, y down, z forward) to matplotlib's 3D axes (x right, y into the paper, z up)."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=-1)


def _colours(count: int) -> list[Any]:
    colormaps = require("matplotlib", "pip install matplotlib", "the picture of a calibration").colormaps
    return [colormaps["turbo"](0.05 + 0.9 * i / max(count - 1, 1)) for i in range(count)]


def _nice(value: float) -> float:
    """The next lower of 1, 2, 5 times a power of ten, at least 1."""
    power = 10.0 ** np.floor(np.log10(max(value, 1.0)))
    return float(max(step for step in (1.0, 2.0, 5.0) if step * power <= max(value, 1.0)) * power)


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color=_FAINT, lw=0.4)
    axes.set_axisbelow(True)
