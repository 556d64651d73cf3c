# SPDX-License-Identifier: Apache-2.0
"""EscherNet (arXiv 2402.03908): views of an object at any poses, from posed views of it.

``EscherNetPipeline.__call__`` reads top to bottom as the algorithm. ``docs/model_equality.md`` holds the measured
deviations from the authors' implementation.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eschernet_ros.errors import EscherNetError
from eschernet_ros.model.attention import Scene, install_processors, predict_noise
from eschernet_ros.model.autoencoder import pixels_per_latent
from eschernet_ros.model.cape import CameraEncoding, camera_encoding
from eschernet_ros.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from eschernet_ros.model.device import torch_device
from eschernet_ros.model.encoder import reference_tokens
from eschernet_ros.model.inputs import images_tensor, latents_tensor, pose_tensor
from eschernet_ros.model.sampler import ddim_scheduler, initial_noise

logger = logging.getLogger(__name__)

_DECODED_AT_ONCE = 4


class EscherNetPipeline:
    """N posed reference views in, M views at target poses out, denoised together.

    A pipeline keeps nothing between calls and may be called from any thread.

    Attributes:
        checkpoint: the networks and what is known of them.
    """

    def __init__(self, checkpoint: Checkpoint):
        """Put EscherNet's attention processors on the checkpoint's U-Net.

        Raises:
            EscherNetError: the U-Net's layers do not fit the camera encoding.
        """
        install_processors(checkpoint.unet, checkpoint.cape)
        self.checkpoint = checkpoint

    @classmethod
    def from_pretrained(
        cls,
        folder_or_hub_id: str | Path,
        cape: str | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | str = torch.float32,
    ) -> EscherNetPipeline:
        """Load a checkpoint from a folder, the Hugging Face hub or this package.

        The weights that the authors of EscherNet publish (``kxic/eschernet-6dof``, ``kxic/eschernet-4dof``) are
        licensed for non-commercial academic use only; this code is not covered by that licence.

        Args:
            folder_or_hub_id: a folder in the published layout, a model id on the hub, or ``"bundled-6dof"`` or
                ``"bundled-4dof"``, the tiny checkpoints of this package.
            cape: ``"6dof"`` or ``"4dof"``; None takes what the checkpoint records.
            device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``..., or ``"auto"``: the GPU where there is one.
            dtype: a floating point ``torch.dtype`` or its name.

        Raises:
            EscherNetError: with the folder, the file and what is wrong with it, or a device that is not there.
        """
        checkpoint = load_checkpoint(folder_or_hub_id, cape, torch_device(device), _dtype(dtype))
        if checkpoint.notice:
            logger.warning("%s: %s", checkpoint.name, checkpoint.notice)
        return cls(checkpoint)

    def save_pretrained(
        self, folder: str | Path, dtype: torch.dtype | None = None, safe_serialization: bool = True
    ) -> None:
        """Write a folder that ``from_pretrained`` reads; arguments as of ``save_checkpoint``."""
        save_checkpoint(self.checkpoint, folder, dtype, safe_serialization)

    @torch.inference_mode()
    def __call__(
        self,
        images: Any,
        reference_poses: Any,
        target_poses: Any,
        steps: int = 50,
        guidance_scale: float = 3.0,
        seed: int = 0,
        latents: Any = None,
        output: str = "numpy",
        *,
        callback: Callable[[int, int], None] | None = None,
        fill_to: int = 0,
    ) -> Any:
        """Synthesize the views at ``target_poses``.

        The same arguments give the same result. Permuting references with their poses changes nothing, and neither
        does changing the world frame of all poses with 6DoF.

        Args:
            images: N square reference images, [N, H, H, 3] uint8 or [N, 3, H, H] float in [-1, 1], taken with (or
                resampled to) the model's camera.
            reference_poses: their poses, [N, 4, 4] world-to-camera, OpenGL axes, object at the origin, longest side 1.
                4DoF also takes vectors [N, 4].
            target_poses: poses [M, 4, 4] (or [M, 4]) of the wanted views.
            steps: denoising steps.
            guidance_scale: weight of the references; 1 takes the conditional prediction alone.
            seed: of the initial noise. Target i's noise depends on (seed, i) alone.
            latents: initial noise [M, 4, h, w] instead; it also sets the image size, 8h by 8w with the published
                autoencoder. None: the checkpoint's own size.
            output: ``"numpy"`` for images, ``"latents"`` for the tensor the sampler ends with, unscaled.
            callback: called with (step, steps) after every step, counted from 1 over all groups. What it raises ends
                the run.
            fill_to: denoise at least so many targets together, repeating wanted poses with noise of their own (the
                authors' models want about 15); only the wanted ones are returned. A checkpoint that records
                ``targets_together`` denoises groups of that many; only its last group is filled, up to that size.

        Returns:
            [M, H', W', 3] float array in [0, 1], or the tensor [M, 4, h, w].

        Raises:
            EscherNetError: with the argument, its value and the remedy.
        """
        guidance_scale = _guidance(guidance_scale)
        if output not in ("numpy", "latents"):
            raise EscherNetError(f"output is {output!r}; it must be 'numpy' or 'latents'.")
        reference_images = images_tensor(images)
        reference_cameras = pose_tensor(reference_poses, self.cape, "reference_poses")
        target_cameras = pose_tensor(target_poses, self.cape, "target_poses")
        if len(reference_images) != len(reference_cameras):
            raise EscherNetError(
                f"{len(reference_images)} reference images came with {len(reference_cameras)} reference poses."
            )
        wanted = len(target_cameras)
        rows, groups = self._groups(wanted, fill_to)
        noise = self._noise(wanted, len(rows) - wanted, seed, latents)
        target_cameras = target_cameras[rows]

        scene = self.scene(reference_images, reference_cameras, target_cameras[groups[0]])
        finished = []
        for number, group in enumerate(groups):
            if number:  # what was computed of the references is kept
                scene = dataclasses.replace(scene, targets=self._encoding(target_cameras[group]))
            for step, current in enumerate(self.denoise(scene, noise[group], steps, guidance_scale), start=1):
                if not bool(torch.isfinite(current).all()):
                    raise EscherNetError(
                        f"Step {step} of {steps} gave NaN or infinite values in {self.dtype}; use bfloat16 or float32."
                    )
                if callback is not None:
                    callback(number * steps + step, len(groups) * steps)
            finished.append(current)
        made = torch.cat(finished)[:wanted]
        if output == "latents":
            return made
        return self._images(self.decode(made))

    def scene(self, images: Tensor, reference_cameras: Tensor, target_cameras: Tensor) -> Scene:
        """Encode one scene: images [N, 3, H, H] in [-1, 1], cameras [N, ...] and [M, ...] as ``pose_tensor`` returns.

        Done once for a run: none of it depends on the time step.
        """
        context = self.checkpoint.unet.config["cross_attention_dim"]
        tokens = reference_tokens(self.checkpoint.image_encoder, images.to(self.device, self._input_dtype), context)
        return Scene(
            targets=self._encoding(target_cameras),
            references=self._encoding(reference_cameras),
            tokens=tokens.flatten(0, 1)[None],
        )

    @torch.inference_mode()
    def denoise(self, scene: Scene, noise: Tensor, steps: int, guidance_scale: float) -> Iterator[Tensor]:
        """Denoise [M, 4, h, w], yielding the latents after every step.

        With guidance the U-Net sees every target twice, without references first and with them second.
        """
        scheduler = ddim_scheduler(self.checkpoint.scheduler_config, steps)
        latents = noise.to(self.device, self.dtype)
        for timestep in scheduler.timesteps:
            if guidance_scale == 1.0:
                prediction = predict_noise(self.checkpoint.unet, latents, timestep, scene)
            else:
                both = predict_noise(self.checkpoint.unet, torch.cat((latents, latents)), timestep, scene)
                unconditional, conditional = both.chunk(2)
                prediction = unconditional + guidance_scale * (conditional - unconditional)
            latents = scheduler.step(prediction, timestep, latents, return_dict=False)[0]
            yield latents

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """The autoencoder's images [M, 3, H, W] of latents [M, 4, h, w]; about [-1, 1], not clamped."""
        vae = self.checkpoint.vae
        scaled = latents.to(self.device, vae.dtype) / vae.config["scaling_factor"]
        return torch.cat([vae.decode(part).sample for part in scaled.split(_DECODED_AT_ONCE)])

    @property
    def cape(self) -> str:
        """``"6dof"`` or ``"4dof"``."""
        return self.checkpoint.cape

    @property
    def name(self) -> str:
        """Folder or hub id the weights came from."""
        return self.checkpoint.name

    @property
    def trained(self) -> bool:
        """False for random weights."""
        return self.checkpoint.trained

    @property
    def notice(self) -> str | None:
        """Sentence about the weights to repeat wherever they are used, or None."""
        return self.checkpoint.notice

    @property
    def sampling(self) -> tuple[int, float]:
        """(steps, guidance scale) that suit these weights: what the checkpoint records, else the published 50 and 3."""
        recorded = self.checkpoint.sampling
        if recorded is None:
            return 50, 3.0
        return int(recorded["steps"]), float(recorded["guidance_scale"])

    @property
    def targets_together(self) -> int | None:
        """How many targets these weights are best denoised with at once; None where they do not say: all."""
        recorded = self.checkpoint.sampling or {}
        return int(recorded["targets_together"]) if "targets_together" in recorded else None

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.checkpoint.unet.device

    @property
    def dtype(self) -> torch.dtype:
        """Floating point type of the U-Net."""
        return self.checkpoint.unet.dtype

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(channels, h, w) of the checkpoint's own latents."""
        config = self.checkpoint.unet.config
        size = config["sample_size"]
        height, width = (size, size) if isinstance(size, int) else size
        return config["out_channels"], height, width

    @property
    def image_size(self) -> int:
        """Side, in pixels, of the images that the checkpoint makes by default."""
        return self.latent_shape[1] * pixels_per_latent(self.checkpoint.vae)

    @property
    def _input_dtype(self) -> torch.dtype:
        return torch.promote_types(self.dtype, torch.float32)

    def _encoding(self, cameras: Tensor) -> CameraEncoding:
        return camera_encoding(self.cape, cameras[None], self.device, self.dtype)

    def _groups(self, wanted: int, fill_to: int) -> tuple[Tensor, list[slice]]:
        """Which target each denoised row is of, the wanted ones first, and the rows that are denoised together."""
        if isinstance(fill_to, bool) or not isinstance(fill_to, int | np.integer) or fill_to < 0:
            raise EscherNetError(f"fill_to is {fill_to!r}; it must be a whole number, zero or more.")
        together = self.targets_together or max(wanted, int(fill_to))
        last = (wanted - 1) // together * together
        size = max(wanted - last, min(int(fill_to), together))
        rows = torch.cat((torch.arange(last), last + torch.arange(size) % (wanted - last)))
        return rows, [slice(first, min(first + together, len(rows))) for first in range(0, len(rows), together)]

    def _noise(self, wanted: int, added: int, seed: int, latents: Any) -> Tensor:
        """Initial noise of the wanted targets and of those that are added to fill up."""
        if latents is None:
            return initial_noise(seed, wanted + added, self.latent_shape)
        given = latents_tensor(latents, wanted, self.latent_shape[0]).to(self.device, self.dtype)
        shape = (int(given.shape[1]), int(given.shape[2]), int(given.shape[3]))
        return torch.cat((given, initial_noise(seed, added, shape, first=wanted).to(given)))

    def _images(self, decoded: Tensor) -> np.ndarray:
        clamped = (decoded / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        return clamped.to("cpu", torch.promote_types(clamped.dtype, torch.float32)).numpy()


def _guidance(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value < np.inf:
        raise EscherNetError(f"guidance_scale is {value!r}; it must be a finite number, zero or more.")
    return float(value)


def _dtype(value: torch.dtype | str) -> torch.dtype:
    found = getattr(torch, value, None) if isinstance(value, str) else value
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise EscherNetError(f"dtype is {value!r}; it must be float32, float64, bfloat16 or float16.")
    return found
