# SPDX-License-Identifier: Apache-2.0
"""RealSense cameras on this computer's USB, and how fast they are connected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from eschernet_ros.doctor.finding import Finding, error, fine, warn
from eschernet_ros.errors import first_line
from eschernet_ros.optional import MissingDependencyError, require

USB3_MBIT = 5000
_INTEL = "8086"


@dataclass(frozen=True)
class UsbCamera:
    """A camera as the kernel or librealsense shows it.

    Attributes:
        name: of the product.
        serial: serial number; empty where it is not shown.
        mbit: megabit per second of its connection.
        firmware: version; empty where only the kernel was asked.
    """

    name: str
    serial: str
    mbit: float
    firmware: str = ""


def kernel_cameras(root: Path = Path("/sys/bus/usb/devices")) -> list[UsbCamera]:
    """Return the RealSense cameras that the kernel knows."""
    cameras = []
    for device in sorted(root.glob("*")):
        product = _read(device / "product")
        if _read(device / "idVendor") == _INTEL and "realsense" in product.lower():
            cameras.append(UsbCamera(product, _read(device / "serial"), float(_read(device / "speed") or 0.0)))
    return cameras


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def sdk_cameras(rs: ModuleType) -> list[UsbCamera]:
    """Return the cameras that librealsense knows; ``rs`` is the module ``pyrealsense2``."""
    cameras = []
    for device in rs.context().query_devices():

        def info(key: str, device: object = device) -> str:
            item = getattr(rs.camera_info, key)
            return str(device.get_info(item)) if device.supports(item) else ""  # type: ignore[attr-defined]

        usb = info("usb_type_descriptor")  # "3.2", "2.1"
        mbit = 0.0 if not usb else 5000.0 if usb.startswith("3") else 480.0
        cameras.append(UsbCamera(info("name"), info("serial_number"), mbit, info("firmware_version")))
    return cameras


def cameras_on_usb(root: Path = Path("/sys/bus/usb/devices")) -> list[Finding]:
    """Return what is to be said of each camera, from librealsense where it is installed, else from the kernel."""
    source = "the kernel"
    try:
        cameras = sdk_cameras(require("pyrealsense2", "pip install pyrealsense2", "asking the camera"))
        source = "librealsense"
    except MissingDependencyError:
        cameras = kernel_cameras(root)
    except RuntimeError as failure:
        known = kernel_cameras(root)
        if known:
            return [
                error(
                    "RealSense",
                    f"the kernel shows {known[0].name}, but librealsense fails: {first_line(failure)}",
                    "Install librealsense's udev rules (99-realsense-libusb.rules) and plug the camera in again.",
                )
            ]
        cameras = []
    return judge(cameras, source)


def judge(cameras: list[UsbCamera], source: str) -> list[Finding]:
    """Return a finding for each camera."""
    if not cameras:
        return [fine("RealSense", f"{source} sees none on this computer (it may be on another)")]
    found = []
    for camera in cameras:
        parts = [camera.name, f"serial {camera.serial}" if camera.serial else ""]
        parts.append(f"firmware {camera.firmware}" if camera.firmware else "")
        seen = ", ".join(part for part in parts if part)
        if camera.mbit <= 0.0:
            found.append(fine("RealSense", f"{seen}; its USB speed is not shown"))
        elif camera.mbit < USB3_MBIT:
            seen += f", on USB 2 ({camera.mbit:g} Mbit/s): fewer sizes and rates, and streams that stop"
            remedy = "Plug it into a USB 3 port with the cable that came with it, without a hub."
            found.append(warn("RealSense", seen, remedy))
        else:
            found.append(fine("RealSense", f"{seen}, on USB 3"))
    return found
