# SPDX-License-Identifier: Apache-2.0
"""From posed references to synthesized views: shared by the command line and the ROS node."""

from eschernet_ros.synthesis.job import Job, JobCancelledError, JobState
from eschernet_ros.synthesis.mosaic import mosaic
from eschernet_ros.synthesis.references import PutResult, References, ReferenceSet, ReferenceView
from eschernet_ros.synthesis.request import Pipeline, SynthesisRequest, SynthesisResult, standoff_warnings
from eschernet_ros.synthesis.run import synthesize
from eschernet_ros.synthesis.worker import (
    SynthesisWorker,
    WorkerBusyError,
    WorkerClosedError,
    WorkerCounts,
)

__all__ = [
    "Job",
    "JobCancelledError",
    "JobState",
    "Pipeline",
    "PutResult",
    "ReferenceSet",
    "ReferenceView",
    "References",
    "SynthesisRequest",
    "SynthesisResult",
    "SynthesisWorker",
    "WorkerBusyError",
    "WorkerClosedError",
    "WorkerCounts",
    "mosaic",
    "standoff_warnings",
    "synthesize",
]
