# SPDX-License-Identifier: Apache-2.0
"""The launch files, with the real launch system: what they declare, what they start, and that it works together."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import resting_arm as arm
import yaml
from bag_builder import write as write_bag
from ros2_command import ROS2
from rosbags.rosbag2 import StoragePlugin

import eschernet_ros
from eschernet_ros.datasets import open_dataset
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.nodes import messages
from eschernet_ros.processes import Graph, NodeProcess
from eschernet_ros.simulation import BenchConfig

pytest.importorskip("launch_ros")
launch = pytest.importorskip("launch")
actions = pytest.importorskip("launch.actions")
event_handlers = pytest.importorskip("launch.event_handlers")
logging = pytest.importorskip("launch.logging")
sources = pytest.importorskip("launch.launch_description_sources")
packages = pytest.importorskip("ament_index_python.packages")

BENCH_NODES = ("bench", "capture", "recorder", "synthesis")
"""What all.launch.py starts."""
NODES = (*BENCH_NODES, "coverage", "franka_state", "hand_eye_publisher", "object_finder", "realsense")
FILES = ("all", "replay", *NODES)


@dataclass
class Started:
    """One process as the launch system started it.

    Attributes:
        executable: path of the program.
        name, namespace: of the node; empty where the command line does not say.
        parameters: as its parameter files together say.
        files: the parameter files of the share folder among them.
    """

    executable: Path
    name: str = ""
    namespace: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


def share() -> Path:
    """Return the package's share folder."""
    return Path(packages.get_package_share_directory("eschernet_ros"))


def load(name: str) -> Any:
    """Return the launch description of one installed file."""
    source = sources.PythonLaunchDescriptionSource(str(share() / "launch" / f"{name}.launch.py"))
    return source.get_launch_description(launch.LaunchContext())


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def read(command: list[str]) -> Started:
    """Return what a node's command line says."""
    started = Started(Path(command[1]))  # after the prefix
    for option, value in pairwise(command):
        if option == "-r" and value.startswith("__node:="):
            started.name = value.removeprefix("__node:=")
        elif option == "-r" and value.startswith("__ns:="):
            started.namespace = value.removeprefix("__ns:=")
        elif option == "-p":
            parameter, _, text = value.partition(":=")
            started.parameters[parameter] = yaml.safe_load(text)
        elif option == "--params-file":
            (content,) = yaml.safe_load(Path(value).read_text()).values()
            started.parameters |= flat(content["ros__parameters"])
            if Path(value).parent == share() / "config":
                started.files.append(Path(value).name)
    return started


