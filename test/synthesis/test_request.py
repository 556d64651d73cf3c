# SPDX-License-Identifier: Apache-2.0
"""Requests, their warnings, and the run of one with the real model."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.geometry import look_at_origin, ring, stack_matrices
from eschernet_ros.synthesis import SynthesisRequest, SynthesisWorker, standoff_warnings, synthesize


def test_request_takes_transforms(request_of):
    poses = ring(3, 1.0, 1.7)
    np.testing.assert_array_equal(request_of(target_poses=poses).target_poses, stack_matrices(poses))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference_images": np.zeros((2, 8, 8, 3))}, r"uint8 \[N,H,W,3\]"),
        ({"reference_images": np.zeros((8, 8, 3), np.uint8)}, r"uint8 \[N,H,W,3\]"),
        ({"reference_images": np.zeros((3, 8, 8, 3), np.uint8)}, "3 reference images came with 2 poses"),
        ({"target_poses": []}, "target_poses must be at least one"),
        ({"reference_poses": np.zeros((2, 3, 4))}, "reference_poses must be"),
    ],
)
def test_request_that_does_not_fit_is_refused(request_of, changes, words):
    with pytest.raises(ValueError, match=words):
        request_of(**changes)


def test_cameras_outside_the_trained_distances_are_named():
    poses = stack_matrices([look_at_origin(0.0, 1.0, radius) for radius in (1.5, 1.2, 2.2, 2.6)])
    (sentence,) = standoff_warnings(poses, "reference")
    assert sentence.startswith("2 of 4 reference cameras")
    assert "1.20 to 2.60" in sentence
    assert standoff_warnings(poses[::2], "reference") == []


def test_result_carries_warnings_timings_and_progress(pipeline, request_of):
    pipeline.allow(3)
    steps = []
    request = request_of(5, target_poses=ring(2, 1.0, 3.0))
    result = synthesize(pipeline, request, lambda step, of: steps.append((step, of)))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert {name: time.count for name, time in result.timings.items()} == {
        "first step": 1,
        "other steps": 2,
        "decode": 1,
        "total": 1,
    }
    assert [warning[:24] for warning in result.warnings] == ["2 of 2 target cameras st"]
    assert result.images.dtype == np.uint8


def test_real_model_gives_the_same_through_the_worker():
    model = pytest.importorskip("eschernet_ros.model")
    pipe = model.EscherNetPipeline.from_pretrained("bundled-6dof")
    rng = np.random.default_rng(0)
    request = SynthesisRequest(
        reference_images=rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8),
        reference_poses=ring(2, 1.2, 1.8),
        target_poses=ring(2, 1.0, 1.6),
        steps=2,
        seed=4,
        fill_to=0,
    )
    progress = []
    with SynthesisWorker(pipe) as worker:
        job = worker.submit(request, lambda step, steps: progress.append((step, steps)))
        result = job.result()
        cancelled = worker.submit(request, lambda step, steps: cancelled.cancel())
        assert cancelled.wait()
        assert worker.counts.cancelled == 1
    assert progress == [(1, 2), (2, 2)]
    assert result.images.shape == (2, pipe.image_size, pipe.image_size, 3)
    assert result.notice == pipe.notice
    np.testing.assert_array_equal(result.images, synthesize(pipe, request).images)
