# SPDX-License-Identifier: Apache-2.0
"""The frames of a camera hang together as realsense-ros has them, wherever the sensors are."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped

from eschernet_ros.cameras import CameraDescription
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.nodes.camera_transforms import camera_transforms

DEPTH_FROM_COLOUR = SE3.from_rotvec([0.002, -0.01, 0.004], [-0.015, -0.0002, 0.0003])
DEPTH_FROM_IMU = SE3.from_rotvec([0.0, 0.0, 0.0], [0.0055, -0.005, -0.0117])


def described(imu: SE3 | None) -> CameraDescription:
    """Return a camera with sensors at known places."""
    camera = PinholeCamera(640, 480, 600.0, 600.0, 320.0, 240.0)
    return CameraDescription("D435I", "1", "", "3.2", (), camera, DEPTH_FROM_COLOUR, imu)


def chain(transforms: list[TransformStamped], frame: str) -> SE3:
    """Return the pose of a frame in the root."""
    tree = {t.child_frame_id: t for t in transforms}
    pose = SE3.identity()
    while frame in tree:
        step = tree[frame].transform
        r, t = step.rotation, step.translation
        pose = SE3.from_quaternion_xyzw([r.x, r.y, r.z, r.w], [t.x, t.y, t.z]) @ pose
        frame = tree[frame].header.frame_id
    assert frame == "wrist_link"
    return pose


def test_optical_frames_are_where_the_device_says() -> None:
    """Between two optical frames lie the extrinsics; the depth camera's body frame is the root."""
    transforms = camera_transforms("wrist", described(DEPTH_FROM_IMU), Time(sec=7))
    assert len({t.child_frame_id for t in transforms}) == len(transforms) == 8
    assert {t.header.stamp.sec for t in transforms} == {7}
    depth = chain(transforms, "wrist_depth_optical_frame")
    for frame, expected in (
        ("wrist_color_optical_frame", DEPTH_FROM_COLOUR),
        ("wrist_gyro_optical_frame", DEPTH_FROM_IMU),
        ("wrist_imu_optical_frame", DEPTH_FROM_IMU),
    ):
        assert (depth.inverse() @ chain(transforms, frame)).is_close(expected, 1e-9)
    np.testing.assert_allclose(chain(transforms, "wrist_depth_frame").translation, 0.0)
    # 15 mm to the right of the depth camera, seen from behind: negative y of the body frame (REP 103)
    right = camera_transforms(
        "wrist",
        CameraDescription(
            "", "", "", "", (), described(None).camera, SE3.from_rotvec([0.0, 0.0, 0.0], [0.015, 0.0, 0.0]), None
        ),
        Time(),
    )
    np.testing.assert_allclose(chain(right, "wrist_color_frame").translation, [0.0, -0.015, 0.0], atol=1e-12)
    np.testing.assert_allclose(
        chain(right, "wrist_color_optical_frame") @ np.array([0.0, 0.0, 1.0]), [1.0, -0.015, 0.0], atol=1e-12
    )


def test_without_an_inertial_unit() -> None:
    """Its frames are left out."""
    names = {t.child_frame_id for t in camera_transforms("wrist", described(None), Time())}
    assert names == {f"wrist_{name}_{kind}" for name in ("depth", "color") for kind in ("frame", "optical_frame")}
