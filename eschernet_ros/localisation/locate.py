# SPDX-License-Identifier: Apache-2.0
"""From depth views to the object's box: the plane it stands on, the thing on it, the box around that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, STANDOFF_RANGE, ObjectFrame
from eschernet_ros.localisation.agreement import view_shifts
from eschernet_ros.localisation.box import merged, upright_box
from eschernet_ros.localisation.clusters import Cluster, clusters_on, plane_axes
from eschernet_ros.localisation.depth_view import DepthView
from eschernet_ros.localisation.plane import MAX_TILT_RAD, Plane, find_planes, fit_plane

TILT_WARNING_RAD = math.radians(2.0)
SHIFT_WARNING_M = 0.004
TILT_SPREAD_WARNING_RAD = math.radians(0.8)
CLICK_REACH_M = 0.10
_AROUND_M = 0.10
_LEAST_TABLE_M = 0.03
"""Standard deviation of the table's points along their shorter axis, from which its tilt can be told."""
_SAME_THING_M = 0.01
_LEAST_SHARE_OF_HEIGHT = 0.4
"""A thing on top of another that is less tall than this share of it is a part of it."""
_FEWEST_POINTS = 500
_FOOT_SIGMAS = 4.0
_TABLE_SIGMAS = 3.0


@dataclass(frozen=True, eq=False)
class Localisation:
    """An object found, and how far to trust it.

    Attributes:
        object_frame: the box in the base frame.
        plane: what it stands on, fitted around it.
        planes: nearly horizontal planes found.
        clusters: things found on that plane.
        points: points of the object that were fused.
        views: views it was seen in.
        shifts: for each of the views given, how far to the side of where the others do it sees the object, metres; NaN:
            not known.
        table_heights: for each of the views given, the height of the table under the object, metres; NaN: not seen.
        table_tilts: for each of the views given, the angle between the table that it sees alone and ``plane``, radians.
        warnings: sentences.
    """

    object_frame: ObjectFrame
    plane: Plane
    planes: int
    clusters: int
    points: int
    views: int
    shifts: tuple[float, ...]
    table_heights: tuple[float, ...]
    table_tilts: tuple[float, ...]
    warnings: tuple[str, ...]

    @property
    def spread(self) -> float:
        """The largest disagreement of a view with the others about object or table, metres; NaN: one view."""
        heights = np.array(self.table_heights)[np.isfinite(self.table_heights)]
        off = [*np.array(self.shifts)[np.isfinite(self.shifts)]]
        if len(heights) > 1:
            off.append(np.abs(heights - np.median(heights)).max())
        return float(max(off)) if off else float("nan")

    @property
    def tilt_spread(self) -> float:
        """The largest angle between the table of one view and that of all, radians; NaN: one view."""
        tilts = np.array(self.table_tilts)[np.isfinite(self.table_tilts)]
        return float(tilts.max()) if len(tilts) > 1 else float("nan")


def locate_object(
    views: Sequence[DepthView], click: ArrayLike | None = None, up: str = "plane", seed: int = 0
) -> Localisation:
    """Find the object that the views look at, or the one nearest to a click.

    The highest plane counts that something stands on, so that a turntable is a table, too. Of several things on it the
    one nearest to where the cameras look is taken.

    Args:
        views: depth from one or more places; two or more from all around give the whole box.
        click: [3] a point on or near the object, base frame, metres.
        up: ``plane`` or ``base``: what the box's z axis is, see `upright_box`.
        seed: of the plane search. The same views give the same box.

    Raises:
        EscherNetError: no view, hardly any depth, no plane, nothing on it, or a click far from everything.
    """
    if not views:
        raise EscherNetError("there is no view of the object yet: let the arm rest where the camera sees it")
    points = np.concatenate([view.points for view in views])
    noise = np.concatenate([view.noise for view in views])
    owner = np.repeat(np.arange(len(views)), [len(view.points) for view in views])
    if len(points) < _FEWEST_POINTS:
        raise EscherNetError(
            f"the {len(views)} view(s) hold {len(points)} depth points, at least {_FEWEST_POINTS} are needed: is the "
            "depth stream empty, is the object nearer than the camera can measure, or farther than the largest range?"
        )
    planes = find_planes(points, seed)
    if not planes:
        raise EscherNetError(
            f"no table was found among {len(points)} points: no plane within {math.degrees(MAX_TILT_RAD):.0f} deg of "
            "horizontal in the robot's base frame. Show more of the table, or check the hand-eye calibration"
        )
    target = np.asarray(click, dtype=np.float64) if click is not None else _looked_at(views, planes[0])
    cluster, count = _choose(planes, points, noise, target, click is not None)
    table = _table_around(cluster, points, noise)
    members = _members(cluster, table, points, noise)
    frame = upright_box(points[members], table, up)
    clouds = [points[members[owner[members] == index]] for index in range(len(views))]
    cameras = [view.base_from_camera_optical for view in views]
    seen_in = np.bincount(owner[members], minlength=len(views)) > 0
    heights, tilts = zip(*(_table_alone(view, table, frame) for view in views), strict=True)
    found = Localisation(
        object_frame=frame,
        plane=table,
        planes=len(planes),
        clusters=count,
        points=len(members),
        views=int(seen_in.sum()),
        shifts=view_shifts(clouds, cameras, frame.base_from_object.matrix[:3, 2]),
        table_heights=heights,
        table_tilts=tilts,
        warnings=(),
    )
    seen_from = [camera for camera, seen in zip(cameras, seen_in, strict=True) if seen]
    return Localisation(**{**vars(found), "warnings": tuple(_warnings(found, seen_from, click is not None))})


