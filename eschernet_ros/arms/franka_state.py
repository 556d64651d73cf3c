# SPDX-License-Identifier: Apache-2.0
"""One state of a Franka arm, and the fixed-size record in which it crosses from the reading process."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import JOINTS, forward_kinematics

# host ns, robot ms, received, missed, clock restarts; q, dq, tau_J; O_T_EE, F_T_EE (column-major); mode
_RECORD = struct.Struct("<qqqqq 7d7d7d 16d16d 24s")
_MODE_LENGTH = 24


@dataclass(frozen=True, eq=False)
class FrankaState:
    """What ``franka::RobotState`` of libfranka holds, as far as a camera on the arm needs it.

    Attributes:
        stamp_ns: host clock when the state arrived, ns since the epoch.
        robot_time_ms: the controller's own clock; it counts states, one per millisecond.
        q: [7] measured joint angles, rad.
        velocity: [7] measured joint velocities, rad/s.
        torque: [7] measured joint torques, Nm.
        base_from_ee: O_T_EE, measured.
        flange_from_ee: F_T_EE, as set on the controller.
        mode: name of the robot mode: Idle, Move, Guiding, Reflex, UserStopped, ...
        received: states read on this connection so far, also those left out to keep the rate.
        missed: states that never arrived, by jumps of the robot's clock, so far.
        clock_restarts: how often the robot's clock went back, so far.
    """

    stamp_ns: int
    robot_time_ms: int
    q: tuple[float, ...]
    velocity: tuple[float, ...]
    torque: tuple[float, ...]
    base_from_ee: SE3
    flange_from_ee: SE3
    mode: str
    received: int
    missed: int
    clock_restarts: int

    def kinematics_error(self) -> tuple[float, float]:
        """Return how far O_T_EE is from forward kinematics x F_T_EE: metres, radians.

        Near zero for an FR3 or a Panda. Otherwise it is another arm, or a simulator that means another frame by O_T_EE.
        """
        return (forward_kinematics(self.q) @ self.flange_from_ee).distance_to(self.base_from_ee)


def encode(state: Any, stamp_ns: int, received: int, missed: int, clock_restarts: int) -> bytes:
    """Return the record of a ``pylibfranka.RobotState``; the numbers are those of :class:`FrankaState`."""
    mode = str(state.robot_mode).rsplit(".", 1)[-1].encode()[:_MODE_LENGTH]
    robot_ms = round(state.time.to_sec() * 1e3)
    numbers = (*state.q, *state.dq, *state.tau_J, *state.O_T_EE, *state.F_T_EE)
    return _RECORD.pack(stamp_ns, robot_ms, received, missed, clock_restarts, *numbers, mode)


def decode(record: bytes, previous: FrankaState | None = None) -> FrankaState:
    """Return the state of a record; what did not change since ``previous`` is taken from there.

    Raises:
        EscherNetError: for a pose that is none (an arm that was just switched on sends zeros), or joints that are not
            finite.
    """
    stamp_ns, robot_ms, received, missed, restarts, *values = _RECORD.unpack(record)
    numbers = np.array(values[:-1])
    q, velocity, torque = (tuple(numbers[i * JOINTS : (i + 1) * JOINTS].tolist()) for i in range(3))
    base_from_ee, flange_from_ee = (_matrix(numbers[3 * JOINTS + i * 16 :][:16]) for i in range(2))
    if not np.isfinite(numbers[: 3 * JOINTS]).all():
        raise EscherNetError(f"the robot sent joint angles {list(q)}, velocities or torques that are not finite")
    if previous is not None and np.array_equal(previous.flange_from_ee.matrix, flange_from_ee):
        flange = previous.flange_from_ee
    else:
        flange = SE3.from_matrix(flange_from_ee)
    mode = values[-1].rstrip(b"\0").decode(errors="replace")
    pose = SE3.from_matrix(base_from_ee)
    return FrankaState(stamp_ns, robot_ms, q, velocity, torque, pose, flange, mode, received, missed, restarts)


def _matrix(column_major: np.ndarray) -> np.ndarray:
    return column_major.reshape(4, 4).T
