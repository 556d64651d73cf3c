# SPDX-License-Identifier: Apache-2.0
"""An arm that rests at three places around a box and moves in between, as the entries of a bag: 64x48 pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bag_builder import Entry, stamped

from eschernet_ros.geometry import SE3, PinholeCamera, look_at

COLOUR, INFO = "/camera/camera/color/image_raw", "/camera/camera/color/camera_info"
DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
POSE = "/franka_robot_state_broadcaster/current_pose"
CAMERA = PinholeCamera(64, 48, 60.0, 60.0, 31.5, 23.5)
HAND_EYE = SE3.from_rotvec([0.1, -0.2, 1.4], [0.06, -0.03, 0.05])
SIZE = (0.12, 0.06, 0.06)
BASE_FROM_OBJECT = SE3.from_rotvec([0.0, 0.0, 0.5], [0.5, 0.0, 0.03])
START_NS = 1_700_000_000_000_000_000
EXPOSURE_S = 0.008
REST_S, MOVE_S = 0.8, 0.4
AZIMUTHS = (-40.0, 0.0, 40.0)
FPS, POSE_HZ = 10, 50
LENGTH_S = len(AZIMUTHS) * REST_S + (len(AZIMUTHS) - 1) * MOVE_S

PARAMETERS: dict[str, Any] = {
    "hand_eye.translation": HAND_EYE.translation.tolist(),
    "hand_eye.rotation_xyzw": HAND_EYE.quaternion_xyzw.tolist(),
    "object.position": BASE_FROM_OBJECT.translation.tolist(),
    "object.rotation_xyzw": BASE_FROM_OBJECT.quaternion_xyzw.tolist(),
    "object.size": list(SIZE),
    "exposure_s": EXPOSURE_S,
    "image_size": 32,
    "mask.method": "depth",
    "gates.rest_s": 0.3,
    "gates.max_blur": 1.0,
    "gates.max_saturated": 1.0,
}


def camera_at(seconds: float) -> SE3:
    """``base_from_camera_optical``: at rest, or on the way."""
    part = seconds / (REST_S + MOVE_S)
    place = min(int(part), len(AZIMUTHS) - 1)
    along = min(max((part - place) * (REST_S + MOVE_S) - REST_S, 0.0) / MOVE_S, 1.0)
    here, there = AZIMUTHS[place], AZIMUTHS[min(place + 1, len(AZIMUTHS) - 1)]
    azimuth, elevation = math.radians(here + along * (there - here)), math.radians(40.0)
    centre = 0.22 * np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    return look_at(BASE_FROM_OBJECT.translation + centre, BASE_FROM_OBJECT.translation)


def shoot(base_from_camera: SE3) -> tuple[np.ndarray, np.ndarray]:
    """Colour [H,W,3] uint8 and depth [H,W] uint16 mm of a box on a table (slab method)."""
    object_from_camera = BASE_FROM_OBJECT.inverse() @ base_from_camera
    rays = CAMERA.rays(CAMERA.pixel_grid()) @ object_from_camera.matrix[:3, :3].T
    eye, half = object_from_camera.translation, np.array(SIZE) / 2.0
    with np.errstate(divide="ignore"):
        first, second = (-half - eye) / rays, (half - eye) / rays
        table = (-half[2] - eye[2]) / rays[..., 2]
    enter = np.minimum(first, second)
    near, far = enter.max(axis=-1), np.maximum(first, second).min(axis=-1)
    mask = (near < far) & (near > 0.0)
    colours = np.array([(255, 0, 0), (200, 90, 0), (230, 60, 80)], np.uint8)
    colour = np.where(mask[..., None], colours[enter.argmax(axis=-1)], np.array((0, 0, 255), np.uint8))
    depth = np.where(mask, near, np.where(table > 0.0, table, 0.0))
    return colour.astype(np.uint8), np.round(depth * 1e3).astype(np.uint16)


def pose_fields(pose: SE3) -> dict[str, Any]:
    """A Pose."""
    x, y, z = pose.translation.tolist()
    qx, qy, qz, qw = pose.quaternion_xyzw.tolist()
    return {"position": {"x": x, "y": y, "z": z}, "orientation": {"x": qx, "y": qy, "z": qz, "w": qw}}


def transform_fields(parent: str, child: str, pose: SE3, stamp_ns: int) -> dict[str, Any]:
    """A TransformStamped."""
    fields = pose_fields(pose)
    transform = {"translation": fields["position"], "rotation": fields["orientation"]}
    return stamped(stamp_ns, parent, child_frame_id=child, transform=transform)


def image_fields(pixels: np.ndarray, stamp_ns: int) -> dict[str, Any]:
    """An Image."""
    height, width = pixels.shape[:2]
    encoding = "rgb8" if pixels.ndim == 3 else "16UC1"
    data = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    return stamped(
        stamp_ns,
        "camera_color_optical_frame",
        height=height,
        width=width,
        encoding=encoding,
        step=pixels.strides[0],
        data=data,
    )


def info_fields(stamp_ns: int, camera: PinholeCamera = CAMERA) -> dict[str, Any]:
    """A CameraInfo."""
    return stamped(
        stamp_ns,
        "camera_color_optical_frame",
        width=camera.width,
        height=camera.height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=camera.matrix.ravel(),
    )


def frame_times(seconds: float = LENGTH_S) -> list[float]:
    """Mid-exposures, seconds from the start."""
    return [index / FPS for index in range(1, int(seconds * FPS))]


def camera_entries(times: Sequence[float] | None = None, info_from_s: float = 0.0) -> list[Entry]:
    """Colour, depth, and camera_info from a time on; stamped with the end of the exposure, recorded 5 ms later."""
    entries: list[Entry] = []
    for seconds in frame_times() if times is None else times:
        colour, depth = shoot(camera_at(seconds))
        stamp = START_NS + round((seconds + EXPOSURE_S / 2) * 1e9)
        log = stamp + 5_000_000
        entries.append((log, COLOUR, "sensor_msgs/msg/Image", image_fields(colour, stamp)))
        entries.append((log + 1, DEPTH, "sensor_msgs/msg/Image", image_fields(depth, stamp)))
        if seconds >= info_from_s:
            entries.append((log + 2, INFO, "sensor_msgs/msg/CameraInfo", info_fields(stamp)))
    return entries


def ee_at(seconds: float) -> SE3:
    """``base_from_ee``."""
    return camera_at(seconds) @ HAND_EYE.inverse()


def pose_entries(length_s: float = LENGTH_S, ahead_s: float = 0.0) -> list[Entry]:
    """The pose stream, recorded 40 ms late; its clock may be ahead."""
    entries: list[Entry] = []
    for index in range(int(length_s * POSE_HZ)):
        stamp = START_NS + round((index / POSE_HZ + ahead_s) * 1e9)
        log = START_NS + round(index / POSE_HZ * 1e9) + 40_000_000
        fields = stamped(stamp, "base", pose=pose_fields(ee_at(index / POSE_HZ)))
        entries.append((log, POSE, "geometry_msgs/msg/PoseStamped", fields))
    return entries


def tf_entries() -> list[Entry]:
    """The same way on /tf, in two pieces, the fixed one of which is recorded last."""
    link_from_ee = SE3.from_rotvec([0.3, 0.0, 0.2], [0.0, 0.01, 0.1])
    kind = "tf2_msgs/msg/TFMessage"
    entries: list[Entry] = []
    for index in range(int(LENGTH_S * POSE_HZ)):
        stamp = START_NS + round(index / POSE_HZ * 1e9)
        moving = transform_fields("base", "link8", ee_at(index / POSE_HZ) @ link_from_ee.inverse(), stamp)
        entries.append((stamp + 1_000_000, "/tf", kind, {"transforms": [moving]}))
    fixed = transform_fields("link8", "fr3_hand_tcp", link_from_ee, START_NS)
    entries.append((START_NS + round(LENGTH_S * 1e9), "/tf_static", kind, {"transforms": [fixed]}))
    return entries


def definitions_of(folder: Path) -> dict[str, str]:
    """The interfaces of this package, from their .msg files."""
    return {f"eschernet_ros/msg/{file.stem}": file.read_text() for file in sorted(folder.glob("*.msg"))}