def standoff_advice(object_frame: ObjectFrame, base_from_camera_optical: SE3) -> tuple[float, str]:
    """The camera's distance in model units, and what to do when the model was not trained on it (else empty)."""
    nearest, farthest = STANDOFF_RANGE
    standoff = object_frame.standoff(base_from_camera_optical)
    if nearest <= standoff <= farthest:
        return standoff, ""
    return standoff, (
        f"the stand-off is {standoff:.2f} longest sides, outside the trained {nearest} to {farthest}: go to "
        f"{nearest / object_frame.scale:.2f} to {farthest / object_frame.scale:.2f} m from the object's centre"
    )


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A thing on a plane, its height above that plane and its distance from what is looked for, metres."""

    cluster: Cluster
    tall: float
    distance: float


def _choose(
    planes: Sequence[Plane],
    points: NDArray[np.float64],
    noise: NDArray[np.float64],
    target: NDArray[np.float64],
    clicked: bool,
) -> tuple[Cluster, int]:
    """The thing nearest to the target, on the highest plane that carries it, and how many things are on that plane."""
    candidates = []
    for plane in planes:
        for cluster in clusters_on(plane, points, noise):
            inside = points[cluster.members]
            tall = float(np.percentile(plane.height(inside), 99.0))
            candidates.append(_Candidate(cluster, tall, float(cKDTree(inside).query(target)[0])))
    candidates = [item for item in candidates if not any(_is_knob_of(item, other) for other in candidates)]
    if not candidates:
        middle = points.mean(axis=0)
        heights = ", ".join(f"{plane.at(middle[0], middle[1]):.3f}" for plane in planes)
        raise EscherNetError(
            f"nothing stands on the table: planes were found at z = {heights} m in the base frame, and no separate "
            "thing of 1 cm or more on any of them. Does the object show depth (dark and glossy surfaces do not), is "
            "some table visible around it?"
        )
    nearest = min(item.distance for item in candidates)
    if clicked and nearest > CLICK_REACH_M:
        x, y, z = target
        raise EscherNetError(
            f"the click at ({x:.3f}, {y:.3f}, {z:.3f}) m in the base frame is {nearest:.2f} m from the nearest thing "
            f"on the table; click within {CLICK_REACH_M} m of the object, or let the camera see it first"
        )
    chosen = min((item for item in candidates if item.distance <= nearest + _SAME_THING_M), key=lambda item: item.tall)
    count = sum(item.cluster.plane is chosen.cluster.plane for item in candidates)
    return chosen.cluster, count


def _is_knob_of(part: _Candidate, whole: _Candidate) -> bool:
    """Whether ``part`` stands on top of something in ``whole``, and is small beside it, as the knob on a lid."""
    raised = whole.tall - part.tall
    if raised < 0.01 or part.tall >= _LEAST_SHARE_OF_HEIGHT * raised:
        return False
    return float(np.isin(part.cluster.members, whole.cluster.members, assume_unique=True).mean()) > 0.8


def _looked_at(views: Sequence[DepthView], table: Plane) -> NDArray[np.float64]:
    """The point nearest to all optical axes; with one axis, where it meets the table."""
    centres = np.array([view.base_from_camera_optical.translation for view in views])
    axes = np.array([view.base_from_camera_optical.matrix[:3, 2] for view in views])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    system, side = across.sum(axis=0), (across @ centres[:, :, None]).sum(axis=0)[:, 0]
    if np.linalg.cond(system) < 1e3:
        return np.asarray(np.linalg.solve(system, side))
    slope = float(axes[0] @ table.normal)
    along = -float(table.height(centres[:1])[0]) / slope if abs(slope) > 1e-3 else 0.4
    return np.asarray(centres[0] + axes[0] * (along if 0.0 < along < 2.0 else 0.4))


def _table_around(cluster: Cluster, points: NDArray[np.float64], noise: NDArray[np.float64]) -> Plane:
    """The plane fitted anew to its points around the cluster: depth errors bend it farther away."""
    plane = cluster.plane
    centre = points[cluster.members].mean(axis=0)
    reach = np.linalg.norm(points[cluster.members] - centre, axis=1).max() + _AROUND_M
    flat = plane_axes(plane)[:2]
    near = (np.linalg.norm((points - centre) @ flat.T, axis=1) <= reach) & (
        np.abs(plane.height(points)) <= np.maximum(max(0.003, 3.0 * plane.noise), 3.0 * noise)
    )
    return fit_plane(points[near]) if int(near.sum()) >= 100 else plane


def _members(
    cluster: Cluster, table: Plane, points: NDArray[np.float64], noise: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The cluster's points, with those of its foot that the table fitted around it sets free."""
    inside = points[cluster.members]
    low, high = inside.min(axis=0) - 0.004, inside.max(axis=0) + 0.004
    height = table.height(points)
    near = np.flatnonzero(
        (points[:, :2] >= low[:2]).all(axis=1)
        & (points[:, :2] <= high[:2]).all(axis=1)
        & (height > np.maximum(max(0.0015, _TABLE_SIGMAS * table.noise), _FOOT_SIGMAS * noise))
        & (height <= table.height(inside).max())
    )
    distance, _ = cKDTree(merged(inside)).query(points[near], distance_upper_bound=0.008)
    return near[np.isfinite(distance)]


