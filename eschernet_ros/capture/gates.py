# SPDX-License-Identifier: Apache-2.0
"""Gates: what a view must pass to be worth keeping, each with a score, a limit and a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from eschernet_ros.capture.stillness import Motion, StillnessDetector
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera

SATURATED_FROM = 254
BLACK_UP_TO = 3
"""Grey levels (of 0..255) that count as clipped: debayering and compression move the very ends by one or two."""

MOVING = "arm moving"
TOO_CLOSE = "too close to a view taken"

_EDGE_SHARE = 0.02
_LEAST_EDGE_PIXELS = 50
_LINE_LENGTH = 9
_DIRECTIONS = ((1, 0), (0, 1), (1, 1), (1, -1))


@dataclass(frozen=True)
class ViewScores:
    """What the gates look at; NaN for what was not measured.

    Attributes:
        rest_motion_m, rest_turn_rad: farthest that the arm was from its pose in the rest window before the exposure.
        blur: see `blur_score`.
        saturated, black: see `clipped_shares`.
        depth_coverage: share of the object's pixels with measured depth.
        nearest_angle_rad, nearest_distance_m: angle about the object's centre, and distance, to the camera of the
            nearest view taken before (nearest by angle).
    """

    rest_motion_m: float = math.nan
    rest_turn_rad: float = math.nan
    blur: float = math.nan
    saturated: float = math.nan
    black: float = math.nan
    depth_coverage: float = math.nan
    nearest_angle_rad: float = math.nan
    nearest_distance_m: float = math.nan

    def equals(self, other: ViewScores) -> bool:
        """Tell whether all scores are the same, NaN being equal to NaN."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


class Rejection(NamedTuple):
    """A gate that a view did not pass.

    Attributes:
        gate: its name, for counters.
        reason: one clause with score, limit and remedy.
        passing: another frame a moment later may pass.
    """

    gate: str
    reason: str
    passing: bool


@dataclass(frozen=True, kw_only=True)
class Gates:
    """The limits. The defaults leave every gate open.

    Args:
        stillness: how long and how exactly the arm must have rested; None: it need not.
        max_blur: largest `blur_score`.
        max_saturated, max_black: largest `clipped_shares`.
        min_depth_coverage: smallest share of the object with measured depth.
        min_angle_rad, min_distance_m: a view that is nearer than both to one already taken is too close.

    Raises:
        EscherNetError: a share outside 0..1, a negative angle or distance.
    """

    stillness: StillnessDetector | None = None
    max_blur: float = 1.0
    max_saturated: float = 1.0
    max_black: float = 1.0
    min_depth_coverage: float = 0.0
    min_angle_rad: float = 0.0
    min_distance_m: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_blur", "max_saturated", "max_black", "min_depth_coverage"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise EscherNetError(f"gate {name} must lie in 0..1, it is {getattr(self, name)}")
        for name in ("min_angle_rad", "min_distance_m"):
            if not getattr(self, name) >= 0.0:
                raise EscherNetError(f"gate {name} must not be negative, it is {getattr(self, name)}")

    def place(self, scores: ViewScores) -> list[Rejection]:
        """Judge where the view was taken: the arm still, and not too close to another view."""
        rejections = []
        still = self.stillness
        if still is not None and (scores.rest_motion_m > still.max_linear or scores.rest_turn_rad > still.max_angular):
            rejections.append(
                Rejection(
                    MOVING,
                    f"the arm moved by {scores.rest_motion_m * 1e3:.2f} mm and "
                    f"{math.degrees(scores.rest_turn_rad):.3f} deg in the {still.window_s:g} s before the exposure "
                    f"(allowed: {still.max_linear * 1e3:.2f} mm, {math.degrees(still.max_angular):.3f} deg): "
                    "let it rest",
                    True,
                )
            )
        if scores.nearest_angle_rad < self.min_angle_rad and scores.nearest_distance_m < self.min_distance_m:
            rejections.append(
                Rejection(
                    TOO_CLOSE,
                    f"a view was already taken {math.degrees(scores.nearest_angle_rad):.1f} deg and "
                    f"{scores.nearest_distance_m * 1e3:.0f} mm from here (a new one differs by "
                    f"{math.degrees(self.min_angle_rad):.1f} deg about the object or "
                    f"{self.min_distance_m * 1e3:.0f} mm): move the camera",
                    False,
                )
            )
        return rejections

    def image(self, scores: ViewScores) -> list[Rejection]:
        """Judge the picture: sharp, well exposed, and the object's depth measured."""
        rejections = []
        if scores.blur > self.max_blur:
            rejections.append(
                Rejection(
                    "blurred",
                    f"the object's edges are blurred (score {scores.blur:.2f}, at most {self.max_blur:.2f}): "
                    "let the arm rest, shorten the exposure, or focus",
                    True,
                )
            )
        for gate, share, limit, remedy in (
            ("saturated", scores.saturated, self.max_saturated, "shorten the exposure or dim the light"),
            ("black", scores.black, self.max_black, "lengthen the exposure or light the object"),
        ):
            if share > limit:
                rejections.append(
                    Rejection(
                        gate, f"{share:.0%} of the object's pixels are {gate} (at most {limit:.0%}): {remedy}", False
                    )
                )
        if scores.depth_coverage < self.min_depth_coverage:
            rejections.append(
                Rejection(
                    "little depth",
                    f"only {scores.depth_coverage:.0%} of the object has measured depth (at least "
                    f"{self.min_depth_coverage:.0%}): it is too near, shiny or dark for the depth camera; "
                    "move back, change the angle, or turn its emitter on",
                    False,
                )
            )
        return rejections


