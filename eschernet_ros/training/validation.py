# SPDX-License-Identifier: Apache-2.0
"""Pictures and figures of held-out scenes at fixed seeds, so that one step can be laid beside another."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import psnr
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.training.scenes import TrainingScene, View

logger = logging.getLogger(__name__)

_MOST_TARGETS = 12


class Validation:
    """Held-out scenes, read once."""

    def __init__(self, scenes: Sequence[TrainingScene], image_size: int, references: int):
        """Read the scenes' views; a view that cannot be read is named, left out and counted in ``skipped``.

        Raises:
            EscherNetError: a scene with no view beyond the references.
        """
        self.references = references
        self.skipped = 0
        self.scenes: list[tuple[str, np.ndarray, np.ndarray]] = []
        for scene in scenes:
            views: list[View] = []
            for index in range(len(scene)):
                if len(views) == references + _MOST_TARGETS:
                    break
                try:
                    views.append(scene.view(index, image_size))
                except DatasetError as error:
                    self.skipped += 1
                    logger.warning("skipped for validation: %s", error)
            if len(views) <= references:
                raise EscherNetError(
                    f"validation scene '{scene.name}' has {len(views)} readable views; {references} references leave "
                    "no target. Set validation_references lower, or validation_scenes to 0."
                )
            self.scenes.append((scene.name, np.stack([v[0] for v in views]), np.stack([v[1] for v in views])))

    def run(self, pipeline: EscherNetPipeline, steps: int, guidance_scale: float, picture: Path) -> dict[str, float]:
        """Synthesize every scene's targets and draw them under the truth.

        Returns:
            ``validation/psnr``, ``validation/foreground_psnr`` (where the truth is not white) and
            ``validation/nearest_psnr`` (of the reference seen from nearest, foreground), dB, means over all views;
            the latter two only where a truth is not all white.

        Raises:
            EscherNetError: when the picture cannot be written.
        """
        import cv2

        from eschernet_ros.evaluation.baselines import nearest_reference

        rows: list[np.ndarray] = []
        full: list[float] = []
        foreground: list[float] = []
        nearest: list[float] = []
        for _, images, poses in self.scenes:
            count = self.references
            made = pipeline(
                images[:count], poses[:count], poses[count:], steps=steps, guidance_scale=guidance_scale, seed=0
            )
            made = np.round(np.asarray(made) * 255).astype(np.uint8)
            copied = nearest_reference(images[:count], poses[:count], poses[count:])
            for truth, view, copy in zip(images[count:], made, copied, strict=True):
                mask = (truth < 255).any(-1)
                full.append(psnr(view, truth))
                if mask.any():
                    foreground.append(psnr(view, truth, mask))
                    nearest.append(psnr(copy, truth, mask))
            blank = np.full((images.shape[1], 4, 3), 128, np.uint8)
            references, truths = np.hstack(list(images[:count])), np.hstack(list(images[count : count + 8]))
            rows.append(np.hstack([references, blank, truths]))
            rows.append(np.hstack([np.full_like(references, 255), blank, np.hstack(list(made[:8]))]))
        picture.parent.mkdir(parents=True, exist_ok=True)
        width = max(row.shape[1] for row in rows)
        sheet = np.vstack([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows])
        if not cv2.imwrite(str(picture), sheet[..., ::-1]):
            raise EscherNetError(f"{picture} cannot be written; is the disk full?")
        found = {"psnr": full, "foreground_psnr": foreground, "nearest_psnr": nearest}
        return {f"validation/{name}": float(np.mean(values)) for name, values in found.items() if values}
