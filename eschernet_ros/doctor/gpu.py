# SPDX-License-Identifier: Apache-2.0
"""The GPU, as torch sees it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from eschernet_ros.doctor.finding import Finding, error, fine, warn
from eschernet_ros.doctor.machine import MODEL_BYTES
from eschernet_ros.errors import first_line
from eschernet_ros.optional import MissingDependencyError, require

_GIB = 1024**3


def gpu(torch: ModuleType | None = None, driver: Path = Path("/proc/driver/nvidia/version")) -> list[Finding]:
    """Whether torch can use a GPU, and how much of its memory is free.

    Args:
        torch: the module; None: the installed one.
        driver: exists where NVIDIA's kernel driver is loaded.
    """
    if torch is None:
        try:
            torch = require("torch", "pip install -r requirements/runtime.txt", "synthesis")
        except MissingDependencyError as missing:
            return [error("GPU", str(missing), "pip install -r requirements/runtime.txt")]
    if not torch.cuda.is_available():
        slow = "without one, a guided step of the full-size model took 3.6 s on 2 cores"
        if driver.exists():
            if torch.version.cuda is None:
                seen = f"NVIDIA's driver is loaded, but torch {torch.__version__} is a CPU build; {slow}"
                return [warn("GPU", seen, "Install torch's CUDA build into this environment (pip install torch).")]
            seen = f"NVIDIA's driver is loaded, but torch {torch.__version__} (CUDA {torch.version.cuda}) cannot use it"
            return [warn("GPU", seen, "Update the driver so that it fits torch's CUDA version (nvidia-smi shows it).")]
        return [warn("GPU", f"none; {slow}", "Use a computer with an NVIDIA GPU for the full-size model.")]
    found = []
    for index in range(torch.cuda.device_count()):
        name = torch.cuda.get_device_name(index)
        try:
            free, total = torch.cuda.mem_get_info(index)
        except RuntimeError as failure:
            seen = f"{name} cannot be used: {first_line(failure)}"
            found.append(error("GPU", seen, "Look at nvidia-smi; restart the computer if it fails too."))
            continue
        seen = f"{name}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
        if free < MODEL_BYTES:
            remedy = "End other programs on the GPU (nvidia-smi lists them), or use a small checkpoint."
            found.append(warn("GPU", f"{seen}; the full-size model took 4 GiB in float32", remedy))
        else:
            found.append(fine("GPU", seen))
    return found
