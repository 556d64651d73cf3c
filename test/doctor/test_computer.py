# SPDX-License-Identifier: Apache-2.0
"""The computer: kernel settings, memory, disk, GPU, USB. Made-up kernels and devices in place of this one's."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections import namedtuple
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from eschernet_ros.doctor import Level
from eschernet_ros.doctor.gpu import gpu
from eschernet_ros.doctor.machine import disk, memory, processor
from eschernet_ros.doctor.network import discovery, shared_memory, socket_buffers
from eschernet_ros.doctor.usb import cameras_on_usb, judge, kernel_cameras, sdk_cameras

GIB = 1024**3


def tree(root: Path, files: dict[str, str]) -> Path:
    """Write files below ``root``."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    return root


def buffers(root: Path, default: int) -> Path:
    """A kernel with these socket buffers."""
    names = {"net/core/rmem_max": 2**26, "net/core/rmem_default": default, "net/core/wmem_max": 2**26}
    return tree(root, {name: str(value) for name, value in names.items()})


def test_socket_buffers_against_an_image(tmp_path: Path) -> None:
    finding = socket_buffers(1280 * 720 * 3, buffers(tmp_path, 212_992))
    assert finding.level == Level.WARN
    assert "net.core.rmem_default = 212992" in finding.seen
    assert "an image has 2764800 bytes" in finding.seen
    assert "net.core.rmem_default=33554432" in finding.remedy.splitlines()
    assert socket_buffers(1280 * 720 * 3, buffers(tmp_path, 2**25)).level == Level.OK
    assert "does not show net.core.rmem_max" in socket_buffers(1, tmp_path / "none").seen


@pytest.mark.parametrize(
    ("image_bytes", "environment", "level", "sentence"),
    [
        (2_764_800, {}, Level.WARN, "segment holds 524288 bytes; an image has 2764800"),
        (2_764_800, {"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}, Level.WARN, "an image has 2764800"),
        (50_000, {}, Level.OK, "an image has 50000"),
        (2_764_800, {"FASTDDS_DEFAULT_PROFILES_FILE": "/a.xml"}, Level.OK, "FASTDDS_DEFAULT_PROFILES_FILE is /a.xml"),
        (2_764_800, {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, Level.OK, "left to rmw_cyclonedds_cpp"),
    ],
)
def test_shared_memory_against_an_image(
    image_bytes: int, environment: dict[str, str], level: Level, sentence: str
) -> None:
    finding = shared_memory(image_bytes, environment)
    assert (finding.level, sentence in finding.seen) == (level, True)
    assert ("config/fastdds.xml" in finding.remedy) == (level is Level.WARN)


def test_the_profile_it_names_is_shipped() -> None:
    """Fast DDS reads it: shared memory of 64 MiB, and UDP for everybody else."""
    root = ElementTree.parse(Path(__file__).parents[2] / "config" / "fastdds.xml").getroot()
    dds = "{http://www.eprosima.com}"
    kinds = [element.findtext(f"{dds}type") for element in root.iter(f"{dds}transport_descriptor")]
    assert kinds == ["SHM", "UDPv4"]
    assert [element.text for element in root.iter(f"{dds}segment_size")] == [str(64 * 1024**2)]
    used = [element.text for element in root.find(f".//{dds}userTransports")]  # type: ignore[union-attr]
    assert used == [element.findtext(f"{dds}transport_id") for element in root.iter(f"{dds}transport_descriptor")]


@pytest.mark.parametrize(
    ("environment", "level", "sentence"),
    [
        ({}, Level.OK, "ROS_DOMAIN_ID 0, discovery range SUBNET"),
        ({"ROS_DOMAIN_ID": "7", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, Level.OK, "(this computer only)"),
        ({"ROS_STATIC_PEERS": "10.0.0.1"}, Level.OK, "ROS_STATIC_PEERS=10.0.0.1"),
        ({"ROS_DOMAIN_ID": "seven"}, Level.ERROR, "ROS_DOMAIN_ID is 'seven'"),
        ({"ROS_DOMAIN_ID": "233"}, Level.ERROR, "ROS_DOMAIN_ID is '233'"),
        ({"ROS_DOMAIN_ID": "150"}, Level.WARN, "collide"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "localhost"}, Level.ERROR, "which ROS does not know"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, Level.ERROR, "no other node is ever found"),
        ({"ROS_LOCALHOST_ONLY": "1"}, Level.WARN, "overrides the discovery range SUBNET"),
    ],
)
def test_discovery(environment: dict[str, str], level: Level, sentence: str) -> None:
    (finding,) = discovery(environment)
    assert (finding.level, sentence in finding.seen) == (level, True)


def test_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (9.0, 1.0, 1.0))
    for cores, level in ((2, Level.WARN), (8, Level.WARN), (16, Level.OK)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)))
        found, governor = processor(tmp_path)
        assert found.level == level
        assert f"{cores} cores for this process, load 9.0" in found.seen
    assert "shows none" in governor.seen


@pytest.mark.parametrize(
    ("governor", "driver", "level"),
    [
        ("powersave", "acpi-cpufreq", Level.WARN),
        ("powersave", "intel_pstate", Level.OK),
        ("performance", "acpi-cpufreq", Level.OK),
    ],
)
def test_cpu_governor(tmp_path: Path, governor: str, driver: str, level: Level) -> None:
    for core in range(2):
        folder = f"cpu{core}/cpufreq"
        tree(tmp_path, {f"{folder}/scaling_governor": governor, f"{folder}/scaling_driver": driver})
    found = processor(tmp_path)[1]
    assert (found.subject, found.level) == ("CPU governor", level)
    if level == Level.WARN:
        assert "'powersave' on 2 of 2 cores" in found.seen
        assert "cpupower" in found.remedy


