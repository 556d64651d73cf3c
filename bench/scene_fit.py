# SPDX-License-Identifier: Apache-2.0
"""Claim: from a few references on, a fit to the scene beats what can be made of one or two of them.

Fits the first n views of every object of a GSO30 folder, renders views 10 to 24, and compares them with the nearest
reference and the two-view warp on the same pixels. With ``--device cuda`` the Gaussian fit (gsplat) is measured too.
Foreground PSNR over the true mask, full-frame PSNR in brackets; seconds are of one fit with its pictures: CPU time of
the scene fit on the CPU, on CUDA both by the clock.

    .venv/bin/python bench/scene_fit.py FOLDER [--size 64] [--references 1 3 5 10] [--steps 300] [--device cpu]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from eschernet_ros.datasets import PosedImages, open_dataset
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.baselines import nearest_reference, two_view_warp
from eschernet_ros.evaluation.gaussian_fit import GaussianSettings, gaussian_fit
from eschernet_ros.evaluation.gsplat_rasteriser import gsplat_rasteriser
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


Given = tuple[NDArray[np.uint8], NDArray[np.bool_] | None, NDArray[np.float64], NDArray[np.float64]]
"""References, masks, their poses, the targets' poses."""


def fits_on(device: str, steps: int) -> dict[str, Callable[[Given], NDArray[np.uint8]]]:
    """The fits that are measured on a device, by name."""
    voxels = FitSettings(steps=steps, device=device)
    fits: dict[str, Callable[[Given], NDArray[np.uint8]]] = {"scene fit": lambda given: scene_fit(*given, voxels)}
    if device != "cpu":
        rasterise, gaussians = gsplat_rasteriser(device), GaussianSettings(device=device)
        fits["gaussian fit"] = lambda given: gaussian_fit(*given, rasterise, gaussians)
    return fits


def main() -> None:
    """Fit, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the layout gso30")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--references", type=int, nargs="+", default=[1, 3, 5, 10])
    parser.add_argument("--steps", type=int, default=FitSettings.steps, help="of the scene fit")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_dataset(options.folder, "gso30")
    fits = fits_on(options.device, options.steps)
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    columns = ["object", "references", "nearest", "two-view warp", *(f"{name} | s" for name in fits)]
    print(f"| {' | '.join(columns)} |\n|{'---|' * (4 + 2 * len(fits))}")
    for name in dataset.objects:
        views = dataset.read(name, image_size=options.size)
        poses = views.camera_gl_from_world
        for count in options.references:
            plain = views.images[:count], poses[:count], poses[TARGETS]
            cells = [_cell(baseline(*plain), views) for baseline in (nearest_reference, two_view_warp)]
            masks = None if views.masks is None else views.masks[:count]
            for fit in fits.values():
                start = clock()
                found = fit((plain[0], masks, *plain[1:]))
                seconds = clock() - start
                cells += [_cell(found, views), f"{seconds:.1f}"]
            print(f"| {name} | {count} | {' | '.join(cells)} |", flush=True)


def _cell(found: NDArray[np.uint8], views: PosedImages) -> str:
    inside, full = score(found, views)
    return f"{inside:.1f} ({full:.1f})"


if __name__ == "__main__":
    try:
        main()
    except EscherNetError as error:
        raise SystemExit(f"scene_fit: {error}") from error
