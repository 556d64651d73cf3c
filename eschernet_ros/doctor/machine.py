# SPDX-License-Identifier: Apache-2.0
"""Processor, memory and disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from eschernet_ros.doctor.finding import Finding, error, fine, warn

FEW_CORES = 4
"""On 2 cores the bench's camera came at 12.5 of 15 frames per second (bench/graph.py)."""
MODEL_BYTES = 4 * 1024**3
"""What the full-size model took in float32 (bench/synthesis.py)."""
LOW_DISK, FULL_DISK = 5 * 1024**3, 256 * 1024**2
_GIB = 1024**3
# these drivers scale the clock within 'powersave' too (Documentation/admin-guide/pm/intel_pstate, amd-pstate)
_SCALING_DRIVERS = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")


def processor(root: Path = Path("/sys/devices/system/cpu")) -> list[Finding]:
    """Number of cores, load, and whether the clock is held down."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    seen = f"{cores} cores for this process, load {load:.1f} over the last minute"
    found = []
    if cores < FEW_CORES:
        remedy = "Lower the camera's frame rate or size, or run drivers and synthesis on different computers."
        found.append(warn("processor", seen, remedy))
    elif load > cores:
        found.append(warn("processor", seen, "Find out what else runs (top); poses and images come late meanwhile."))
    else:
        found.append(fine("processor", seen))
    return [*found, *_governor(root)]


def _governor(root: Path) -> list[Finding]:
    held = []
    governors = {}
    for path in sorted(root.glob("cpu[0-9]*/cpufreq/scaling_governor")):
        try:
            governor = path.read_text().strip()
            driver = path.with_name("scaling_driver").read_text().strip()
        except OSError:
            continue
        governors[path.parts[-3]] = governor
        if governor == "powersave" and driver not in _SCALING_DRIVERS:
            held.append(path.parts[-3])
    if not governors:
        return [fine("CPU governor", "the kernel shows none here")]
    if held:
        seen = f"'powersave' on {len(held)} of {len(governors)} cores holds their clock down"
        return [warn("CPU governor", seen, "sudo cpupower frequency-set -g performance")]
    return [fine("CPU governor", ", ".join(sorted(set(governors.values()))))]


def memory(meminfo: Path = Path("/proc/meminfo")) -> Finding:
    """Whether the full-size model finds room."""
    values = {}
    for line in meminfo.read_text().splitlines():
        name, _, rest = line.partition(":")
        if rest:
            values[name] = int(rest.split()[0]) * 1024
    free, total = values["MemAvailable"], values["MemTotal"]
    seen = f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB are free"
    if free < MODEL_BYTES:
        seen += f"; the full-size model took {MODEL_BYTES / _GIB:.0f} GiB in float32"
        return warn("memory", seen, "Close other programs, or use a small checkpoint (bundled-6dof).")
    return fine("memory", seen)


def disk(folder: Path) -> Finding:
    """Whether recordings find room in ``folder`` (or where it will be made)."""
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if not os.access(place, os.W_OK):
        return error("recordings", f"{place} cannot be written", "Give the recorder a folder of yours (output_dir).")
    seen = f"{free / _GIB:.1f} GiB are free for {folder}"
    remedy = "Make room, or give the recorder another folder (output_dir)."
    if free < FULL_DISK:
        return error("recordings", seen, remedy)
    return warn("recordings", seen, remedy) if free < LOW_DISK else fine("recordings", seen)
