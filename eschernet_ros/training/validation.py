# SPDX-License-Identifier: Apache-2.0
"""Pictures and figures of held-out scenes at fixed seeds, so that one step can be laid beside another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import psnr
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.training.scenes import TrainingScene

_MOST_TARGETS = 12


class Validation:
    """Held-out scenes, read once."""

    def __init__(self, scenes: Sequence[TrainingScene], image_size: int, references: int):
        """Read the scenes' views.

        Raises:
            EscherNetError: a scene with a broken view, or with no view beyond the references.
        """
        self.references = references
        self.scenes: list[tuple[str, np.ndarray, np.ndarray]] = []
        for scene in scenes:
            count = min(len(scene), references + _MOST_TARGETS)
            if count <= references:
                raise EscherNetError(
                    f"validation scene '{scene.name}' has {len(scene)} views; {references} references leave no "
                    "target. Set validation_references lower, or validation_scenes to 0."
                )
            try:
                views = [scene.view(index, image_size) for index in range(count)]
            except DatasetError as error:
                raise EscherNetError(f"validation scene '{scene.name}' cannot be read: {error}") from error
            self.scenes.append((scene.name, np.stack([v[0] for v in views]), np.stack([v[1] for v in views])))

    def run(self, pipeline: EscherNetPipeline, steps: int, guidance_scale: float, picture: Path) -> dict[str, float]:
        """Synthesize every scene's targets and draw them under the truth.

        Returns:
            ``validation/psnr``, ``validation/foreground_psnr`` (where the truth is not white) and
            ``validation/nearest_psnr`` (of the reference seen from nearest, foreground), dB, means over all views.
        """
        import cv2

        from eschernet_ros.evaluation.baselines import nearest_reference

        rows, full, foreground, nearest = [], [], [], []
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
            references, truths = np.hstack(images[:count]), np.hstack(images[count : count + 8])
            rows.append(np.hstack([references, blank, truths]))
            rows.append(np.hstack([np.full_like(references, 255), blank, np.hstack(made[:8])]))
        picture.parent.mkdir(parents=True, exist_ok=True)
        width = max(row.shape[1] for row in rows)
        sheet = np.vstack([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows])
        cv2.imwrite(str(picture), sheet[..., ::-1])
        return {
            "validation/psnr": float(np.mean(full)),
            "validation/foreground_psnr": float(np.mean(foreground)),
            "validation/nearest_psnr": float(np.mean(nearest)),
        }
