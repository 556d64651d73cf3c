# SPDX-License-Identifier: Apache-2.0
"""Finding one RealSense camera among those connected."""

from __future__ import annotations

from typing import Any

from eschernet_ros.cameras.camera import CameraAbsentError


def plain_serial(serial: str) -> str:
    """Return a serial number without the leading underscore that realsense-ros puts there to keep it a string."""
    return serial.strip().removeprefix("_")


def info(rs: Any, device: Any, name: str) -> str:
    """Return an entry of ``rs.camera_info``, or an empty string where the device does not have it."""
    entry = getattr(rs.camera_info, name)
    return str(device.get_info(entry)) if device.supports(entry) else ""


def describe(rs: Any, device: Any) -> str:
    """Return name and serial number of a device, for a sentence."""
    return f"{info(rs, device, 'name') or 'a device without a name'} {info(rs, device, 'serial_number')}".strip()


def find_device(rs: Any, context: Any, serial: str) -> Any:
    """Return the device with this serial number, or the only one there is for an empty one.

    librealsense is asked for its devices first: starting a pipeline without any fails only after 15 s.

    Args:
        rs: the module ``pyrealsense2``.
        context: ``rs.context()``.
        serial: with or without the underscore of realsense-ros.

    Raises:
        CameraAbsentError: none is connected, not this one, or several where no serial number says which.
    """
    devices = list(context.query_devices())
    wanted = plain_serial(serial)
    if not devices:
        which = f" (wanted: {wanted})" if wanted else ""
        raise CameraAbsentError(
            f"no RealSense camera is connected{which}: check the cable and the USB port, and that librealsense's udev "
            "rules are installed (99-realsense-libusb.rules)"
        )
    found = ", ".join(describe(rs, device) for device in devices)
    if not wanted:
        if len(devices) > 1:
            raise CameraAbsentError(f"{len(devices)} cameras are connected: {found}; choose one with serial_no")
        return devices[0]
    for device in devices:
        if info(rs, device, "serial_number") == wanted:
            return device
    raise CameraAbsentError(f"no camera has the serial number '{wanted}'; connected: {found}")