def motion_scores(motion: Motion) -> dict[str, float]:
    """The scores of the arm's rest, by their names in `ViewScores`."""
    return {"rest_motion_m": motion.linear, "rest_turn_rad": motion.angular}


def nearest_view(
    base_from_camera: SE3, object_frame: ObjectFrame, taken: Iterable[tuple[ObjectFrame, SE3]]
) -> dict[str, float]:
    """Angle and distance to the nearest view of the same object, by their names in `ViewScores`.

    Args:
        base_from_camera: the camera now, metres.
        object_frame: the object now.
        taken: of each view before, the object as it stood then and ``base_from_camera``: views are compared in the
            object's frame, so an object that was moved is seen anew. Views of another size of box do not count.
    """
    here = (object_frame.base_from_object.inverse() @ base_from_camera).translation
    best = (math.nan, math.nan)
    for frame, pose in taken:
        if frame.size != object_frame.size:
            continue
        there = (frame.base_from_object.inverse() @ pose).translation
        angle = math.atan2(float(np.linalg.norm(np.cross(here, there))), float(here @ there))
        distance = float(np.linalg.norm(here - there))
        if math.isnan(best[0]) or (angle, distance) < best:
            best = (angle, distance)
    return {"nearest_angle_rad": best[0], "nearest_distance_m": best[1]}


