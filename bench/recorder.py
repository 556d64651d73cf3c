# SPDX-License-Identifier: Apache-2.0
"""Claim: 1280x720 colour and depth at 30 frames/s are recorded on two cores without a drop.

Pictures with the noise of the bench's sensor model (a few, made before the clock starts, so that making them costs
nothing) are offered at the camera's rate to the recorder's own pipeline: records, compression, checksums, files,
flushes to the disk. Prints frames offered, recorded and dropped, MB/s, the most frames that waited at once, shares of a
core, memory. What the transport of the pictures costs is measured by bench/capture.py.

    .venv/bin/python bench/recorder.py [--seconds 300] [--folder /disk/to/measure] [--compression auto|fast|none]
    .venv/bin/python bench/recorder.py --encoders      # processor time and size of one picture, by compression
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from eschernet_ros.capture import NS_PER_S, PoseBuffer, ViewAssembler
from eschernet_ros.datasets import FrameRecord, Franka16Writer, SourceImages, read_frames_file
from eschernet_ros.datasets.frame_files import COMPRESSIONS, encode_png, read_source, source_images
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera, look_at
from eschernet_ros.recording import COMPRESSION_CHOICES, ReadyFrame, RecordingPipeline, finish_recording
from eschernet_ros.simulation.noise import SensorNoise

PICTURES = 6
OBJECT = ObjectFrame(SE3.from_rotvec([0.0, 0.0, 0.3], [0.5, 0.0, 0.06]), (0.1, 0.1, 0.12))
POSE_RATE = 250


def camera_of(options: argparse.Namespace) -> PinholeCamera:
    """A camera like a D435's."""
    focal = 0.7 * options.width
    return PinholeCamera(options.width, options.height, focal, focal, options.width / 2, options.height / 2)


