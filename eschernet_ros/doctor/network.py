# SPDX-License-Identifier: Apache-2.0
"""Socket buffers and shared memory against the size of an image, and which graph this process would join."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from eschernet_ros.doctor.finding import Finding, error, fine, warn

DEFAULT_IMAGE_BYTES = 1280 * 720 * 3
"""A colour image of the D435i at its usual size, where none was seen."""
HIGHEST_DOMAIN = 232
SAFE_DOMAIN = 101
_SEGMENT_BYTES = 512 * 1024
_BUFFERS = ("net/core/rmem_max", "net/core/rmem_default", "net/core/wmem_max")


def socket_buffers(image_bytes: int, root: Path = Path("/proc/sys")) -> Finding:
    """Whether a socket's receive buffer holds one image.

    A message larger than the buffer is sent as many datagrams at once, and what does not fit is lost (ROS 2
    documentation, "DDS tuning"). Matters between computers; for one, see `shared_memory`.

    Args:
        image_bytes: of the largest image that was seen.
        root: where the kernel shows its settings.
    """
    values = {name: _number(root / name) for name in _BUFFERS}
    unreadable = [name for name, value in values.items() if value is None]
    if unreadable:
        return fine("socket buffers", f"the kernel does not show {', '.join(n.replace('/', '.') for n in unreadable)}")
    numbers = {name: value for name, value in values.items() if value is not None}
    shown = ", ".join(f"{name.replace('/', '.')} = {value}" for name, value in numbers.items())
    seen = f"{shown}; an image has {image_bytes} bytes"
    if min(numbers.values()) >= image_bytes:
        return fine("socket buffers", seen)
    wanted = 1 << max(24, (8 * image_bytes - 1).bit_length())
    lines = [f"{name.replace('/', '.')}={wanted}" for name in _BUFFERS]
    lines += ["net.ipv4.ipfrag_time=3", "net.ipv4.ipfrag_high_thresh=134217728"]
    remedy = "If images come from another computer: sudo sysctl --system, with these in /etc/sysctl.d/60-ros.conf:"
    return warn("socket buffers", seen, "\n".join([remedy, *lines]))


def shared_memory(image_bytes: int, environment: Mapping[str, str]) -> Finding:
    """Whether Fast DDS hands an image to another process of this computer in one piece.

    Its default shared memory segment holds 512 KiB and its messages 64 KiB; larger ones go in parts, of which some get
    lost on a busy computer (docs/capture.md has figures).

    Args:
        image_bytes: of the largest image that was seen.
        environment: of the processes that are to talk to each other.
    """
    middleware = environment.get("RMW_IMPLEMENTATION", "") or "rmw_fastrtps_cpp"
    if "fastrtps" not in middleware:
        return fine("shared memory", f"left to {middleware}")
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_BUILTIN_TRANSPORTS"):
        if value := environment.get(name):
            return fine("shared memory", f"{name} is {value}")
    seen = f"Fast DDS's segment holds {_SEGMENT_BYTES} bytes; an image has {image_bytes}"
    if image_bytes <= _SEGMENT_BYTES:
        return fine("shared memory", seen)
    remedy = (
        "Before the camera driver and these nodes start, with SHARE for share/eschernet_ros of the installation:\n"
        "export FASTDDS_DEFAULT_PROFILES_FILE=SHARE/config/fastdds.xml"
    )
    return warn("shared memory", seen, remedy)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def discovery(environment: Mapping[str, str]) -> list[Finding]:
    """Which nodes this environment can find."""
    domain = environment.get("ROS_DOMAIN_ID", "") or "0"
    found_range = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "") or "SUBNET"
    found = []
    if not domain.isascii() or not domain.isdecimal() or int(domain) > HIGHEST_DOMAIN:
        remedy = f"Set ROS_DOMAIN_ID to a number from 0 to {SAFE_DOMAIN}, the same on all computers."
        found.append(error("domain", f"ROS_DOMAIN_ID is '{domain}'", remedy))
    elif int(domain) > SAFE_DOMAIN:
        seen = f"ROS_DOMAIN_ID is {domain}: its ports collide with those Linux gives away"
        found.append(warn("domain", seen, f"Use a number from 0 to {SAFE_DOMAIN}."))
    if found_range not in ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT"):
        seen = f"ROS_AUTOMATIC_DISCOVERY_RANGE is '{found_range}', which ROS does not know"
        found.append(error("discovery", seen, "Set it to SUBNET, LOCALHOST or OFF."))
    elif found_range == "OFF" and not environment.get("ROS_STATIC_PEERS"):
        seen = "ROS_AUTOMATIC_DISCOVERY_RANGE is OFF and ROS_STATIC_PEERS is empty: no other node is ever found"
        found.append(error("discovery", seen, "Set the range to SUBNET or LOCALHOST, or name the peers."))
    if environment.get("ROS_LOCALHOST_ONLY", "0") not in ("", "0") and found_range != "LOCALHOST":
        seen = f"ROS_LOCALHOST_ONLY is set; it is deprecated and overrides the discovery range {found_range}"
        remedy = "Unset it, and say ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST where that is meant."
        found.append(warn("discovery", seen, remedy))
    names = ("ROS_STATIC_PEERS", "ROS_DISCOVERY_SERVER", "CYCLONEDDS_URI")
    further = "".join(f", {name}={environment[name]}" for name in names if environment.get(name))
    reach = " (this computer only)" if found_range == "LOCALHOST" else ""
    return found or [fine("domain", f"ROS_DOMAIN_ID {domain}, discovery range {found_range}{reach}{further}")]
