# SPDX-License-Identifier: Apache-2.0
"""What every view must fulfil: a mask with something in it, a camera that looks at the object, a fitting size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.checking.findings import Finding, Level
from eschernet_ros.checking.recording import CheckFrame
from eschernet_ros.checking.silhouettes import object_ball
from eschernet_ros.geometry import SE3, STANDOFF_RANGE

UNIT_LAYOUTS = frozenset({"gso30", "gso3d", "gso100", "objaverse", "franka16"})
"""Layouts whose unit of length is the object's longest side."""
MOST_NAMED = 8
FULL_SHARE = 0.98
BALL_PER_MASK = 1.5
"""How much larger `object_ball` is than the masks."""
SIZE_RANGE = (0.4, 1.5)
"""Radius of the smallest ball around masks of an object whose longest side is 1: 0.5 to 0.87, with room for error."""
FACTOR_RANGE = (300.0, 3000.0)
"""Around 1000: metres and millimetres."""


def mask_findings(names: Sequence[str], masks: NDArray[np.bool_] | None) -> tuple[list[Finding], list[bool]]:
    """Masks that are empty, full, or cut off by the picture's edge; and which ones show the object whole.

    Args:
        names: of the views.
        masks: [N, H, W]; None where the data set has none.
    """
    if masks is None:
        note = "the views have no masks: neither they nor the silhouettes were checked."
        return [Finding(Level.PASS, "masks", note)], [False] * len(names)
    shares = masks.mean(axis=(1, 2))
    empty, full = shares == 0.0, shares > FULL_SHARE
    touching = (
        masks[:, 0].any(axis=1) | masks[:, -1].any(axis=1) | masks[:, :, 0].any(axis=1) | masks[:, :, -1].any(axis=1)
    ) & ~full
    findings = []
    for level, chosen, topic, text in (
        (
            Level.BAD,
            empty,
            "empty mask",
            "shows nothing of the object: alpha is 0 everywhere. Take the view away, or make its mask again.",
        ),
        (
            Level.SUSPICIOUS,
            full,
            "full mask",
            "has a mask that covers the whole picture: the background was never cut out, and the model would take it "
            "for a part of the object. Make masks.",
        ),
        (
            Level.SUSPICIOUS,
            touching,
            "cut off",
            "shows the object cut off by the picture's edge: the model was trained on whole objects. Step back, or aim "
            "better.",
        ),
    ):
        if chosen.any():
            named = _names([name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen])
            findings.append(Finding(level, topic, f"view {named} {text}"))
    return findings, (~empty & ~full & ~touching).tolist()


def aim_findings(frames: Sequence[CheckFrame], world_from_camera: Sequence[SE3]) -> list[Finding]:
    """Cameras at the world's origin, where the object is, and those whose picture does not show it."""
    inside, behind, beside = [], [], []
    for frame, pose in zip(frames, world_from_camera, strict=True):
        origin = pose.inverse().translation  # the world's origin in the camera's optical frame
        if np.linalg.norm(origin) < 1e-6:
            inside.append(frame.name)
        elif origin[2] <= 0.0:
            behind.append(frame.name)
        elif not frame.camera.contains(frame.camera.project(origin)):
            beside.append(frame.name)
    findings = []
    for names, text in (
        (inside, "has its camera at the world's origin, in the object: its translation is missing."),
        (behind, "looks away from the object: the world's origin is behind its camera."),
        (beside, "does not look at the object: the world's origin lies outside its picture."),
    ):
        if names:
            findings.append(Finding(Level.BAD, "aim", f"view {_names(names)} {text}"))
    return findings


def size_findings(
    frames: Sequence[CheckFrame], world_from_camera: Sequence[SE3], layout: str, whole: Sequence[bool]
) -> list[Finding]:
    """Whether distances and the object's size, as the masks show it, are in the layout's unit of length.

    Args:
        frames, world_from_camera: the views; the poses fit the pictures.
        layout: the layout's name.
        whole: which frames have a mask that shows the whole object.
    """
    distances = np.array([np.linalg.norm(pose.translation) for pose in world_from_camera])
    nearest, farthest = float(distances.min()), float(distances.max())
    shown = [row for row, is_whole in enumerate(whole) if is_whole]
    if layout in UNIT_LAYOUTS and len(shown) >= 2:
        _, radius = object_ball([frames[row] for row in shown], [world_from_camera[row] for row in shown])
        if radius is not None:
            size = radius / BALL_PER_MASK
            if not SIZE_RANGE[0] <= size <= SIZE_RANGE[1]:
                return [_wrong_size(size, layout)]
    if layout in UNIT_LAYOUTS:
        text = f"the cameras stand {nearest:.2f} to {farthest:.2f} longest sides from the object's centre"
        low, high = STANDOFF_RANGE
        if nearest < 0.95 * low or farthest > 1.05 * high:
            text += f": outside the {low} to {high} that the published models were trained on"
        return [Finding(Level.PASS, "distance", text + ".")]
    if farthest > FACTOR_RANGE[0] or farthest < 1.0 / FACTOR_RANGE[0]:
        return [
            Finding(
                Level.SUSPICIOUS,
                "scale",
                f"the cameras stand {nearest:.4g} to {farthest:.4g} units from the world's origin: translations in "
                "millimetres, or divided by 1000 once too often? The model wants 1.5 to 2.2 longest sides.",
            )
        ]
    return [
        Finding(Level.PASS, "distance", f"the cameras stand {nearest:.3g} to {farthest:.3g} units from the origin.")
    ]


def _wrong_size(size: float, layout: str) -> Finding:
    """The sentence for an object that is not of size 1."""
    seen = f"the masks show an object about {2.0 * size:.3g} units large, where {layout} wants its longest side to be 1"
    low, high = FACTOR_RANGE
    if low <= size <= high:
        return Finding(
            Level.BAD,
            "likely mistake",
            f"{seen}. It looks as if the translations are in millimetres (a factor of 1000). Divide them by 1000.",
        )
    if low <= 1.0 / size <= high:
        return Finding(
            Level.BAD,
            "likely mistake",
            f"{seen}. It looks as if the translations were divided by 1000 once too often. Multiply them by 1000.",
        )
    return Finding(
        Level.BAD if size > 3.0 or size < 0.2 else Level.SUSPICIOUS,
        "scale",
        f"{seen}. Divide the translations by the object's longest side, in their own unit.",
    )


def _names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
