# SPDX-License-Identifier: Apache-2.0
"""Claim: a handful of views of the noisy depth camera gives the bench objects' boxes within millimetres.

Renders each object from viewpoints spread over the arm's reach at 640x480 with sensor noise, finds its box, and prints
the error of centre, sides and scale against the true one, and what the views say about each other; with
``--hand-eye-error`` every camera is believed to stand that far from its place, in one random direction.

    .venv/bin/python bench/localisation.py [--views 6] [--objects mug duck] [--hand-eye-error 1 5]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from eschernet_ros.evaluation.bench_frames import bench_frames
from eschernet_ros.geometry import SE3
from eschernet_ros.localisation import depth_view, locate_object
from eschernet_ros.objects import CATALOGUE


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=6, help="viewpoints per object (default: 6)")
    parser.add_argument("--objects", nargs="+", default=list(CATALOGUE), help="default: all")
    parser.add_argument("--hand-eye-error", type=float, nargs=2, default=(0.0, 0.0), help="deg and mm (default: 0 0)")
    options = parser.parse_args()
    degrees, millimetres = options.hand_eye_error
    axis, direction = np.random.default_rng(5).normal(size=(2, 3))
    error = SE3.from_rotvec(
        np.radians(degrees) * axis / np.linalg.norm(axis), millimetres / 1e3 * direction / np.linalg.norm(direction)
    )
    columns = ("centre mm", "sides mm (2 level, height)", "scale %", "spread mm", "tilts deg", "CPU s")
    print(
        f"{'object':12s}" + "".join(f"{column:>27s}" if "sides" in column else f"{column:>11s}" for column in columns)
    )
    for name in options.objects:
        frames = list(bench_frames(name, options.views, seed=7))
        start = time.process_time()
        found = locate_object(
            [depth_view(frame.depth, frame.camera, frame.base_from_camera_optical @ error) for frame in frames]
        )
        seconds = time.process_time() - start
        truth, box = frames[0].object_frame, found.object_frame
        centre = np.linalg.norm(box.base_from_object.translation - truth.base_from_object.translation) * 1e3
        sides = np.append(np.sort(box.size[:2]) - np.sort(truth.size[:2]), box.size[2] - truth.size[2]) * 1e3
        print(
            f"{name:12s}{centre:11.2f}{'/'.join(f'{side:+.1f}' for side in sides):>27s}"
            f"{100.0 * (box.scale / truth.scale - 1.0):+11.2f}{found.spread * 1e3:11.2f}"
            f"{np.degrees(found.tilt_spread):11.2f}{seconds:11.1f}",
            flush=True,
        )
        for warning in found.warnings:
            print(f"    {warning}")


if __name__ == "__main__":
    main()
