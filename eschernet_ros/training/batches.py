# SPDX-License-Identifier: Apache-2.0
"""Draws the batches of a training run.

Every draw depends on the seed, the step and the place in the batch alone. A run that resumes therefore sees what it
would have seen, and so does one on another number of processes or with another device batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, pose_vector_4dof
from eschernet_ros.training.scenes import TrainingScene

_ORDER, _COUNT, _SCENE = 0, 1, 2  # streams of random numbers
_ATTEMPTS = 20


@dataclass(frozen=True)
class BatchShape:
    """What a batch is made of.

    Attributes:
        image_size: side of the images, pixels.
        latent_shape: (channels, h, w) of the noise.
        reference_range: fewest and most references; one number for all scenes of a step.
        targets: target views of a scene.
        distinct: draw the views of a scene without replacement, as far as it has enough.
        dropout: probability that a scene loses its references.
        high_noise_bias: time steps have density t^(bias - 1).
        time_steps: number of the noise schedule's steps.
        cape: ``"6dof"`` or ``"4dof"``.
    """

    image_size: int
    latent_shape: tuple[int, int, int]
    reference_range: tuple[int, int]
    targets: int
    distinct: bool
    dropout: float
    high_noise_bias: float
    time_steps: int
    cape: str


@dataclass(eq=False)
class Batch:
    """S scenes with N references and M targets each.

    Attributes:
        reference_images: [S, N, 3, H, H] in [-1, 1].
        reference_cameras: [S, N, 4, 4] float64 world-to-camera matrices, or pose vectors [S, N, 4].
        target_images: [S, M, 3, H, H] in [-1, 1].
        target_cameras: as the references'.
        time_steps: [S] one for all targets of a scene.
        noise: [S, M, c, h, w] standard normal.
        posterior_noise: [S, M, c, h, w] standard normal, for the autoencoder's posterior.
        keep: [S] False where the scene is trained without references.
        skipped: a sentence for every view that could not be read while this batch was drawn.
    """

    reference_images: Tensor
    reference_cameras: Tensor
    target_images: Tensor
    target_cameras: Tensor
    time_steps: Tensor
    noise: Tensor
    posterior_noise: Tensor
    keep: Tensor
    skipped: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """The batch on a device; cameras stay on the CPU, where CaPE inverts them in float64."""
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self).items()
            if isinstance(value, Tensor) and not name.endswith("_cameras")
        }
        return dataclasses.replace(self, **moved)


def to_pixels(images: Tensor) -> Tensor:
    """uint8 images [..., H, W, 3] as the networks take them, [..., 3, H, W] float in [-1, 1]."""
    return images.movedim(-1, -3).float().div_(127.5).sub_(1.0)


class Batches(Dataset):
    """The micro-batches of one process, by number.

    Number ``n`` is micro-batch ``n % accumulation`` of step ``n // accumulation``.
    """

    def __init__(
        self,
        scenes: Sequence[TrainingScene],
        shape: BatchShape,
        seed: int,
        batch_size: int,
        device_batch_size: int,
        process: int = 0,
        processes: int = 1,
    ):
        """Describe the draws.

        Args:
            scenes: what can be drawn.
            shape: of a batch.
            seed: of all draws.
            batch_size: scenes of a step over all processes.
            device_batch_size: scenes of a micro-batch.
            process: number of this process.
            processes: how many there are.
        """
        self.scenes = scenes
        self.shape = shape
        self.seed = seed
        self.batch_size = batch_size
        self.device_batch_size = device_batch_size
        self.process = process
        self.processes = processes
        self.accumulation = batch_size // (device_batch_size * processes)
        self._permutation = lru_cache(maxsize=2)(self._draw_permutation)

    def __getstate__(self) -> dict[str, object]:
        """Without the cache, so that loader processes can be spawned."""
        return {name: value for name, value in vars(self).items() if name != "_permutation"}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Rebuild the cache."""
        vars(self).update(state)
        self._permutation = lru_cache(maxsize=2)(self._draw_permutation)

    def __getitem__(self, number: int) -> Batch:
        """Draw micro-batch ``number``.

        Raises:
            DatasetError: hardly a view can be read.
        """
        step, part = divmod(number, self.accumulation)
        low, high = self.shape.reference_range
        references = int(np.random.default_rng([self.seed, _COUNT, step]).integers(low, high + 1))
        first = step * self.batch_size + (part * self.processes + self.process) * self.device_batch_size
        drawn = [self._draw(first + place, references) for place in range(self.device_batch_size)]
        columns = list(zip(*drawn, strict=True))
        images, cameras = torch.from_numpy(np.stack(columns[0])), torch.from_numpy(np.stack(columns[1]))
        pixels = to_pixels(images)
        return Batch(
            reference_images=pixels[:, :references],
            reference_cameras=cameras[:, :references],
            target_images=pixels[:, references:],
            target_cameras=cameras[:, references:],
            time_steps=torch.tensor(columns[2]),
            noise=torch.from_numpy(np.stack(columns[3])),
            posterior_noise=torch.from_numpy(np.stack(columns[4])),
            keep=torch.tensor(columns[5]),
            skipped=tuple(sentence for sentences in columns[6] for sentence in sentences),
        )

    def _draw_permutation(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.seed, _ORDER, epoch]).permutation(len(self.scenes))

    def _draw(
        self, place: int, references: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], int, NDArray[np.float32], NDArray[np.float32], bool, list[str]]:
        """The scene at one place of the endless sequence: every scene once an epoch, in an order of its own."""
        epoch, within = divmod(place, len(self.scenes))
        rng = np.random.default_rng([self.seed, _SCENE, place])
        shape = self.shape
        latents = (shape.targets, *shape.latent_shape)
        time_step = min(int(shape.time_steps * rng.random() ** (1 / shape.high_noise_bias)), shape.time_steps - 1)
        keep = bool(rng.random() >= shape.dropout)
        noise = rng.standard_normal(latents, dtype=np.float32)
        posterior = rng.standard_normal(latents, dtype=np.float32)
        scene = self.scenes[self._permutation(epoch)[within]]
        wanted = references + shape.targets
        skipped: list[str] = []
        images: list[NDArray[np.uint8]] = []
        cameras: list[NDArray[np.float64]] = []
        undrawn: list[int] = []
        while len(images) < wanted:
            if not undrawn:
                undrawn = rng.permutation(len(scene)).tolist()
            view = undrawn.pop() if shape.distinct else int(rng.integers(len(scene)))
            try:
                image, pose = scene.view(view, shape.image_size)
                camera = pose if shape.cape == "6dof" else _pose_vector(scene, view, pose)
            except DatasetError as error:
                skipped.append(str(error))
                if len(skipped) % _ATTEMPTS == 0:
                    scene = self.scenes[int(rng.integers(len(self.scenes)))]
                    images, cameras, undrawn = [], [], []
                if len(skipped) == _ATTEMPTS * _ATTEMPTS:
                    raise DatasetError(
                        f"{len(skipped)} draws for one scene met views that cannot be read, the last: {error}"
                    ) from error
                continue
            images.append(image)
            cameras.append(camera)
        return np.stack(images), np.stack(cameras), time_step, noise, posterior, keep, skipped


def _pose_vector(scene: TrainingScene, view: int, pose: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        return pose_vector_4dof(SE3.from_matrix(pose))[0]
    except EscherNetError as error:
        raise DatasetError(f"view {view} of '{scene.name}' has no 4DoF pose: {error}") from error
