# SPDX-License-Identifier: Apache-2.0
"""One package for pip and colcon: both builds, and the files that must agree with each other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import eschernet_ros

ROOT = Path(__file__).resolve().parents[2]
INTERFACES = sorted(p.relative_to(ROOT).as_posix() for f in ("msg", "action") for p in (ROOT / f).iterdir())


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder`` and capture what it says."""
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280
    )


@pytest.mark.parametrize("layout", ["--symlink-install", "--merge-install"])
def test_colcon_builds_it(tmp_path: Path, layout: str) -> None:
    """Against the ament wheels: interfaces, modules, executables, launch and config files are installed and load."""
    prefix = sys.prefix
    done = run(
        [
            str(Path(sys.executable).parent / "colcon"),
            *("build", layout, "--base-paths", str(ROOT), "--event-handlers", "console_direct+"),
            *("--cmake-args", f"-DPython3_EXECUTABLE={sys.executable}", "-DBUILD_TESTING=OFF"),
        ],
        tmp_path,
        AMENT_PREFIX_PATH=prefix,
        CMAKE_PREFIX_PATH=prefix,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    install = tmp_path / "install" / ("" if layout == "--merge-install" else "eschernet_ros")
    assert {p.name for p in (install / "lib/eschernet_ros").iterdir()} == {
        *("bench", "capture", "coverage", "franka_state", "hand_eye_publisher", "object_finder", "realsense"),
        *("recorder", "synthesis", "eschernet-ros"),
    }
    for interface in INTERFACES:
        assert (install / "share/eschernet_ros" / interface).exists()
    for folder in ("launch", "config"):
        names = {p.name for p in (ROOT / folder).iterdir() if p.is_file()}
        assert names <= {p.name for p in (install / "share/eschernet_ros" / folder).iterdir()}
    (modules,) = install.glob("lib/python3*/site-packages")
    script = (
        "import eschernet_ros; from eschernet_ros.msg import PosedView; from eschernet_ros.action import Synthesize; "
        "from eschernet_ros.geometry import SE3; from rclpy.serialization import serialize_message as s; "
        "assert len(s(PosedView())) > 0; assert Synthesize.Goal().guidance_scale == -1.0; print(eschernet_ros.__file__)"
    )
    libraries = f"{install / 'lib'}:{os.environ['LD_LIBRARY_PATH']}"
    loaded = run([sys.executable, "-c", script], tmp_path, PYTHONPATH=str(modules), LD_LIBRARY_PATH=libraries)
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.strip().startswith(str(modules))


def test_editable_installs_are_refused_with_a_sentence(tmp_path: Path) -> None:
    """They would have no interfaces."""
    done = run([sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "-e", str(ROOT)], tmp_path)
    assert done.returncode != 0
    assert "cannot be installed editable" in done.stdout + done.stderr


def test_versions_agree() -> None:
    """Module, distribution and package.xml name one version."""
    manifest = xml.etree.ElementTree.parse(ROOT / "package.xml").getroot()
    assert manifest.findtext("version") == eschernet_ros.__version__ == version("eschernet_ros")
    assert manifest.findtext("license") == "Apache-2.0"


def test_build_requirements_agree() -> None:
    """requirements/build.txt is what pyproject.toml asks pip to fetch."""
    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"requires = \[(.*?)\]", text, re.S)
    assert block is not None
    in_pyproject = re.findall(r'"([^"]+)"', block.group(1))
    in_file = [x for x in (ROOT / "requirements/build.txt").read_text().splitlines() if x and x[0] != "#"]
    assert in_pyproject == in_file


def test_every_interface_is_built() -> None:
    """CMakeLists.txt lists each file of msg/ and action/."""
    listed = re.findall(r'"((?:msg|action)/\w+\.\w+)"', (ROOT / "CMakeLists.txt").read_text())
    assert sorted(listed) == INTERFACES


def test_generated_reference_is_current(tmp_path: Path) -> None:
    """docs/parameters.md and config/ say what the nodes declare."""
    done = run([sys.executable, str(ROOT / "tools/build_reference.py"), "--check"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "config").glob("*.yaml")))
def test_parameter_files_hold_only_declared_parameters(name: str) -> None:
    """No dead options."""
    node = name.removesuffix(".yaml").removesuffix("_bench")
    module = __import__(f"eschernet_ros.nodes.{node}", fromlist=["PARAMETERS"])
    declared = {parameter.name for parameter in module.PARAMETERS}

    def names(tree: dict, prefix: str = "") -> set[str]:
        found: set[str] = set()
        for key, value in tree.items():
            found |= names(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
        return found

    content = yaml.safe_load((ROOT / "config" / name).read_text())
    assert names(content["/**"]["ros__parameters"]) == declared


def test_every_source_file_names_its_licence() -> None:
    """SPDX lines, so that a file copied out of here still says whose it is."""
    files = [p for f in ("eschernet_ros", "launch", "scripts", "test", "tools", "bench") for p in (ROOT / f).rglob("*")]
    for path in [ROOT / "setup.py", ROOT / "CMakeLists.txt", *files]:
        if path.suffix in (".py", ".txt", ".cmake", ".sh") or path.parent.name == "scripts":
            assert "SPDX-License-Identifier: Apache-2.0" in path.read_text().split('"""')[0], path
