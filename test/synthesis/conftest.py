# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the synthesis tests."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from eschernet_ros.geometry import ring, stack_matrices
from eschernet_ros.synthesis import SynthesisRequest

PATIENCE_S = 60.0
"""How long a test waits before it gives up; nothing depends on how fast it goes."""


class FakePipeline:
    """Stands in for the model where order and interruption are tested.

    The real one cannot be stopped at a chosen step from outside; this one waits at every step until the test
    lets it go on. Its images hold the request's seed.
    """

    notice = "made up"
    sampling = (7, 1.5)

    def __init__(self) -> None:
        self.started: list[int] = []
        self.begun = threading.Semaphore(0)
        self.steps = threading.Semaphore(0)
        self.error: BaseException | None = None

    def __call__(
        self,
        images,
        reference_poses,
        target_poses,
        steps=50,
        guidance_scale=3.0,
        seed=0,
        *,
        callback=None,
        fill_to=0,
    ):
        self.started.append(seed)
        self.begun.release()
        for step in range(1, steps + 1):
            assert self.steps.acquire(timeout=PATIENCE_S)
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            callback(step, steps)
        return np.full((len(target_poses), 8, 8, 3), seed / 255.0)

    def wait_begun(self) -> int:
        """Wait until the next run has begun; returns its seed."""
        assert self.begun.acquire(timeout=PATIENCE_S)
        return self.started[-1]

    def allow(self, steps: int) -> None:
        """Let the pipeline take so many more steps."""
        self.steps.release(steps)


@pytest.fixture
def pipeline():
    return FakePipeline()


@pytest.fixture
def request_of():
    """Function: (seed, steps) -> a small valid request."""

    def make(seed: int = 0, steps: int = 3, **changes) -> SynthesisRequest:
        fields = {
            "reference_images": np.full((2, 8, 8, 3), 200, np.uint8),
            "reference_poses": stack_matrices(ring(2, 1.2, 1.8)),
            "target_poses": stack_matrices(ring(3, 1.0, 1.6)),
            "steps": steps,
            "seed": seed,
        }
        return SynthesisRequest(**{**fields, **changes})

    return make
