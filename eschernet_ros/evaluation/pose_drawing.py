# SPDX-License-Identifier: Apache-2.0
"""Draws camera frusta around the object, seen from one direction, on matplotlib axes.

The projection is orthographic and done here, so that what is nearer is drawn later and every camera keeps its
number; matplotlib's own 3D axes order whole collections only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.geometry import SE3, model_camera
from eschernet_ros.optional import require

REFERENCE_COLOUR = "#c2410c"
TARGET_COLOUR = "#1d4ed8"
_FRUSTUM_DEPTH, _CROWDED_DEPTH, _CROWD = 0.30, 0.14, 40
_AXIS_COLOURS = {"x": "#dc2626", "y": "#16a34a", "z": "#2563eb"}


def draw_poses(
    axes: Any,
    reference_poses: Sequence[SE3],
    target_poses: Sequence[SE3],
    reference_labels: Sequence[str],
    target_labels: Sequence[str],
    object_size: tuple[float, float, float],
    azimuth_deg: float,
    elevation_deg: float,
) -> None:
    """Draw the object's box, its axes and the frusta of all cameras.

    Args:
        axes: matplotlib axes; their limits and ticks are set.
        reference_poses: ``camera_gl_from_world``, model units.
        target_poses: the same; drawn in another colour.
        reference_labels: text at each reference camera.
        target_labels: text at each target camera; an empty text draws none.
        object_size: sides of the object's box, model units.
        azimuth_deg: direction from which the scene is seen, degrees.
        elevation_deg: the same; 90 is from above.
    """
    patches = require("matplotlib.patches", "pip install matplotlib", "the contact sheet")
    view = _view_rotation(np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg))
    centres = np.array([pose.inverse().translation for pose in (*reference_poses, *target_poses)])
    reach = 1.16 * max(1.0, float(np.linalg.norm(centres, axis=1).max()))
    _draw_ground(axes, view, reach, object_size)
    _draw_box(axes, view, object_size)
    _draw_axes(axes, view)
    groups = [(pose, text, TARGET_COLOUR) for pose, text in zip(target_poses, target_labels, strict=True)]
    groups += [(pose, text, REFERENCE_COLOUR) for pose, text in zip(reference_poses, reference_labels, strict=True)]
    size = _FRUSTUM_DEPTH if len(groups) <= _CROWD else _CROWDED_DEPTH
    depths = [float((view @ pose.inverse().translation)[2]) for pose, _, _ in groups]
    for order, position in enumerate(np.argsort(depths)):
        pose, _, colour = groups[int(position)]
        nearness = 0.5 + 0.5 * depths[int(position)] / reach
        is_reference = colour == REFERENCE_COLOUR
        points = (view @ _frustum(pose, size).T).T[:, :2]
        layer = 10 + 3 * order if depths[int(position)] > 0 else 1 + 0.001 * order
        opacity = 0.35 + 0.6 * nearness
        axes.add_patch(
            patches.Polygon(
                points[1:5],
                closed=True,
                facecolor=colour,
                edgecolor=colour,
                alpha=(0.55 if is_reference else 0.22) * opacity,
                linewidth=0,
                zorder=layer,
            )
        )
        for corner in points[1:5]:
            axes.plot(*np.array([points[0], corner]).T, color=colour, alpha=opacity, lw=0.8, zorder=layer)
        axes.plot(
            *points[[1, 2, 3, 4, 1]].T,
            color=colour,
            alpha=opacity,
            lw=1.8 if is_reference else 1.1,
            zorder=layer,
        )
    labels = [(text, (view @ pose.inverse().translation)[:2], colour) for pose, text, colour in groups]
    _write_labels(axes, labels, reach)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _view_rotation(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Rows: right, up and towards the onlooker, for one who looks at the origin."""
    sin_a, cos_a, sin_e, cos_e = np.sin(azimuth), np.cos(azimuth), np.sin(elevation), np.cos(elevation)
    return np.array(
        [
            [-sin_a, cos_a, 0.0],
            [-sin_e * cos_a, -sin_e * sin_a, cos_e],
            [cos_e * cos_a, cos_e * sin_a, sin_e],
        ]
    )


def _frustum(pose: SE3, depth: float) -> NDArray[np.float64]:
    """The camera's centre and the four corners of its image, [5,3], in the world."""
    camera = model_camera()
    half = 0.5 * camera.width / camera.fx * depth
    signs = np.array([(-1.0, 1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)])
    corners = np.column_stack([signs * half, np.full(4, -depth)])
    return pose.inverse() @ np.vstack([np.zeros(3), corners])


def _write_labels(axes: Any, labels: Sequence[tuple[str, NDArray[np.float64], str]], reach: float) -> None:
    """Write each text near its point, where it hides the fewest points and texts written before it."""
    box = np.array([0.075, 0.085]) * reach
    taken = [point for _, point, _ in labels]
    for text, point, colour in labels:
        if not text:
            continue
        outward = np.arctan2(point[1], point[0])
        best_cost, best = np.inf, point
        for distance in (0.10 * reach, 0.16 * reach):
            for angle in np.arange(16) * (2.0 * np.pi / 16):
                spot = point + distance * np.array([np.cos(outward + angle), np.sin(outward + angle)])
                gaps = np.abs(np.array(taken) - spot) / box
                overlap = np.clip(1.0 - gaps.max(axis=1), 0.0, None).sum()
                cost = 4.0 * overlap + 0.1 * (1.0 - np.cos(angle)) + distance / reach
                if cost < best_cost:
                    best_cost, best = cost, spot
        taken.append(best)
        axes.plot(*np.array([point, best]).T, color=colour, lw=0.5, alpha=0.5, zorder=500)
        axes.text(
            *best,
            text,
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold" if colour == REFERENCE_COLOUR else "normal",
            color=colour,
            zorder=501,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
            parse_math=False,
        )


def _draw_ground(axes: Any, view: NDArray[np.float64], reach: float, size: tuple[float, float, float]) -> None:
    """Circles at the distances 1, 1.5 and 2 on the plane the object stands on."""
    angles = np.linspace(0.0, 2.0 * np.pi, 121)
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)])
    for radius in (1.0, 1.5, 2.0):
        if radius > reach:
            break
        ring = radius * circle - np.array([[0.0], [0.0], [size[2] / 2]])
        axes.plot(*(view @ ring)[:2], color="#d6d3d1", lw=0.7, zorder=0)


def _draw_box(axes: Any, view: NDArray[np.float64], size: tuple[float, float, float]) -> None:
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = signs * np.array(size) / 2.0
    for first in range(8):
        for second in range(first + 1, 8):
            if np.count_nonzero(signs[first] != signs[second]) == 1:
                points = (view @ corners[[first, second]].T)[:2]
                axes.plot(*points, color="#57534e", lw=1.0, zorder=3)


def _draw_axes(axes: Any, view: NDArray[np.float64], length: float = 0.75) -> None:
    for direction, (name, colour) in zip(np.eye(3), _AXIS_COLOURS.items(), strict=True):
        tip = (view @ direction * length)[:2]
        if np.linalg.norm(tip) < 0.1:
            continue
        axes.annotate(
            "",
            xy=tuple(tip),
            xytext=(0.0, 0.0),
            arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.3, "shrinkA": 0, "shrinkB": 0},
            zorder=4,
        )
        axes.text(*(tip * 1.14), name, color=colour, fontsize=8, ha="center", va="center", zorder=4)
