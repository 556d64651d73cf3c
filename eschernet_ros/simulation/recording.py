# SPDX-License-Identifier: Apache-2.0
"""A recording of the bench while its arm moves, made without a ROS graph and without waiting for real time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.simulation.bench import SimulatedBench
from eschernet_ros.simulation.noise import SensorNoise, depth_to_millimetres, expose

START_NS = 1_700_000_000_000_000_000
"""Stamp of the first pose: a day in November 2023."""

LARGEST_STEP_RAD = 0.6
"""No joint moves farther between two neighbouring solutions on one branch."""


@dataclass(frozen=True)
class RecordingPlan:
    """What is recorded.

    Attributes:
        seconds: length of the recording.
        azimuth_swing_deg: the camera swings this far to both sides of the object's back, which faces the robot.
        swing_s: time of a full swing; shorter is faster.
        fps: frames per second.
        exposure_s: exposure time; frames are stamped with its end, as librealsense does.
        pose_rate_hz: rate of the pose stream.
        pose_jitter_s: standard deviation of the times at which poses are sampled; their stamps are exact.
        joint_rate_hz: rate of the joint states.
        motion_blur: average several renderings over the exposure.
        noise: depth noise and holes, colour noise, stamp jitter of the camera.
        seed: of all noise.
    """

    seconds: float = 12.0
    azimuth_swing_deg: float = 45.0
    swing_s: float = 5.0
    fps: float = 15.0
    exposure_s: float = 0.008
    pose_rate_hz: float = 250.0
    pose_jitter_s: float = 0.0005
    joint_rate_hz: float = 30.0
    motion_blur: bool = False
    noise: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            EscherNetError: a rate, a time or a length that is not positive.
        """
        if min(self.seconds, self.swing_s, self.fps, self.pose_rate_hz, self.joint_rate_hz) <= 0.0:
            raise EscherNetError(f"a bench recording needs positive times and rates, not {self}")


@dataclass(frozen=True, eq=False)
class RecordedFrame:
    """One frame.

    Attributes:
        stamp_ns: as the driver stamps it: end of the exposure, with jitter.
        colour: [H, W, 3] uint8 RGB.
        depth_mm: [H, W] uint16, aligned to colour, 0 = no measurement.
        base_from_camera_optical: the true pose at the true middle of the exposure.
    """

    stamp_ns: int
    colour: NDArray[np.uint8]
    depth_mm: NDArray[np.uint16]
    base_from_camera_optical: SE3


@dataclass(frozen=True, eq=False)
class BenchRecording:
    """Frames, poses and joint states of one recording.

    Attributes:
        plan: how it was made.
        camera: intrinsics.
        ee_from_camera_optical: the true hand-eye transform.
        frames: in the order of time.
        pose_stamps_ns, poses: the pose stream ``base_from_ee``.
        joint_stamps_ns, joints: joint angles [7] rad.
    """

    plan: RecordingPlan
    camera: PinholeCamera
    ee_from_camera_optical: SE3
    frames: tuple[RecordedFrame, ...]
    pose_stamps_ns: tuple[int, ...]
    poses: tuple[SE3, ...]
    joint_stamps_ns: tuple[int, ...]
    joints: tuple[NDArray[np.float64], ...]

    def speeds(self) -> NDArray[np.float64]:
        """Speed of the camera at each frame but the last, m/s, from the true poses."""
        centres = np.array([frame.base_from_camera_optical.translation for frame in self.frames])
        stamps = np.array([frame.stamp_ns for frame in self.frames]) / 1e9
        return np.asarray(np.linalg.norm(np.diff(centres, axis=0), axis=1) / np.diff(stamps))


def record_bench(bench: SimulatedBench, plan: RecordingPlan) -> BenchRecording:
    """Swing the bench's camera around the object and record it. Renders in the calling thread.

    Azimuth, elevation, distance, aim and roll all swing, each at its own pace, so that speeds and directions of turning
    differ from frame to frame; the object stays in the picture.

    Raises:
        EscherNetError: the arm cannot follow; the message says where.
    """
    motion = _swing(bench, plan)
    noise = SensorNoise(plan.seed, plan.noise)
    rng = np.random.default_rng(plan.seed)
    frames = []
    exposure_ns = round(plan.exposure_s * 1e9)

    def position(stamp_ns: int) -> NDArray[np.float64]:
        return np.asarray(motion((stamp_ns - START_NS) / 1e9))

    for tick in range(1, int(plan.seconds * plan.fps)):
        middle_ns = START_NS + round(tick / plan.fps * 1e9)
        q = position(middle_ns)
        colour = expose(bench.render_colour, position, middle_ns, exposure_ns if plan.motion_blur else 0)
        depth = noise.depth(bench.render_depth(q), bench.camera)
        frames.append(
            RecordedFrame(
                stamp_ns=noise.stamp(middle_ns + exposure_ns // 2),
                colour=noise.colour(colour),
                depth_mm=depth_to_millimetres(depth),
                base_from_camera_optical=bench.base_from_camera_optical(q),
            )
        )
    ticks = np.arange(int(plan.seconds * plan.pose_rate_hz)) / plan.pose_rate_hz
    jittered = np.sort(ticks + rng.normal(0.0, plan.pose_jitter_s, len(ticks)))
    pose_stamps = [START_NS + round(float(t) * 1e9) for t in jittered]
    joint_stamps = [
        START_NS + round(t / plan.joint_rate_hz * 1e9) for t in range(int(plan.seconds * plan.joint_rate_hz))
    ]
    return BenchRecording(
        plan=plan,
        camera=bench.camera,
        ee_from_camera_optical=bench.ee_from_camera_optical,
        frames=tuple(frames),
        pose_stamps_ns=tuple(pose_stamps),
        poses=tuple(bench.base_from_ee(position(stamp)) for stamp in pose_stamps),
        joint_stamps_ns=tuple(joint_stamps),
        joints=tuple(position(stamp) for stamp in joint_stamps),
    )


def _swing(bench: SimulatedBench, plan: RecordingPlan) -> CubicSpline:
    """Joint angles over seconds: a smooth curve through solutions of the inverse kinematics."""
    standoff = bench.fitting_standoff()
    times = np.linspace(0.0, plan.seconds, max(int(plan.seconds / plan.swing_s * 60.0), 4))
    solutions: list[NDArray[np.float64]] = []
    for t in times:
        phase = 2.0 * np.pi * t / plan.swing_s
        on_dome = bench.look_at_object(
            180.0 + plan.azimuth_swing_deg * np.sin(phase),
            46.0 + 10.0 * np.sin(1.37 * phase + 0.5),
            standoff * (1.06 + 0.06 * np.sin(1.71 * phase)),
        )
        aim = [np.radians(3.0) * np.sin(2.3 * phase), np.radians(4.0) * np.sin(1.9 * phase)]
        turn = SE3.from_rotvec([*aim, np.radians(12.0) * np.sin(1.2 * phase + 1.0)], [0.0, 0.0, 0.0])
        q = bench.inverse_kinematics(on_dome @ turn, solutions[-1] if solutions else None)
        if solutions and np.abs(q - solutions[-1]).max() > LARGEST_STEP_RAD:
            raise EscherNetError(
                f"the arm cannot follow the swing around '{bench.mesh.name}' at {t:.2f} s in one posture; "
                f"use a smaller azimuth_swing_deg than {plan.azimuth_swing_deg:g}"
            )
        solutions.append(q)
    return CubicSpline(times, np.array(solutions))