@pytest.fixture(scope="module", autouse=True)
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the launch system's logs out of the home folder."""
    logging.launch_config.log_dir = str(tmp_path_factory.mktemp("log"))


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Started]]:
    """Return a function that launches a file with ``true`` in place of every program, and returns what it started."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # launch_ros leaves its parameter files there

    def run(name: str, status: int = 0, **arguments: str) -> dict[str, Started]:
        started: list[Started] = []
        service = launch.LaunchService(noninteractive=True)
        service.context.launch_configurations["launch-prefix"] = "true"
        source = sources.PythonLaunchDescriptionSource(str(share() / "launch" / f"{name}.launch.py"))
        on_start = event_handlers.OnProcessStart(on_start=lambda event, _: started.append(read(list(event.cmd))))
        service.include_launch_description(
            launch.LaunchDescription(
                [
                    actions.RegisterEventHandler(on_start),
                    actions.IncludeLaunchDescription(source, launch_arguments=list(arguments.items())),
                ]
            )
        )
        assert service.run() == status
        return {process.executable.name: process for process in started}

    return run


def test_every_launch_file_is_listed_here() -> None:
    """A file that is installed is a file that is tested."""
    assert {path.name.removesuffix(".launch.py") for path in (share() / "launch").glob("*.launch.py")} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_argument_has_a_description_and_a_default(name: str) -> None:
    """``ros2 launch eschernet_ros NAME.launch.py --show-args`` explains each, and none must be given."""
    arguments = load(name).get_launch_arguments()
    assert arguments
    for argument in arguments:
        assert argument.default_value is not None
        assert argument.description not in ("", "no description given")


@pytest.mark.parametrize("name", NODES)
def test_a_node_starts_with_its_parameter_file(name: str, start: Callable[..., dict[str, Started]]) -> None:
    """The installed program, under its own name, with exactly the parameters of its file."""
    started = start(name)
    assert set(started) == {name}
    node = started[name]
    assert node.executable == Path(packages.get_package_prefix("eschernet_ros")) / "lib/eschernet_ros" / name
    assert os.access(node.executable, os.X_OK)
    assert (node.name, node.files) == (name, [f"{name}.yaml"])
    file = yaml.safe_load((share() / "config" / f"{name}.yaml").read_text())
    assert node.parameters == flat(file["/**"]["ros__parameters"])


@pytest.mark.parametrize(
    ("name", "arguments", "parameters"),
    [
        ("bench", {"object": "duck", "tour": "true"}, {"object": "duck", "tour": True}),
        ("capture", {"auto": "true"}, {"auto": True}),
        (
            "coverage",
            {"object_name": "007", "elevation_min_deg": "-20"},
            {"object_name": "007", "elevation_min_deg": -20.0},
        ),
        ("franka_state", {"robot_ip": "10.0.0.2"}, {"robot_ip": "10.0.0.2", "joint_prefix": "fr3"}),
        (
            "realsense",
            {"serial_no": "944122072123", "file": "/data/mug.db3"},
            {"serial_no": "944122072123", "file": "/data/mug.db3"},
        ),
        ("hand_eye_publisher", {"calibration_file": "/w.calib"}, {"calibration_file": "/w.calib"}),
        ("object_finder", {"up": "base"}, {"up": "base"}),
        ("recorder", {"output_dir": "/data", "object_name": "007"}, {"output_dir": "/data", "object_name": "007"}),
        ("recorder", {"mode": "continuous"}, {"mode": "continuous"}),
        ("synthesis", {"checkpoint": "bundled-4dof", "cape": "4dof"}, {"checkpoint": "bundled-4dof", "cape": "4dof"}),
    ],
)
def test_an_argument_sets_a_parameter(
    name: str, arguments: dict[str, str], parameters: dict[str, Any], start: Callable[..., dict[str, Started]]
) -> None:
    """With its type: a name of digits stays a name."""
    node = start(name, namespace="wrist", **arguments)[name]
    assert {key: node.parameters[key] for key in parameters} == parameters
    assert node.namespace == "/wrist"


def test_a_parameter_file_counts_where_no_argument_is_given(
    start: Callable[..., dict[str, Started]], tmp_path: Path
) -> None:
    """An argument's default does not undo what the user wrote into the copy of a file."""
    copy = tmp_path / "mine.yaml"
    copy.write_text("/**:\n  ros__parameters:\n    auto: true\n    object:\n      frame: thing\n")
    assert start("capture", config=str(copy))["capture"].parameters == {"auto": True, "object.frame": "thing"}


def test_a_missing_parameter_file_is_an_error(
    start: Callable[..., dict[str, Started]], caplog: pytest.LogCaptureFixture
) -> None:
    """Not a node with defaults, which is what launch_ros makes of it."""
    assert start("capture", status=1, config="/no/such/file.yaml") == {}
    assert "the parameter file '/no/such/file.yaml' of node 'capture' does not exist" in caplog.text


def test_all_starts_the_four_nodes_for_the_bench(start: Callable[..., dict[str, Started]]) -> None:
    """Each has its own parameter file; capture knows the bench's camera, and recorder the object's name."""
    started = start("all", object="duck", output_dir="/data")
    assert set(started) == set(BENCH_NODES)
    files = {name: f"{name}.yaml" for name in BENCH_NODES} | {"capture": "capture_bench.yaml"}
    assert {name: process.files for name, process in started.items()} == {n: [f] for n, f in files.items()}
    assert {process.namespace for process in started.values()} <= {"", "/"}
    parameters = {name: process.parameters for name, process in started.items()}
    hand_eye = BenchConfig().ee_from_camera_optical
    capture = parameters["capture"]
    np.testing.assert_allclose(capture["hand_eye.translation"], hand_eye.translation, atol=1e-8)
    np.testing.assert_allclose(capture["hand_eye.rotation_xyzw"], hand_eye.quaternion_xyzw, atol=1e-8)
    assert (capture["auto"], parameters["bench"]["tour"]) == (True, True)
    assert capture["exposure_s"] == parameters["bench"]["exposure_s"]
    assert (parameters["bench"]["object"], parameters["recorder"]["object_name"]) == ("duck", "duck")
    assert parameters["recorder"]["output_dir"] == "/data"


def test_replay_plays_a_bag_to_nodes_with_simulated_time(start: Callable[..., dict[str, Started]]) -> None:
    """The player publishes /clock; capture and recorder follow it, with the capture's configuration that is given."""
    started = start("replay", bag="/data/tour", loop="true", object_name="duck")
    assert set(started) == {"ros2", "capture", "recorder"}
    assert {name: started[name].parameters["use_sim_time"] for name in ("capture", "recorder")} == {
        "capture": True,
        "recorder": True,
    }
    assert started["capture"].parameters["auto"] is True
    assert started["recorder"].parameters["object_name"] == "duck"


def test_replay_wants_a_bag(start: Callable[..., dict[str, Started]], caplog: pytest.LogCaptureFixture) -> None:
    assert start("replay", status=1) == {}
    assert "which bag is to be played? bag:=/path/to/bag" in caplog.text


