# SPDX-License-Identifier: Apache-2.0
"""Replay of a bag: MB/s against reading the bag alone, and peak memory at growing sizes.

    python bench/replay.py                        # bags of 50, 100 and 200 MB
    python bench/replay.py --megabytes 1000 10000 # the sizes that were meant

A bag holds 1280x720 colour and aligned depth at 30 frames/s (made up: noise, so that nothing can be compressed away),
poses at 250 Hz, and camera_info. The arm rests for a second at a new place, then moves for a second: still views are
taken as live. Every measurement is a process of its own; memory is its largest resident set, before and after reading.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from eschernet_ros.geometry import SE3, look_at

WIDTH, HEIGHT, FPS, POSE_HZ = 1280, 720, 30, 250
CAMERA = "/camera/camera"
POSE = "/franka_robot_state_broadcaster/current_pose"
START_NS = 1_700_000_000_000_000_000
BASE_FROM_OBJECT = SE3.from_rotvec([0.0, 0.0, 0.0], [0.5, 0.0, 0.05])
PARAMETERS = {
    "hand_eye.translation": [0.05, 0.0, 0.05],
    "object.position": [0.5, 0.0, 0.05],
    "mask.method": "depth",
    "gates.rest_s": 0.2,
    "gates.max_blur": 1.0,
    "gates.max_saturated": 1.0,
    "gates.min_depth_coverage": 0.0,
}
FRAME_MB = WIDTH * HEIGHT * 5 / 1e6


def camera_at(seconds: float) -> SE3:
    """Pose of the camera: a second of rest, a second of motion, ever on around the object."""
    turns = int(seconds / 2.0) + max(0.0, seconds % 2.0 - 1.0)
    azimuth, elevation = 0.3 * turns, 0.7
    centre = 0.2 * np.array(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    )
    return look_at(BASE_FROM_OBJECT.translation + centre, BASE_FROM_OBJECT.translation)


def write_bag(path: Path, megabytes: float, storage: str) -> int:
    """Write a bag of about this size; return its frames."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    frames = max(2, int(megabytes / FRAME_MB))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, WIDTH * HEIGHT * 3 + 4096, np.uint8)
    depth = np.full(WIDTH * HEIGHT, 220, np.uint16).view(np.uint8)
    hand_eye = SE3.from_rotvec([0.0, 0.0, 0.0], PARAMETERS["hand_eye.translation"])
    k = np.array([900.0, 0, WIDTH / 2, 0, 900.0, HEIGHT / 2, 0, 0, 1])
    region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)

    def header(stamp: int, frame: str):  # type: ignore[no-untyped-def]
        return types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](stamp // 10**9, stamp % 10**9), frame)

    def image(stamp: int, encoding: str, step: int, data: np.ndarray):  # type: ignore[no-untyped-def]
        return types["sensor_msgs/msg/Image"](header(stamp, "optical"), HEIGHT, WIDTH, encoding, 0, step, data)

    with Writer(path, version=9, storage_plugin=StoragePlugin[storage.upper()]) as writer:
        connections = {
            topic: (writer.add_connection(topic, kind, typestore=store), kind)
            for topic, kind in (
                (f"{CAMERA}/color/image_raw", "sensor_msgs/msg/Image"),
                (f"{CAMERA}/aligned_depth_to_color/image_raw", "sensor_msgs/msg/Image"),
                (f"{CAMERA}/color/camera_info", "sensor_msgs/msg/CameraInfo"),
                (POSE, "geometry_msgs/msg/PoseStamped"),
            )
        }

        def put(topic: str, stamp: int, message: object) -> None:
            connection, kind = connections[topic]
            writer.write(connection, stamp, store.serialize_cdr(message, kind))

        tick = 0
        for frame in range(frames):
            stamp = START_NS + round(frame / FPS * 1e9)
            while tick / POSE_HZ <= frame / FPS + 0.02:
                at = START_NS + round(tick / POSE_HZ * 1e9)
                pose = camera_at(tick / POSE_HZ) @ hand_eye.inverse()
                place = types["geometry_msgs/msg/Pose"](
                    types["geometry_msgs/msg/Point"](*map(float, pose.translation)),
                    types["geometry_msgs/msg/Quaternion"](*map(float, pose.quaternion_xyzw)),
                )
                put(POSE, at, types["geometry_msgs/msg/PoseStamped"](header(at, "base"), place))
                tick += 1
            offset = int(rng.integers(0, 4096))
            data = noise[offset : offset + WIDTH * HEIGHT * 3]
            put(f"{CAMERA}/color/image_raw", stamp, image(stamp, "rgb8", WIDTH * 3, data))
            put(f"{CAMERA}/aligned_depth_to_color/image_raw", stamp, image(stamp, "16UC1", WIDTH * 2, depth))
            info = types["sensor_msgs/msg/CameraInfo"](
                header(stamp, "optical"), HEIGHT, WIDTH, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(),
                np.zeros(12), 0, 0, region,
            )  # fmt: skip
            put(f"{CAMERA}/color/camera_info", stamp, info)
    return frames


def peak_mb() -> float:
    """Largest resident set of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_alone(path: Path) -> dict[str, float]:
    """Read every message with rosbags and do nothing with it."""
    from rosbags.rosbag2 import Reader

    before, size, start, cpu = peak_mb(), 0, time.perf_counter(), time.process_time()
    with Reader(path) as reader:
        for _, _, raw in reader.messages():
            size += len(raw)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"mb": size / 1e6, "s": seconds, "cpu": cpu, "rss_before": before, "rss": peak_mb()}


def replay_it(path: Path, folder: Path, views: str) -> dict[str, float]:
    """Replay it into a data set."""
    from eschernet_ros.replay import replay
    from eschernet_ros.streams import CAPTURE_PARAMETERS, values_of

    p = values_of(CAPTURE_PARAMETERS, PARAMETERS)
    before, start, cpu = peak_mb(), time.perf_counter(), time.process_time()
    report = replay(path, p, folder, views=int(views) if views.isdigit() else views)
    measured = {"s": time.perf_counter() - start, "cpu": time.process_time() - cpu, "rss": peak_mb()}
    return {"mb": report.megabytes, "rss_before": before, "views": report.views, **measured}


def child(*arguments: str) -> dict[str, float]:
    """Run this script as a process of its own and return what it measured."""
    command = [sys.executable, __file__, "--child", *arguments]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[50.0, 100.0, 200.0])
    parser.add_argument("--storage", choices=["mcap", "sqlite3"], default="mcap")
    parser.add_argument("--views", default="still", help="still, or one frame of N")
    parser.add_argument("--folder", type=Path, help="where the bags go (default: a temporary folder)")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, path, *rest = arguments.child
        result = read_alone(Path(path)) if what == "read" else replay_it(Path(path), Path(rest[0]), rest[1])
        print(json.dumps(result))
        return
    print(
        "MB in bag | rosbags alone MB/s, per CPU s, peak MiB | replay MB/s, per CPU s, peak MiB (before reading) "
        "| views"
    )
    for size in arguments.megabytes:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            bag, views = Path(folder) / "bag", Path(folder) / "views"
            write_bag(bag, size, arguments.storage)
            alone = child("read", str(bag))
            ours = child("replay", str(bag), str(views), arguments.views)
            read, made = (f"{m['mb'] / m['s']:8.0f}, {m['mb'] / m['cpu']:8.0f}, {m['rss']:5.0f}" for m in (alone, ours))
            print(f"{alone['mb']:9.0f} | {read} | {made} ({ours['rss_before']:.0f}) | {ours['views']:.0f}", flush=True)
            shutil.rmtree(bag)


if __name__ == "__main__":
    main()
