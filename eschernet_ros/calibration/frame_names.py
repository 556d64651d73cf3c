# SPDX-License-Identifier: Apache-2.0
"""What the names of Franka and RealSense frames tell about where they are."""

from __future__ import annotations

import re

import numpy as np

from eschernet_ros.geometry import BODY_FROM_OPTICAL, SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE

_FLANGE_FRAMES = (
    (re.compile(r"(^|_)(link8|flange)$"), SE3.identity()),
    (re.compile(r"_hand_tcp$"), FLANGE_FROM_HAND_EE),
    (re.compile(r"_hand$"), SE3.from_rotvec([0.0, 0.0, -np.pi / 4], [0.0, 0.0, 0.0])),
)
"""Links of franka_description on the flange: link8, hand, and hand_tcp (that of the Franka hand)."""

D435I_ROOT_FROM_OPTICAL = SE3.from_rotvec([0.0, 0.0, 0.0], [0.0, 0.015, 0.0]) @ BODY_FROM_OPTICAL
"""``camera_link`` from the colour camera's optical frame of a D435 or D435i, nominal.

``camera_link`` is at the left imager and the colour sensor 15 mm to its left (data sheet, "Depth Origin Point").
A unit's own factory figures, which realsense-ros publishes, differ from it by some 0.1 mm and 0.1 deg to 0.5 deg.
"""


def flange_from_frame(name: str) -> SE3 | None:
    """Where a frame of franka_description sits on the flange; None when the name does not tell."""
    return next((pose for pattern, pose in _FLANGE_FRAMES if pattern.search(name)), None)


def camera_frame_from_optical(name: str) -> SE3 | None:
    """Where the optical frame of the colour camera sits in a frame of realsense-ros; None when the name does not tell.

    Known are optical frames and ``*_color_frame`` (exact by REP 103), not ``camera_link``: that one differs by unit.
    """
    if name.endswith("_optical_frame"):
        return SE3.identity()
    if name.endswith("_color_frame"):
        return BODY_FROM_OPTICAL
    return None
