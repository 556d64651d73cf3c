# SPDX-License-Identifier: Apache-2.0
"""Where the object is in the world of a scene: what structure from motion and transforms files do not say.

The model wants the object at the origin, z up, its longest side 1. A scene of real photographs has a world of its own,
of arbitrary origin, direction and scale. ``object_frame.json`` beside it tells; :func:`choose_placement` has rules for
scenes without.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, STANDOFF_RANGE
from eschernet_ros.json_file import read_json_object

OBJECT_FRAME_FILE = "object_frame.json"
MEDIAN_STANDOFF = (STANDOFF_RANGE[0] + STANDOFF_RANGE[1]) / 2
"""Where the size of the object is unknown, the median camera is put so far from its centre, model units."""
LEAST_POINTS = 20
"""Fewer points inside the masks say nothing about the object's box."""

PlacementRule = Literal["auto", "file", "points", "axes"]
PLACEMENT_RULES: tuple[str, ...] = get_args(PlacementRule)

_PARALLEL = 1e-3
"""Smallest eigenvalue of mean(I - d d^T) below which optical axes count as parallel (all within about 2 degrees)."""
_BOX_PERCENTILES = (2.0, 98.0)


@dataclass(frozen=True)
class ObjectPlacement:
    """The object in a scene's world.

    Args:
        world_from_object: pose of the object's centre in the world, world units; z is the object's up.
        unit: the length in world units that becomes 1 in model units: the object's longest side, where it is known.
        metres_per_unit: metres of one world unit; None where the world has no metric scale.
        source: a sentence that says where this comes from.

    Raises:
        DatasetError: lengths that are not positive and finite.
    """

    world_from_object: SE3
    unit: float
    metres_per_unit: float | None = None
    source: str = "Object frame as given."

    def __post_init__(self) -> None:
        for what, value in (("unit", self.unit), ("metres_per_unit", self.metres_per_unit)):
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise DatasetError(f"{what} of an object frame must be a positive length, it is {value}.")

    @property
    def scale(self) -> float | None:
        """Model units per metre; None where the world has no metric scale."""
        return None if self.metres_per_unit is None else 1.0 / (self.unit * self.metres_per_unit)

    def normalise(self, camera_gl_from_world: SE3) -> SE3:
        """``camera_gl_from_object`` in model units of a world-to-camera pose in world units."""
        pose = camera_gl_from_world @ self.world_from_object
        return SE3.from_rotation_translation(pose.matrix[:3, :3], pose.translation / self.unit)


def read_object_frame(folder: Path) -> ObjectPlacement | None:
    """The placement of ``object_frame.json`` in ``folder``; None where there is no such file.

    The file is an object with ``world_from_object`` (4x4, world units, z up, centre of the object), ``size`` (its
    three sides along those axes, world units) and ``metres_per_unit`` (null or absent: unknown).

    Raises:
        DatasetError: the file is damaged; names it and what is wrong.
    """
    path = folder / OBJECT_FRAME_FILE
    if not path.exists():
        return None
    content = read_json_object(path, DatasetError)
    needed = "it needs world_from_object (4x4) and size (3 lengths, world units)"
    if not {"world_from_object", "size"} <= set(content):
        raise DatasetError(f"{path} is no object frame: {needed}.")
    try:
        pose = SE3.from_matrix(content["world_from_object"])
        size = np.asarray(content["size"], dtype=np.float64)
        metres = content.get("metres_per_unit")
        if size.shape != (3,) or not (np.isfinite(size).all() and (size > 0.0).all()):
            raise DatasetError(f"size is {content['size']}, not three positive lengths.")
        return ObjectPlacement(
            pose, float(size.max()), None if metres is None else float(metres), f"Object frame of {OBJECT_FRAME_FILE}."
        )
    except (EscherNetError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} is no object frame ({error}): {needed}.") from error


def object_frame_text(world_from_object: SE3, size: Sequence[float], metres_per_unit: float | None = None) -> str:
    """The content of ``object_frame.json``.

    A scene whose world is the object's frame in model units, as :class:`PosedImages` holds it, has the identity,
    sides of which the longest is 1, and 1 / ``scale``.
    """
    content: dict[str, Any] = {
        "world_from_object": world_from_object.matrix.tolist(),
        "size": [float(side) for side in size],
        "metres_per_unit": metres_per_unit,
    }
    return json.dumps(content, indent=1) + "\n"