@pytest.mark.parametrize(("free_gib", "level"), [(2, Level.WARN), (12, Level.OK)])
def test_memory(tmp_path: Path, free_gib: int, level: Level) -> None:
    kib = free_gib * 1024**2
    tree(
        tmp_path,
        {"meminfo": f"MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:   {kib} kB\nHugePages_Total:  0"},
    )
    finding = memory(tmp_path / "meminfo")
    assert (finding.level, f"{free_gib}.0 of 16.0 GiB are free" in finding.seen) == (level, True)


@pytest.mark.parametrize(("free", "level"), [(GIB // 8, Level.ERROR), (GIB, Level.WARN), (100 * GIB, Level.OK)])
def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    asked = []
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda place: asked.append(place) or usage(0, 0, free))
    finding = disk(tmp_path / "not" / "yet" / "there")
    assert finding.level == level
    assert asked == [tmp_path.resolve()]


# --- GPU --------------------------------------------------------------------------------------------------------------


def torch(available: bool, cuda: str | None, free: int = 0) -> Any:
    """A stand-in for the module."""

    def info(_: int) -> tuple[int, int]:
        if free < 0:
            raise RuntimeError("CUDA error: out of memory\nCompile with ...")
        return free, 24 * GIB

    functions = SimpleNamespace(
        is_available=lambda: available,
        device_count=lambda: 1,
        get_device_name=lambda _: "RTX 4090",
        mem_get_info=info,
    )
    return SimpleNamespace(__version__="2.13.0", cuda=functions, version=SimpleNamespace(cuda=cuda))


@pytest.mark.parametrize(
    ("module", "driver", "level", "sentence"),
    [
        (torch(True, "12.8", 20 * GIB), True, Level.OK, "RTX 4090, 20.0 of 24.0 GiB free"),
        (torch(True, "12.8", GIB), True, Level.WARN, "1.0 of 24.0 GiB free; the full-size model took 4 GiB"),
        (torch(True, "12.8", -1), True, Level.ERROR, "RTX 4090 cannot be used: CUDA error: out of memory"),
        (torch(False, None), True, Level.WARN, "is a CPU build"),
        (torch(False, "12.8"), True, Level.WARN, "(CUDA 12.8) cannot use it"),
        (torch(False, None), False, Level.WARN, "none; without one"),
    ],
)
def test_gpu(tmp_path: Path, module: Any, driver: bool, level: Level, sentence: str) -> None:
    file = tmp_path / "version"
    if driver:
        file.touch()
    (finding,) = gpu(module, file)
    assert (finding.level, sentence in finding.seen) == (level, True)


def test_torch_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    (finding,) = gpu()
    assert finding.level == Level.ERROR
    assert "requirements/runtime.txt" in finding.remedy


# --- USB --------------------------------------------------------------------------------------------------------------


def test_the_kernel_shows_a_camera_and_its_speed(tmp_path: Path) -> None:
    camera = {
        "idVendor": "8086",
        "product": "Intel(R) RealSense(TM) Depth Camera 435i",
        "serial": "0123",
        "speed": "480",
    }
    other = {"idVendor": "8086", "product": "Bluetooth", "speed": "12"}
    tree(tmp_path, {f"2-1/{name}": value for name, value in camera.items()})
    tree(tmp_path, {f"1-4/{name}": value for name, value in other.items()})
    (found,) = kernel_cameras(tmp_path)
    assert (found.serial, found.mbit) == ("0123", 480.0)
    (finding,) = judge([found], "the kernel")
    assert finding.level == Level.WARN
    assert "on USB 2 (480 Mbit/s)" in finding.seen
    assert "USB 3 port" in finding.remedy


def sdk(usb: str, fail: bool = False) -> Any:
    """A stand-in for pyrealsense2 with one camera."""
    values = {"name": "Intel RealSense D435I", "serial_number": "0123", "firmware_version": "5.16", "usb_type": usb}
    values["usb_type_descriptor"] = values.pop("usb_type")
    device = SimpleNamespace(get_info=lambda key: values[key], supports=lambda key: bool(values[key]))

    def query() -> list[Any]:
        if fail:
            raise RuntimeError("failed to open usb interface: 0, error: RS2_USB_STATUS_NO_DEVICE")
        return [device]

    module = ModuleType("pyrealsense2")
    module.camera_info = SimpleNamespace(**{key: key for key in values})  # type: ignore[attr-defined]
    module.context = lambda: SimpleNamespace(query_devices=query)  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("usb", "level", "sentence"),
    [("3.2", Level.OK, "on USB 3"), ("2.1", Level.WARN, "on USB 2"), ("", Level.OK, "its USB speed is not shown")],
)
def test_librealsense_shows_a_camera(usb: str, level: Level, sentence: str) -> None:
    (finding,) = judge(sdk_cameras(sdk(usb)), "librealsense")
    assert finding.level == level
    assert finding.seen.startswith("Intel RealSense D435I, serial 0123, firmware 5.16")
    assert sentence in finding.seen


def test_a_camera_that_librealsense_may_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyrealsense2", sdk("3.2", fail=True))
    assert cameras_on_usb(tmp_path)[0].level == Level.OK
    tree(tmp_path, {"2-1/idVendor": "8086", "2-1/product": "RealSense D435I", "2-1/speed": "5000"})
    (finding,) = cameras_on_usb(tmp_path)
    assert finding.level == Level.ERROR
    assert "the kernel shows RealSense D435I, but librealsense fails: failed to open usb interface" in finding.seen
    assert "udev rules" in finding.remedy


def test_without_librealsense_the_kernel_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyrealsense2", None)
    assert "the kernel sees none on this computer" in cameras_on_usb(tmp_path)[0].seen
