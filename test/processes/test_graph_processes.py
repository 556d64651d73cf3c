# SPDX-License-Identifier: Apache-2.0
"""Processes of a graph are isolated, reported when they die, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.processes import Graph, lease_domain

PRINT_ENVIRONMENT = "import os; print(os.environ['ROS_DOMAIN_ID'], os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'])"
SLEEP = "import time; time.sleep(600)"
STUBBORN = "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; print('on'); time.sleep(600)"


def alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds: float = 20.0) -> None:
    """Wait for ``condition()``; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def test_domains_differ_while_held() -> None:
    """Two graphs never share an id; a released id can be had again."""
    first, second = lease_domain(), lease_domain()
    assert first.domain_id != second.domain_id
    first.release()
    third = lease_domain()
    assert third.domain_id == first.domain_id
    second.release()
    third.release()


def test_processes_get_the_graphs_environment(tmp_path: Path) -> None:
    """Domain and discovery range reach the children and, inside the block, this process."""
    before = os.environ.get("ROS_DOMAIN_ID")
    with Graph(tmp_path) as graph:
        node = graph.start("printer", [sys.executable, "-c", PRINT_ENVIRONMENT])
        node.process.wait()
        domain = graph.environment["ROS_DOMAIN_ID"]
        assert os.environ["ROS_DOMAIN_ID"] == domain
    assert node.log.read_text().split() == [domain, "LOCALHOST"]
    assert os.environ.get("ROS_DOMAIN_ID") == before


def test_a_dead_process_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """The error has the exit status and the end of the log."""
    with Graph(tmp_path) as graph:
        node = graph.start("loser", [sys.executable, "-c", "import sys; print('no camera'); sys.exit(3)"])
        node.process.wait()
        with pytest.raises(EscherNetError, match=r"(?s)'loser' ended with status 3.*no camera"):
            graph.check()


def test_leaving_the_block_ends_even_a_stubborn_process(tmp_path: Path) -> None:
    """SIGINT, SIGTERM, SIGKILL, by id."""
    with Graph(tmp_path) as graph:
        node = graph.start("stubborn", [sys.executable, "-c", STUBBORN])
        wait_until(lambda: "on" in node.log.read_text())
        graph.stop(patience_s=0.2)
        assert node.process.returncode == -signal.SIGKILL


def test_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    """Even kill -9 of the parent leaves no node behind."""
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from eschernet_ros.processes import Graph
        with Graph(Path({str(tmp_path)!r})) as graph:
            node = graph.start("sleeper", [sys.executable, "-c", {SLEEP!r}])
            print(node.process.pid, flush=True)
            time.sleep(600)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not alive(child))