def blur_score(colour: np.ndarray, mask: np.ndarray) -> float:
    """How blurred the object's strongest edges are: 0.2 to 0.5 in sharp camera images, 1 where nothing is sharp.

    After Crete et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric"
    (SPIE 6492, 2007): an image that is blurred already loses little when it is blurred again. The score is the share
    of gradient that a blur along its direction leaves, the largest of four directions, since motion blurs in one
    only. It is measured at the strongest 2 % of gradients in and around the mask, so that texture, contrast and noise
    hardly matter: the silhouette alone is enough.

    Args:
        colour: [H, W, 3] uint8 RGB.
        mask: [H, W] bool, the object.

    Returns:
        0..1; NaN for an object of fewer than 50 pixels, or one without any gradient.
    """
    import cv2

    if np.count_nonzero(mask) < _LEAST_EDGE_PIXELS:
        return math.nan
    margin = 2 * _LINE_LENGTH
    window = _window(mask, margin)
    levels = cv2.cvtColor(np.ascontiguousarray(colour[window]), cv2.COLOR_RGB2GRAY)
    grey = cv2.GaussianBlur(levels.astype(np.float32), (0, 0), 0.8)
    region = cv2.dilate(mask[window].astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    count = max(_LEAST_EDGE_PIXELS, int(_EDGE_SHARE * np.count_nonzero(region)))
    worst = math.nan
    for dx, dy in _DIRECTIONS:
        derivative = np.zeros((3, 3), np.float32)
        derivative[1 + dy, 1 + dx], derivative[1 - dy, 1 - dx] = 0.5, -0.5
        gradient = np.asarray(cv2.filter2D(grey, -1, derivative), np.float32)
        sharp = np.abs(gradient[region])
        strongest = np.argpartition(sharp, -count)[-count:]
        total = float(sharp[strongest].sum())
        if total > 0.0:
            again = np.abs(cv2.filter2D(gradient, -1, _line(dx, dy))[region][strongest])
            worst = float(np.fmax(worst, again.sum() / total))
    return worst


def clipped_shares(colour: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Share of the mask's pixels with any channel saturated, and with every channel black; NaN for an empty mask.

    Args:
        colour: [H, W, 3] uint8 RGB.
        mask: [H, W] bool.
    """
    pixels = colour[mask]
    if len(pixels) == 0:
        return math.nan, math.nan
    highest = pixels.max(axis=1)
    return float((highest >= SATURATED_FROM).mean()), float((highest <= BLACK_UP_TO).mean())


def depth_coverage(depth: np.ndarray, region: np.ndarray) -> float:
    """Share of the region's pixels with measured depth (0 and NaN are none); NaN for an empty region.

    Args:
        depth: [H, W] metres.
        region: [H, W] bool.
    """
    values = depth[region]
    return float((values > 0.0).mean()) if len(values) else math.nan


def box_region(camera: PinholeCamera, object_from_camera: SE3, size: Sequence[float]) -> np.ndarray:
    """Pixels [H, W] bool that the object's box covers; none when a corner of it lies behind the camera.

    Args:
        camera: the source camera.
        object_from_camera: pose of its optical frame in the object frame, metres.
        size: sides of the box, metres.
    """
    import cv2

    region = np.zeros((camera.height, camera.width), np.uint8)
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * size
    pixels = camera.project(object_from_camera.inverse() @ corners)
    if np.isfinite(pixels).all():
        far = 8 * max(camera.width, camera.height)  # OpenCV draws with 16 bits beside the fraction
        hull = cv2.convexHull(np.clip(pixels, -far, far).astype(np.float32))
        cv2.fillConvexPoly(region, np.round(hull).astype(np.int32), 1)
    return region.astype(bool)


def image_scores(
    colour: np.ndarray, depth: np.ndarray | None, mask: np.ndarray | None, region: np.ndarray
) -> dict[str, float]:
    """The scores of a source picture, by their names in `ViewScores`.

    Args:
        colour: [H, W, 3] uint8 RGB.
        depth: [H, W] metres, or None: coverage is not measured.
        mask: the object's pixels, or None: ``region`` stands in.
        region: where the object's depth should be: its mask if that did not come from depth, else its box.
    """
    shown = region if mask is None else mask
    saturated, black = clipped_shares(colour, shown)
    return {
        "blur": blur_score(colour, shown),
        "saturated": saturated,
        "black": black,
        "depth_coverage": math.nan if depth is None else depth_coverage(depth, region),
    }


def _window(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def _line(dx: int, dy: int) -> np.ndarray:
    """Kernel that averages along a direction."""
    kernel = np.zeros((_LINE_LENGTH, _LINE_LENGTH), np.float32)
    centre = _LINE_LENGTH // 2
    for i in range(-centre, centre + 1):
        kernel[centre + i * dy, centre + i * dx] = 1.0 / _LINE_LENGTH
    return kernel