def make_pictures(camera: PinholeCamera) -> list[SourceImages]:
    """A patterned scene and an uneven surface, with noise of its own in every picture."""
    rng = np.random.default_rng(0)
    size = (camera.width, camera.height)
    scene = cv2.resize(rng.integers(40, 216, (18, 32, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
    depth = cv2.resize(rng.uniform(0.35, 0.7, (18, 32)).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    noise = SensorNoise(0)
    millimetres = [np.rint(noise.depth(depth, camera) * 1e3).astype(np.uint16) for _ in range(PICTURES)]
    return [SourceImages(noise.colour(scene), measured) for measured in millimetres]


class Arm:
    """An arm that carries the camera around the object, its poses at their rate."""

    def __init__(self, camera: PinholeCamera) -> None:
        self.camera = camera
        self.poses = PoseBuffer()
        self.assembler = ViewAssembler(
            ee_from_camera_optical=SE3.from_rotvec([0.0, 0.0, 1.2], [0.05, 0.0, 0.03]),
            object_frame=OBJECT,
            aim_at_object=True,
            exposure_s=0.008,
        )
        self._next_ns = 0

    def move_until(self, stamp_ns: int) -> None:
        """Add the poses up to shortly after a time."""
        step = NS_PER_S // POSE_RATE
        centre = OBJECT.base_from_object.translation
        while self._next_ns <= stamp_ns + step:
            angle = self._next_ns / NS_PER_S * 0.3
            eye = centre + np.array([0.2 * np.cos(angle), 0.2 * np.sin(angle), 0.12])
            self.poses.add(self._next_ns, look_at(eye, centre) @ self.assembler.ee_from_camera_optical.inverse())
            self._next_ns += step

    def frame(self, stamp_ns: int, pictures: SourceImages) -> ReadyFrame:
        """As the recorder node prepares one."""
        placed = self.assembler.place(self.camera, stamp_ns, self.poses)
        record = FrameRecord.from_view(placed, base_frame="base", received_ns=stamp_ns)
        return ReadyFrame(record, source_images(pictures))


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Record and print."""
    camera = camera_of(options)
    pictures, arm = make_pictures(camera), Arm(camera)
    offered, late_s = 0, 0.0
    with Franka16Writer(folder, {"mode": "continuous"}) as writer:
        pipeline = RecordingPipeline(
            writer,
            queue_size=options.queue_size,
            workers=options.workers,
            commit_every_s=0.5,
            compression=options.compression,
        )
        before, started = os.times(), time.monotonic()
        while (due := offered / options.fps) < options.seconds:
            time.sleep(max(0.0, started + due - time.monotonic()))
            late_s = max(late_s, time.monotonic() - started - due)
            stamp_ns = NS_PER_S + round(due * NS_PER_S)
            arm.move_until(stamp_ns)
            pipeline.offer(partial(arm.frame, stamp_ns, pictures[offered % PICTURES]))
            offered += 1
        streamed = time.monotonic() - started
        pipeline.flush().result()
        took, after = time.monotonic() - started, os.times()
        pipeline.close()
    counts = pipeline.counts
    dropped = sum(number for name, number in counts.items() if name.startswith("dropped"))
    cpu = after.user + after.system - before.user - before.system
    raw = (options.width * options.height * 5) * options.fps / 1e6
    print(
        f"{options.width}x{options.height} colour and depth, {options.fps:g} frames/s ({raw:.0f} MB/s of pixels), "
        f"{streamed:.0f} s, compression {options.compression}, {options.workers} workers, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}\n"
        f"offered {offered}, recorded {counts['recorded']}, dropped {dropped}"
        f"{', stopped: ' + pipeline.stopped if pipeline.stopped else ''}\n"
        f"written {pipeline.bytes_written / 1e6:.0f} MB, {pipeline.bytes_written / 1e6 / took:.1f} MB/s; "
        f"{counts['stored uncompressed']} frames stored uncompressed\n"
        f"most waiting {pipeline.most_waiting} of {options.queue_size}; "
        f"all safe {took - streamed:.2f} s after the last\n"
        f"share of a core {cpu / took:.0%}, the arm's poses included; latest offer {late_s * 1e3:.0f} ms late\n"
        f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )
    frames = read_frames_file(folder)
    assert frames is not None
    for index in sorted({0, len(frames.records) // 2, len(frames.records) - 1}):
        read_source(folder, frames.files[index])
    print(f"read back: {len(frames.records)} records, {frames.state}; first, middle and last match their checksums")
    if options.finish:
        before, started = os.times(), time.monotonic()
        made = finish_recording(folder, jobs=os.cpu_count() or 1).made
        after, took = os.times(), time.monotonic() - started
        cpu = after.user + after.system - before.user - before.system
        print(f"finished {made} frames, {made / took:.1f} frames/s, {cpu / made * 1e3:.0f} ms of a core each")


def measure_encoders(pictures: list[SourceImages]) -> None:
    """What one picture costs, in processor time of one thread."""
    cv2.setNumThreads(1)
    for name, chosen in (("colour", [p.colour for p in pictures]), ("depth", [p.depth for p in pictures])):
        for compression in COMPRESSIONS:
            started = time.thread_time()
            sizes = [len(encode_png(pixels, compression)) for pixels in chosen]
            took = (time.thread_time() - started) / len(chosen)
            print(f"{name} {compression}: {took * 1e3:.1f} ms, {np.mean(sizes) / 1e6:.2f} MB")


def main() -> None:
    """Measure in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--queue-size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--compression", choices=COMPRESSION_CHOICES, default="auto")
    parser.add_argument("--folder", type=Path, help="where to record (default: the folder of temporary files)")
    parser.add_argument("--finish", action="store_true", help="finish the recording afterwards, and measure that too")
    parser.add_argument("--encoders", action="store_true", help="measure single pictures only")
    options = parser.parse_args()
    if options.encoders:
        measure_encoders(make_pictures(camera_of(options)))
        return
    folder = Path(tempfile.mkdtemp(prefix="recorder_bench_", dir=options.folder))
    try:
        measure(options, folder / "object")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