def _table_alone(view: DepthView, table: Plane, frame: ObjectFrame) -> tuple[float, float]:
    """The table as one view sees it: its z under the object and its angle to the table of all views; NaN: not seen."""
    local = frame.base_from_object.inverse() @ view.points
    half = np.array(frame.size) / 2.0
    height = table.height(view.points)
    around = (np.abs(local[:, :2]) <= half[:2] + _AROUND_M).all(axis=1) & (np.abs(height) <= 0.01)
    around &= ~(np.abs(local[:, :2]) <= half[:2] + 0.004).all(axis=1)
    if around.any():  # the edge of a turntable goes down from there
        around &= np.abs(height - np.median(height[around])) <= 0.004
    if int(around.sum()) < 300 or np.linalg.eigvalsh(np.cov(local[around, :2].T))[0] < _LEAST_TABLE_M**2:
        return float("nan"), float("nan")
    x, y, _ = frame.base_from_object.translation
    alone = fit_plane(view.points[around])
    return alone.at(x, y), float(np.arccos(np.clip(alone.normal @ table.normal, -1.0, 1.0)))


def _warnings(found: Localisation, seen_from: Sequence[SE3], clicked: bool) -> list[str]:
    warnings = []
    if found.plane.tilt > TILT_WARNING_RAD:
        warnings.append(
            f"the table is tilted by {math.degrees(found.plane.tilt):.1f} deg in the robot's base frame: if it stands "
            "level, the hand-eye calibration's rotation is suspect"
        )
    if found.clusters > 1 and not clicked:
        warnings.append(
            f"{found.clusters} things stand on the table; the one nearest to where the camera looks was taken. Click "
            "on another to choose it"
        )
    gap = _largest_gap(found.object_frame, seen_from)
    if gap > math.radians(185.0):
        warnings.append(
            f"the object was seen from one side only ({360.0 - math.degrees(gap):.0f} deg around): the box lacks what "
            "is hidden; look at it from the other side and find it again"
        )
    spread = found.spread
    if spread > SHIFT_WARNING_M:
        warnings.append(
            f"the views disagree by up to {spread * 1e3:.1f} mm about where object and table are: the hand-eye "
            "calibration, the arm's poses or the time offset are suspect"
        )
    if found.tilt_spread > TILT_SPREAD_WARNING_RAD:
        warnings.append(
            f"single views see the table tilted by up to {math.degrees(found.tilt_spread):.1f} deg against all of them "
            "together: the rotation of the hand-eye calibration is suspect"
        )
    return warnings


def _largest_gap(frame: ObjectFrame, cameras: Sequence[SE3]) -> float:
    """The widest angle around the object's z axis without a camera, radians; 0 from straight above."""
    local = np.array([frame.base_from_object.inverse() @ camera.translation for camera in cameras])
    if len(local) and (np.hypot(local[:, 0], local[:, 1]) < 0.25 * np.abs(local[:, 2])).any():
        return 0.0
    angles = np.sort(np.arctan2(local[:, 1], local[:, 0]))
    return float(np.diff(np.append(angles, angles[0] + 2.0 * np.pi)).max())