# --- for real -------------------------------------------------------------------------------------------------------


def launched(process: NodeProcess) -> dict[str, int]:
    """Return the process ids of the nodes by name, as the launch system's log tells."""
    found = re.findall(r"\[(\w+)-\d+\]: process started with pid \[(\d+)\]", process.log.read_text())
    return {name: int(pid) for name, pid in found}


def alive(pid: int) -> bool:
    """Tell whether a process exists."""
    return Path(f"/proc/{pid}").exists()


@contextlib.contextmanager
def ros2_launch(tmp_path: Path, file: str, *arguments: str) -> Iterator[tuple[GraphClient, NodeProcess]]:
    """Give a client and the process of ``ros2 launch eschernet_ros FILE``; all processes end with the block."""
    pytest.importorskip("ros2launch")
    with Graph(tmp_path) as graph:
        patience = "sigterm_timeout:=60"  # a busy machine may need more than the usual 5 s
        process = graph.start(
            "launch",
            [*ROS2, "launch", "eschernet_ros", file, *arguments, patience],
            {"ROS_LOG_DIR": str(tmp_path / "ros_log"), "TMPDIR": str(tmp_path), "PYTHONPATH": python_path()},
        )
        try:
            with GraphClient(graph) as client:
                yield client, process
        finally:
            nodes = launched(process)
            graph.stop(patience_s=20.0)
            for pid in nodes.values():  # what a failed launch left behind
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def python_path() -> str:
    """Return PYTHONPATH with the package under test first, wherever it was imported from."""
    return os.pathsep.join([str(Path(eschernet_ros.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])


def test_all_really_runs(tmp_path: Path) -> None:
    """Views are taken and recorded unasked while the arm tours; Ctrl-C ends everything without a trace of trouble."""
    arguments = ["tour:=true", f"output_dir:={tmp_path / 'out'}", "object:=duck"]
    with ros2_launch(tmp_path, "all.launch.py", *arguments) as (client, process):
        client.wait_until_ready()
        client.wait(lambda: len(client.views) >= 3, 120.0, "three views taken on the tour")
        client.flush_recorder()
        process.signal(signal.SIGINT)
        process.process.wait(60.0)
        log = process.log.read_text()
        nodes = launched(process)
    assert set(nodes) == set(BENCH_NODES), log
    assert not any(alive(pid) for pid in nodes.values())
    finished = re.findall(r"\[(\w+)-\d+\]: process has finished cleanly", log)
    assert sorted(finished) == sorted(BENCH_NODES), log
    assert not re.search(r"Traceback|\[ERROR\]|\[FATAL\]|Error|Warning:", log), log

    recorded = open_dataset(tmp_path / "out" / "duck").read(image_size=64)
    assert len(recorded.images) >= 3
    assert (recorded.images < 250).any(axis=(1, 2, 3)).all()  # the object is in every picture


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_replay_really_plays(tmp_path: Path, storage: StoragePlugin) -> None:
    """A bag of rosbags, played by rosbag2 again and again: views are taken and recorded, and jumps of time are said.

    (The bag says nothing of QoS: the player offers everything reliable.)
    """
    pytest.importorskip("ros2bag", reason="ros2 bag is not installed")
    bag = write_bag(tmp_path / "bag", [*arm.camera_entries(), *arm.pose_entries()], storage=storage)
    config = tmp_path / "capture.yaml"
    config.write_text(yaml.safe_dump({"capture": {"ros__parameters": arm.PARAMETERS}}))
    arguments = [f"bag:={bag}", f"capture_config:={config}", f"output_dir:={tmp_path / 'out'}", "loop:=true"]
    with ros2_launch(tmp_path, "replay.launch.py", *arguments) as (client, process):
        client.wait(lambda: len(client.views) >= 2, 180.0, "two views of the played bag")
        client.wait(lambda: "time jumped back: " in process.log.read_text(), 60.0, "the jump")
        client.flush_recorder()
        process.signal(signal.SIGINT)
        process.process.wait(60.0)
        log = process.log.read_text()
        views = [messages.from_posed_view(message) for message in client.views.values()]
        nodes = launched(process)

    assert set(nodes) == {"capture", "recorder", "player"}, log
    assert not re.search(r"Traceback|\[FATAL\]", log), log
    for view in views:
        seconds = (view.stamp_ns - arm.START_NS) / 1e9
        assert 0.0 < seconds < arm.LENGTH_S
        centre = view.base_from_camera_optical.translation
        np.testing.assert_allclose(centre, arm.camera_at(seconds).translation, atol=2e-3)
    recorded = open_dataset(tmp_path / "out" / "replayed").read(image_size=32)
    assert len(recorded.images) >= 2
