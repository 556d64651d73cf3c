# SPDX-License-Identifier: Apache-2.0
"""The folder that ``eschernet-ros synthesize`` writes."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros import __version__
from eschernet_ros.datasets import Dataset, PosedImages
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import SheetView, StageTimer, save_contact_sheet
from eschernet_ros.geometry import SE3, spherical_from_pose

_RESULT, _POSES, _SHEET = "result.json", "poses.npy", "contact_sheet.png"


@dataclass(frozen=True, eq=False)
class SynthesizedView:
    """One synthesized view.

    Attributes:
        label: its number in the data set, or in the spiral.
        image: uint8 RGB [H,W,3].
        pose: ``camera_gl_from_world``, model units.
        truth: the true image, or None.
        psnr: dB over the full frame, or None.
        foreground_psnr: dB over the object's pixels, or None.
        is_reference: whether the model was given this very view.
        scored: whether its numbers enter the means.
    """

    label: str
    image: NDArray[np.uint8]
    pose: SE3
    truth: NDArray[np.uint8] | None = None
    psnr: float | None = None
    foreground_psnr: float | None = None
    is_reference: bool = False
    scored: bool = False

    @property
    def file(self) -> str:
        """Name of its image."""
        return f"view_{int(self.label):03d}.png"


def prepare_output(folder: Path, overwrite: bool) -> Path:
    """Make the folder; an earlier result in it is refused, or removed when it may be overwritten.

    Raises:
        EscherNetError: when the folder holds a result and ``overwrite`` is off, or it is a file.
    """
    folder = folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise EscherNetError(f"The output {folder} is a file; give a folder with --output.")
    folder.mkdir(parents=True, exist_ok=True)
    earlier = [*folder.glob("view_*.png"), *(folder / name for name in (_RESULT, _POSES, _SHEET))]
    earlier = [path for path in earlier if path.exists()]
    if earlier and not overwrite:
        raise EscherNetError(
            f"{folder} holds a result already ({earlier[0].name}); give another folder with --output, or --overwrite."
        )
    for path in earlier:
        path.unlink()
    return folder


def write_output(
    folder: Path,
    *,
    arguments: argparse.Namespace,
    pipeline: Any,
    dataset: Dataset,
    views: PosedImages,
    reference_ids: Sequence[int],
    rule: str,
    synthesized: Sequence[SynthesizedView],
    warnings: Sequence[str],
    timer: StageTimer,
) -> None:
    """Write the images, ``poses.npy``, the contact sheet and ``result.json``; print a summary."""
    means = _means(synthesized)
    with timer.stage("write images"):
        for view in synthesized:
            Image.fromarray(view.image).save(folder / view.file)
        np.save(folder / _POSES, np.stack([view.pose.matrix for view in synthesized]))
    with timer.stage("contact sheet"):
        save_contact_sheet(
            folder / _SHEET,
            [
                SheetView(str(view_id), views.images[row], SE3.from_matrix(views.camera_gl_from_world[row]))
                for view_id, row in zip(reference_ids, views.positions(reference_ids), strict=True)
            ],
            [
                SheetView(
                    view.label,
                    view.image,
                    view.pose,
                    view.truth,
                    view.psnr,
                    view.foreground_psnr,
                    view.is_reference,
                )
                for view in synthesized
            ],
            title=f"{views.name}: {pipeline.name}, {pipeline.cape.upper().replace('OF', 'oF')}, "
            f"{arguments.steps} steps",
            notice=pipeline.notice,
            summary=_mean_phrase(means),
        )
    content = {
        "schema": "eschernet_ros/synthesis-result",
        "schema_version": 1,
        "package_version": __version__,
        "options": {
            key: str(value) if isinstance(value, Path) else value
            for key, value in vars(arguments).items()
            if key not in ("run", "command")
        },
        "data_set": {
            "folder": str(dataset.folder.resolve()),
            "layout": views.layout,
            "object": views.name,
            "pose_source": views.pose_source,
            "scale": views.scale,
        },
        "checkpoint": {
            "name": pipeline.name,
            "cape": pipeline.cape,
            "trained": pipeline.trained,
            "notice": pipeline.notice,
            "device": str(pipeline.device),
            "dtype": str(pipeline.dtype).removeprefix("torch."),
            "image_size": pipeline.image_size,
        },
        "rule": rule,
        "reference_ids": list(reference_ids),
        "targets": [_target_entry(view) for view in synthesized],
        "means_of_scored": means,
        "timings_s": timer.as_dict(),
        "warnings": list(warnings),
    }
    (folder / _RESULT).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")

    for warning in warnings:
        print(f"Warning: {warning}")
    if pipeline.notice:
        print(f"Notice: {pipeline.notice}")
    print(timer.table())
    if means:
        print(f"{means['count']} scored views: {_mean_phrase(means)}")
    print(f"Wrote {len(synthesized)} views and {_SHEET} to {folder}")


def _target_entry(view: SynthesizedView) -> dict[str, Any]:
    azimuth, polar, radius = spherical_from_pose(view.pose)
    return {
        "label": view.label,
        "file": view.file,
        "azimuth_deg": math.degrees(azimuth) % 360.0,
        "elevation_deg": 90.0 - math.degrees(polar),
        "radius": radius,
        "is_reference": view.is_reference,
        "scored": view.scored,
        "psnr": _finite(view.psnr),
        "foreground_psnr": _finite(view.foreground_psnr),
    }


def _finite(value: float | None) -> float | None:
    """JSON has no infinity: the PSNR of two equal images becomes null."""
    return value if value is not None and math.isfinite(value) else None


def _means(synthesized: Sequence[SynthesizedView]) -> dict[str, Any]:
    """Mean numbers of the scored views; empty when there is none."""
    scored = [view for view in synthesized if view.scored and view.psnr is not None]
    if not scored:
        return {}
    foreground = [view.foreground_psnr for view in scored if view.foreground_psnr is not None]
    return {
        "count": len(scored),
        "psnr": _finite(float(np.mean([view.psnr for view in scored if view.psnr is not None]))),
        "foreground_psnr": _finite(float(np.mean(foreground))) if foreground else None,
    }


def _mean_phrase(means: dict[str, Any]) -> str | None:
    parts = [
        f"{name} {means[key]:.2f} dB"
        for name, key in (("mean PSNR", "psnr"), ("object only", "foreground_psnr"))
        if means.get(key) is not None
    ]
    return ", ".join(parts) or None
