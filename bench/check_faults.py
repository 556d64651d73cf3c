# SPDX-License-Identifier: Apache-2.0
"""Does ``eschernet-ros check`` find what is wrong, and does ``eschernet-ros time-offset`` find how much?

Records the simulated bench while its arm swings around an object, writes bags (mcap) with injected faults, and judges
them as the commands do. Prints one line a case, and the figures of docs/check.md.

    .venv/bin/python bench/check_faults.py                 # three objects, 12 s each
    .venv/bin/python bench/check_faults.py --objects mug --seconds 6 --cases clean offset
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from eschernet_ros.checking.judge import judge
from eschernet_ros.checking.picture import save_check_picture
from eschernet_ros.checking.stream_settings import StreamSettings
from eschernet_ros.checking.streams import bag_recording
from eschernet_ros.checking.time_offset import estimate_time_offset
from eschernet_ros.geometry import SE3
from eschernet_ros.simulation import SimulatedBench
from eschernet_ros.simulation.bag import write_bag
from eschernet_ros.simulation.recording import BenchRecording, RecordingPlan, record_bench

OFFSET_S = 0.030
HAND_EYE_ERROR = SE3.from_rotvec(
    math.radians(2.0) * np.array([2.0, -2.0, 1.0]) / 3.0, 0.005 * np.array([2.0, 1.0, -2.0]) / 3.0
)
"""2 degrees and 5 mm, in the camera's frame."""

CASES = ("clean", "hand-eye", "offset", "both", "inverted")


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", nargs="+", default=["teapot", "mug", "cereal_box"])
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--pictures", type=Path, help="folder for the pictures of the checks")
    arguments = parser.parse_args()
    for name in arguments.objects:
        with SimulatedBench(name) as bench:
            recording = record_bench(bench, RecordingPlan(seconds=arguments.seconds, exposure_s=0.008))
        speeds = recording.speeds()
        print(
            f"{name}: {len(recording.frames)} frames, camera at {np.median(speeds):.2f} m/s in the median, "
            f"{speeds.min():.2f} to {speeds.max():.2f}",
            flush=True,
        )
        for case in arguments.cases:
            _run(name, case, recording, arguments)


def _run(name: str, case: str, recording: BenchRecording, arguments: argparse.Namespace) -> None:
    """Write, read and judge one bag; print what was found."""
    folder = Path(tempfile.mkdtemp(prefix="check_faults_"))
    try:
        ahead = OFFSET_S if case in ("offset", "both") else 0.0
        write_bag(folder / case, recording, pose_clock_ahead_s=ahead)
        hand_eye = recording.ee_from_camera_optical
        if case in ("hand-eye", "both"):
            hand_eye = hand_eye @ HAND_EYE_ERROR
        elif case == "inverted":
            hand_eye = hand_eye.inverse()
        settings = StreamSettings(hand_eye=hand_eye, exposure_s=recording.plan.exposure_s)
        start = time.process_time()
        read, facts = bag_recording(folder / case, settings, arguments.frames)
        judgement = judge(read, facts)
        seconds = time.process_time() - start
    finally:
        shutil.rmtree(folder)
    causes = "; ".join(cause.text for cause in judgement.causes) or "-"
    print(
        f"  {case}: {judgement.verdict}; epipolar {judgement.epipolar_px:.2f} px, depth {judgement.depth_mm:.1f} mm; "
        f"{len(judgement.flagged)} frames flagged; {seconds:.0f} s of CPU\n    {causes}",
        flush=True,
    )
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        save_check_picture(arguments.pictures / f"{name}_{case}.png", judgement)
    if case in ("clean", "offset", "both"):
        found = estimate_time_offset(read)
        low, high = (1e3 * value for value in found.interval_s)
        print(
            f"    time-offset: {1e3 * found.offset_s:+.2f} ms, error {1e3 * (found.offset_s - ahead):+.2f} ms, 95 % "
            f"{low:+.2f} to {high:+.2f} ms{' (with the hand-eye transform)' if found.hand_eye_mattered else ''}",
            flush=True,
        )


if __name__ == "__main__":
    main()
