# SPDX-License-Identifier: Apache-2.0
"""Claim: from a few references on, a fit to the scene on the CPU beats what can be made of one or two of them.

Fits the first n views of every object of a GSO30 folder, renders views 10 to 24, and compares them with the nearest
reference and the two-view warp on the same pixels. Foreground PSNR over the true mask, full-frame PSNR in brackets;
seconds are CPU time of one fit with its pictures.

    .venv/bin/python bench/scene_fit.py FOLDER [--size 64] [--references 1 3 5 10] [--steps 300]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from eschernet_ros.datasets import PosedImages, open_dataset
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.baselines import nearest_reference, two_view_warp
from eschernet_ros.evaluation.metrics import psnr
from eschernet_ros.evaluation.scene_fit import FitSettings, scene_fit

TARGETS = slice(10, 25)


def score(found: NDArray[np.uint8], views: PosedImages) -> tuple[float, float]:
    """Mean foreground and full-frame PSNR of the targets."""
    assert views.masks is not None
    pairs = list(zip(found, views.images[TARGETS], views.masks[TARGETS], strict=True))
    return (
        float(np.mean([psnr(image, truth, mask) for image, truth, mask in pairs])),
        float(np.mean([psnr(image, truth) for image, truth, _ in pairs])),
    )


def main() -> None:
    """Fit, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the layout gso30")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--references", type=int, nargs="+", default=[1, 3, 5, 10])
    parser.add_argument("--steps", type=int, default=FitSettings.steps)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_dataset(options.folder, "gso30")
    print("| object | references | nearest | two-view warp | scene fit | s |\n|---|---|---|---|---|---|")
    for name in dataset.objects:
        views = dataset.read(name, image_size=options.size)
        poses = views.camera_gl_from_world
        for count in options.references:
            given = views.images[:count], poses[:count], poses[TARGETS]
            start = time.process_time()
            masks = None if views.masks is None else views.masks[:count]
            fit = scene_fit(given[0], masks, given[1], given[2], FitSettings(steps=options.steps))
            seconds = time.process_time() - start
            found = (nearest_reference(*given), two_view_warp(*given), fit)
            cells = [f"{inside:.1f} ({full:.1f})" for inside, full in (score(each, views) for each in found)]
            print(f"| {name} | {count} | {' | '.join(cells)} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except EscherNetError as error:
        raise SystemExit(f"scene_fit: {error}") from error
