# SPDX-License-Identifier: Apache-2.0
"""Pip's way to build the package: the interfaces come from the same CMakeLists.txt that colcon runs.

``pip install .`` needs the ROS wheels of PyPI (pyproject.toml names them). CMake installs into a staging folder;
its Python part (``eschernet_ros/msg``, ``action``, type supports) goes beside the hand-written modules, its ``lib``
and ``share`` become data files below the environment's prefix, which is where the ament index looks.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).resolve().parent
NAME = "eschernet_ros"
INTERFACE_FOLDERS = ("msg", "action")


def ros_prefix() -> Path:
    """Folder of the environment that holds the ROS wheels (it contains ``share/ament_index``)."""
    spec = importlib.util.find_spec("ament_package")
    if spec is None or spec.origin is None:
        sys.exit(
            "eschernet_ros: the ROS build tools are not in this environment. Use `pip install .` (it fetches them), "
            "or `pip install -r requirements/build.txt` before `pip install --no-build-isolation .`."
        )
    for parent in Path(spec.origin).parents:
        if (parent / "share" / "ament_index").is_dir():
            return parent
    sys.exit(f"eschernet_ros: no share/ament_index above {spec.origin}; reinstall the ros-* wheels.")


def build_interfaces() -> Path:
    """Run CMakeLists.txt and return the staging prefix; the build folder is kept and reused while nothing changed."""
    prefix = ros_prefix()
    sources = sorted(p for folder in (*INTERFACE_FOLDERS, "cmake") for p in (ROOT / folder).iterdir() if p.is_file())
    key = hashlib.sha256(f"{sys.version}{prefix}{ROOT}".encode())
    for path in (ROOT / "CMakeLists.txt", ROOT / "package.xml", *sources):
        key.update(path.read_bytes())
    work = ROOT / "build" / f"pip-{key.hexdigest()[:12]}"
    staging = work / "staging"
    environment = dict(os.environ, AMENT_PREFIX_PATH=str(prefix), CMAKE_PREFIX_PATH=str(prefix))
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), str(prefix / "bin"), environment["PATH"]])
    configured = work / ".configured"
    if not configured.exists():
        shutil.rmtree(work, ignore_errors=True)
        subprocess.run(
            [
                "cmake",
                f"-S{ROOT}",
                f"-B{work}",
                "-GNinja",
                "-DCMAKE_BUILD_TYPE=Release",
                "-DBUILD_TESTING=OFF",
                f"-DCMAKE_INSTALL_PREFIX={staging}",
                "-DCMAKE_INSTALL_RPATH=$ORIGIN",
                "-DPYTHON_INSTALL_DIR=python",
                f"-DPython3_EXECUTABLE={sys.executable}",
            ],
            check=True,
            env=environment,
        )
        configured.touch()
    subprocess.run(["cmake", "--build", str(work)], check=True, env=environment)
    shutil.rmtree(staging, ignore_errors=True)
    subprocess.run(["cmake", "--install", str(work)], check=True, env=environment, stdout=subprocess.DEVNULL)
    return staging


class BuildWithInterfaces(build_py):
    """``build_py`` that also builds and collects the ROS interfaces."""

    def run(self) -> None:
        super().run()
        staging = build_interfaces()
        generated = staging / "python" / NAME
        target = Path(self.build_lib) / NAME
        for folder in INTERFACE_FOLDERS:
            shutil.copytree(generated / folder, target / folder, dirs_exist_ok=True)
        for library in generated.glob("*.so"):
            shutil.copy2(library, target)
        files: dict[str, list[str]] = {}
        for folder in ("lib", "share"):
            for path in sorted((staging / folder).rglob("*")):
                if path.is_file():
                    files.setdefault(str(path.parent.relative_to(staging)), []).append(str(path.relative_to(ROOT)))
        self.distribution.data_files = sorted(files.items())


class RefuseEditable(editable_wheel):
    """An editable install would have no ``eschernet_ros.msg``."""

    def run(self) -> None:
        sys.exit(
            "eschernet_ros cannot be installed editable: its ROS interfaces are generated at build time. "
            "Use `pip install .` (seconds when only Python changed), or `colcon build --symlink-install`."
        )


class PlatformDistribution(Distribution):
    """Marks the wheel as specific to this interpreter and platform: it carries compiled type supports."""

    def has_ext_modules(self) -> bool:
        return True


def requirements(name: str) -> list[str]:
    """Lines of ``requirements/<name>.txt`` that name a package."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


setup(
    name=NAME,
    version="0.1.0",
    description="Views the robot's camera never took: EscherNet view synthesis for ROS 2",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed", "checkpoints/**/*", "evaluation/report/page.*", "evaluation/p*/*.yaml"]},
    install_requires=[*requirements("runtime"), *requirements("ros")],
    extras_require={name: requirements(name) for name in ("hardware", "sim", "test")},
    entry_points={"console_scripts": ["eschernet-ros = eschernet_ros.cli.main:main"]},
    cmdclass={"build_py": BuildWithInterfaces, "editable_wheel": RefuseEditable},
    distclass=PlatformDistribution,
)
