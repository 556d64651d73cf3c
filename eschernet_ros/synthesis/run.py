# SPDX-License-Identifier: Apache-2.0
"""Runs one request on a pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable

from eschernet_ros.evaluation.metrics import to_uint8
from eschernet_ros.evaluation.stage_timer import StageTimer
from eschernet_ros.synthesis.request import Pipeline, SynthesisRequest, SynthesisResult, standoff_warnings


def synthesize(
    pipeline: Pipeline,
    request: SynthesisRequest,
    on_progress: Callable[[int, int], None] | None = None,
) -> SynthesisResult:
    """Synthesize the views of a request and time the stages.

    Args:
        pipeline: the model.
        request: what to synthesize.
        on_progress: called with (step, steps) after every denoising step; what it raises ends the run and
            comes out of this function.

    Raises:
        EscherNetError: what the pipeline raises.
    """
    timer = StageTimer()
    start = last = time.perf_counter()

    def after_step(step: int, steps: int) -> None:
        nonlocal last
        now = time.perf_counter()
        timer.add("first step" if step == 1 else "other steps", now - last)
        last = now
        if on_progress is not None:
            on_progress(step, steps)

    steps, guidance_scale = pipeline.sampling
    steps = steps if request.steps is None else request.steps
    guidance_scale = guidance_scale if request.guidance_scale is None else request.guidance_scale
    warnings = standoff_warnings(request.reference_poses, "reference")
    warnings += standoff_warnings(request.target_poses, "target")
    images = to_uint8(
        pipeline(
            request.reference_images,
            request.reference_poses,
            request.target_poses,
            steps=steps,
            guidance_scale=guidance_scale,
            seed=request.seed,
            callback=after_step,
            fill_to=request.fill_to,
        )
    )
    end = time.perf_counter()
    timer.add("decode", end - last)
    timer.add("total", end - start)
    return SynthesisResult(
        images=images,
        steps=steps,
        guidance_scale=guidance_scale,
        timings=timer.times(),
        notice=pipeline.notice,
        warnings=tuple(warnings),
    )
