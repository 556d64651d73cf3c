# SPDX-License-Identifier: Apache-2.0
"""The accelerator of a run and its trackers."""

from __future__ import annotations

import logging
from pathlib import Path

import accelerate
import torch

from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.optional import require
from eschernet_ros.training.settings import TrainingSettings, as_plain

logger = logging.getLogger(__name__)


def make_accelerator(settings: TrainingSettings, output: Path) -> accelerate.Accelerator:
    """The accelerator of this process, as ``accelerate launch`` or its absence says.

    Raises:
        EscherNetError: a precision that the device cannot do, or that differs from that of an earlier run in this
            process.
        MissingDependencyError: a tracker that is not installed.
    """
    for tracker in settings.trackers:
        require(tracker, f"pip install {tracker}", f"trackers: {tracker}")
    precision = settings.mixed_precision
    # not asked of accelerate's PartialState: made before the Accelerator, two processes no longer stopped together
    emulated = not torch.cuda.is_available() and emulates_bfloat16()
    if precision == "auto":
        precision = "no" if emulated else "bf16"
    elif precision == "bf16" and emulated:
        logger.warning(
            "mixed_precision bf16 is emulated on this CPU, which has no AVX-512: a step of the bundled model took more "
            "than 7 times as long as with mixed_precision no. Set that, or auto."
        )
    try:
        return accelerate.Accelerator(
            mixed_precision=precision,
            log_with=list(settings.trackers) or None,
            project_dir=str(output),
            step_scheduler_with_optimizer=False,
        )
    except ValueError as error:
        raise EscherNetError(f"mixed_precision {precision!r} cannot be used: {error}") from error


def emulates_bfloat16() -> bool:
    """Whether products of bfloat16 matrices are made of scalar instructions on this CPU (oneDNN before AVX-512)."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def start_trackers(accelerator: accelerate.Accelerator, settings: TrainingSettings, output: Path) -> None:
    """Start the trackers with the settings that are single values; ``output`` exists.

    Raises:
        EscherNetError: a tracker that does not start.
    """
    if not settings.trackers:
        return
    options = {"wandb": {"mode": "offline" if settings.wandb_offline else "online", "dir": str(output)}}
    flat = {key: value for key, value in as_plain(settings).items() if isinstance(value, int | float | str)}
    try:
        accelerator.init_trackers(
            settings.project, flat, {key: value for key, value in options.items() if key in settings.trackers}
        )
    except Exception as error:  # the trackers raise errors of their own kinds
        raise EscherNetError(
            f"trackers {', '.join(settings.trackers)} could not be started: {first_line(error)}. For Weights & Biases "
            "log in (wandb login) or set wandb_offline."
        ) from error
