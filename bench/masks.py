# SPDX-License-Identifier: Apache-2.0
"""Claim: with sensor noise on, the bench objects' masks reach a mean IoU of 0.95 against the exact masks.

Renders each object from viewpoints spread over the arm's reach at 640x480, makes the masks from noisy colour and depth
and the true box, and prints mean and smallest IoU and the median CPU time per mask for each method; once more with
every camera pose off by a hand-eye error of random direction. ``--pictures`` writes overlays: red is taken for object
and is not, blue is object and missed.

    .venv/bin/python bench/masks.py [--views 10] [--objects mug duck] [--model u2netp.onnx] [--pictures FOLDER]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.evaluation.bench_frames import BenchFrame, bench_frames
from eschernet_ros.geometry import SE3
from eschernet_ros.objects import CATALOGUE


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return the intersection over union of two masks [H, W]."""
    return float((mask & truth).sum() / (mask | truth).sum())


def errors(degrees: float, metres: float, seed: int) -> Iterator[SE3]:
    """Transforms of a fixed size in random directions: a different wrong calibration for every frame."""
    rng = np.random.default_rng(seed)
    while True:
        axis, direction = (vector / np.linalg.norm(vector) for vector in rng.normal(size=(2, 3)))
        yield SE3.from_rotvec(np.radians(degrees) * axis, metres * direction)


def overlay(frame: BenchFrame, mask: np.ndarray) -> np.ndarray:
    """The picture with its errors: red for background in the mask, blue for object outside it."""
    picture = frame.colour.copy()
    picture[mask & ~frame.mask] = (255, 0, 0)
    picture[frame.mask & ~mask] = (0, 0, 255)
    return picture


def measure(masker: ObjectMasker, frames: Sequence[BenchFrame], wrong: Iterator[SE3]) -> tuple[list, list, list]:
    """IoU, milliseconds of CPU time and overlay of every frame."""
    scores, times, pictures = [], [], []
    for frame in frames:
        pose = frame.object_from_camera_optical @ next(wrong)
        start = time.process_time()
        mask = masker(frame.colour, frame.depth, frame.camera, pose, frame.object_frame.size)
        times.append((time.process_time() - start) * 1e3)
        assert mask is not None
        scores.append(iou(mask, frame.mask))
        pictures.append(overlay(frame, mask))
    return scores, times, pictures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=10, help="viewpoints per object (default: 10)")
    parser.add_argument("--objects", nargs="+", default=list(CATALOGUE), help="default: all")
    parser.add_argument("--model", default="", help="an ONNX segmentation model to measure as well")
    parser.add_argument("--hand-eye-error", type=float, nargs=2, default=(1.0, 5.0), help="deg and mm (default: 1 5)")
    parser.add_argument("--pictures", type=Path, help="folder for overlays")
    options = parser.parse_args()
    maskers = {name: ObjectMasker(name) for name in ("depth", "depth_refined")}
    if options.model:
        maskers["onnx"] = ObjectMasker.from_names("onnx", options.model)
    columns = [(name, exact) for name in maskers for exact in (True, False)]
    cv2.setNumThreads(1)
    means: dict[tuple[str, bool], list[float]] = {column: [] for column in columns}
    spent: dict[str, list[float]] = {name: [] for name in maskers}
    degrees, millimetres = options.hand_eye_error
    print(f"mean IoU / smallest; 'off': camera poses off by {degrees:g} deg and {millimetres:g} mm")
    print(f"{'object':12s}" + "".join(f"{name + ('' if exact else ' off'):>22s}" for name, exact in columns))
    for name in options.objects:
        frames = list(bench_frames(name, options.views, seed=7))
        row = f"{name:12s}"
        for method, exact in columns:
            wrong = errors(0.0, 0.0, 0) if exact else errors(degrees, millimetres / 1e3, 0)
            scores, times, pictures = measure(maskers[method], frames, wrong)
            means[method, exact].append(float(np.mean(scores)))
            spent[method] += times
            row += f"{np.mean(scores):14.4f} /{min(scores):6.3f}"
            if options.pictures and exact:
                options.pictures.mkdir(parents=True, exist_ok=True)
                sheet = np.hstack([picture[::2, ::2] for picture in pictures[:5]])
                Image.fromarray(sheet).save(options.pictures / f"{name}_{method}.png")
        print(row, flush=True)
    print(f"{'mean':12s}" + "".join(f"{np.mean(means[column]):14.4f}        " for column in columns))
    for method, times in spent.items():
        print(f"{method}: median {np.median(times):.0f} ms, 95 % within {np.percentile(times, 95):.0f} ms of CPU time")


if __name__ == "__main__":
    main()