def choose_placement(
    folder: Path,
    camera_gl_from_world: Sequence[SE3],
    up: NDArray[np.float64],
    up_source: str,
    points: Callable[[], NDArray[np.float64] | None],
    rule: PlacementRule | ObjectPlacement = "auto",
) -> ObjectPlacement:
    """Where the object is.

    Rules, of which ``"auto"`` takes the first that applies:

    * ``"file"``: ``object_frame.json`` in the folder.
    * ``"points"``: the object's points span a box (2nd to 98th percentile along the object's axes); its centre is the
      object's, its longest side becomes 1.
    * ``"axes"``: the centre is the point nearest to all optical axes (least squares); the median camera is put
      `MEDIAN_STANDOFF` away from it. The size of the object stays unknown.

    In the last two, z is ``up``, and x the world's x made horizontal (y where x is upright).

    Args:
        folder: the object's folder.
        camera_gl_from_world: poses of all cameras, world units.
        up: [3] direction in the world.
        up_source: how it was found, for the sentence.
        points: gives [P,3] points of the object in the world, None where there are none; called only when needed.
        rule: one of these, or the placement itself.

    Raises:
        DatasetError: the rule cannot be followed; says what can.
    """
    if isinstance(rule, ObjectPlacement):
        return rule
    if rule not in PLACEMENT_RULES:
        raise DatasetError(f"There is no rule '{rule}' for the object's place; known are {', '.join(PLACEMENT_RULES)}.")
    if rule in ("auto", "file"):
        placed = read_object_frame(folder)
        if placed is not None:
            return placed
        if rule == "file":
            raise DatasetError(f"{folder} has no {OBJECT_FRAME_FILE}; write one, or choose another rule.")
    if rule in ("auto", "points"):
        found = points()
        if rule == "points" or (found is not None and len(found) >= LEAST_POINTS):
            return _from_points(folder, found, up, up_source)
    return _from_axes(folder, camera_gl_from_world, up, up_source)


def mean_up(camera_gl_from_world: Sequence[SE3]) -> NDArray[np.float64]:
    """Mean of the cameras' up directions in the world, unit length [3]; z where they cancel out."""
    mean = np.mean([pose.matrix[1, :3] for pose in camera_gl_from_world], axis=0)
    length = float(np.linalg.norm(mean))
    return mean / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])


def nearest_to_axes(camera_gl_from_world: Sequence[SE3]) -> NDArray[np.float64] | None:
    """The point [3] with the least sum of squared distances to all optical axes; None where they are parallel."""
    projections = []
    right_side = np.zeros(3)
    for pose in camera_gl_from_world:
        axis = pose.matrix[2, :3]
        projection = np.eye(3) - np.outer(axis, axis)
        projections.append(projection)
        right_side += projection @ pose.inverse().translation
    total = np.sum(projections, axis=0)
    if len(projections) < 2 or np.linalg.eigvalsh(total)[0] < _PARALLEL * len(projections):
        return None
    return np.linalg.solve(total, right_side)


def _from_points(
    folder: Path, points: NDArray[np.float64] | None, up: NDArray[np.float64], up_source: str
) -> ObjectPlacement:
    count = 0 if points is None else len(points)
    if points is None or count < LEAST_POINTS:
        raise DatasetError(
            f"{folder} has {count} points of the object, at least {LEAST_POINTS} are needed for its box; "
            f"write {OBJECT_FRAME_FILE}, or choose the rule 'axes'."
        )
    axes = _upright(up)
    low, high = np.percentile(points @ axes, _BOX_PERCENTILES, axis=0)
    if not (high - low).max() > 0.0:
        raise DatasetError(f"All points of {folder} are one point; write {OBJECT_FRAME_FILE}.")
    centre = axes @ ((low + high) / 2)
    return ObjectPlacement(
        SE3.from_rotation_translation(axes, centre),
        float((high - low).max()),
        source=f"Object frame from the box of {count} points; up: {up_source}.",
    )


def _from_axes(
    folder: Path, camera_gl_from_world: Sequence[SE3], up: NDArray[np.float64], up_source: str
) -> ObjectPlacement:
    centre = nearest_to_axes(camera_gl_from_world)
    if centre is None:
        raise DatasetError(
            f"The optical axes of the {len(camera_gl_from_world)} cameras of {folder} are parallel, so they do not say "
            f"where the object is; write {OBJECT_FRAME_FILE} (its pose and size in the scene's world)."
        )
    distances = [float(np.linalg.norm(pose.inverse().translation - centre)) for pose in camera_gl_from_world]
    behind = sum(float((pose @ centre)[2]) >= 0.0 for pose in camera_gl_from_world)
    if behind > len(distances) / 2:
        raise DatasetError(
            f"{behind} of {len(distances)} cameras of {folder} look away from the point that is nearest to their axes: "
            "they look outwards, or their axes have another convention than the layout says. Mend the poses, or write "
            f"{OBJECT_FRAME_FILE}."
        )
    median = float(np.median(distances))
    if not median > 0.0:
        raise DatasetError(f"All cameras of {folder} are in one place; write {OBJECT_FRAME_FILE}.")
    return ObjectPlacement(
        SE3.from_rotation_translation(_upright(up), centre),
        median / MEDIAN_STANDOFF,
        source=(
            f"Object frame: centre nearest to all optical axes, median camera {MEDIAN_STANDOFF:g} away (the object's "
            f"size is unknown); up: {up_source}."
        ),
    )


def _upright(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes of the object in the world as columns [3,3]."""
    z = np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
    first = np.array([1.0, 0.0, 0.0]) if abs(z[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    x = first - (first @ z) * z
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)
