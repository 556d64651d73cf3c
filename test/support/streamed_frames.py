# SPDX-License-Identifier: Apache-2.0
"""Frames of a box on a table as a continuous recording gets them; for tests, and for processes that tests kill."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from box_scene import TABLE, Box, cameras_around, depth_of

from eschernet_ros.capture import NS_PER_S, PoseBuffer, PosedView, ViewAssembler
from eschernet_ros.datasets import FrameRecord, Franka16Writer, PendingFrame, SourceImages
from eschernet_ros.datasets.frame_files import source_images
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera
from eschernet_ros.recording import ReadyFrame, RecordingPipeline

CAMERA = PinholeCamera(64, 48, 60.0, 60.0, 31.5, 23.5, (0.05, -0.02, 0.0, 0.0, 0.0))
BOX = Box((0.45, 0.0, 0.0), (0.1, 0.08, 0.09), 20.0)
OBJECT = ObjectFrame(BOX.base_from_box, BOX.size)
HAND_EYE = SE3.from_rotvec([0.0, 0.0, 1.2], [0.05, 0.0, 0.03])
ASSEMBLER = ViewAssembler(
    ee_from_camera_optical=HAND_EYE, object_frame=OBJECT, image_size=32, exposure_s=0.008, aim_at_object=True
)
AROUND = cameras_around((0.45, 0.0, 0.045), 12, 0.2)


def pictures(number: int) -> SourceImages:
    """What the camera sees: the box in a colour of its own on a grey table, with noise; depth in millimetres."""
    rng = np.random.default_rng(number)
    pose = AROUND[number % len(AROUND)]
    depth = depth_of([TABLE, BOX], pose, camera=CAMERA)
    box = depth_of([BOX], pose, camera=CAMERA) > 0.0
    colour = np.where(box[..., None], rng.integers(60, 250, 3), 120) + rng.integers(-5, 6, (*depth.shape, 3))
    return SourceImages(colour.astype(np.uint8), np.rint(depth * 1e3).astype(np.uint16))


def poses_of(number: int) -> tuple[int, PoseBuffer]:
    """The stamp of a frame, and an arm that rests around it."""
    stamp_ns = (number + 1) * NS_PER_S // 30 + NS_PER_S
    poses = PoseBuffer()
    for offset_ns in (-20_000_000, 20_000_000):
        poses.add(stamp_ns + offset_ns, AROUND[number % len(AROUND)] @ HAND_EYE.inverse())
    return stamp_ns, poses


def ready_frame(number: int) -> ReadyFrame:
    """A frame of a continuous recording."""
    stamp_ns, poses = poses_of(number)
    record = FrameRecord.from_view(ASSEMBLER.place(CAMERA, stamp_ns, poses), base_frame="base", joints={"j1": 0.1})
    return ReadyFrame(record, source_images(pictures(number)))


def whole_view(number: int) -> PosedView:
    """The view that the capture would take of it."""
    stamp_ns, poses = poses_of(number)
    source = pictures(number)
    assert source.depth is not None
    depth = source.depth.astype(np.float32) * np.float32(1e-3)
    return ASSEMBLER.assemble(source.colour, depth, None, CAMERA, stamp_ns, poses, number)


def offered(number: int) -> Callable[[], ReadyFrame]:
    """The frame as it is offered to a pipeline."""
    return partial(ready_frame, number)


def record(folder: Path, numbers: Sequence[int]) -> None:
    """Record frames continuously, to the end."""
    with Franka16Writer(folder, session={"mode": "continuous", "mask": {"method": "depth", "model": ""}}) as writer:
        pipeline = RecordingPipeline(writer, commit_every_s=0.01)
        for number in numbers:
            assert pipeline.offer(offered(number))
        pipeline.close()
        assert not pipeline.stopped, pipeline.stopped
        assert len(writer) >= len(numbers)


def record_until_killed(folder: Path) -> None:
    """Record for ever; print how many frames are acknowledged."""
    writer = Franka16Writer(folder)
    lock = threading.Lock()

    def say(frames: Sequence[PendingFrame]) -> None:
        with lock:
            os.write(1, f"{frames[-1].index + 1}\n".encode())

    pipeline = RecordingPipeline(writer, queue_size=8, commit_every_s=0.005, on_recorded=say)
    number = len(writer)
    ready = [ready_frame(n) for n in range(len(AROUND))]
    while True:
        if pipeline.offer(partial(ready.__getitem__, number % len(AROUND))):
            number += 1
        time.sleep(0.002)


if __name__ == "__main__":
    record_until_killed(Path(sys.argv[1]))
