# SPDX-License-Identifier: Apache-2.0
"""A graph of real processes for each test that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.processes import Graph


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    """Return an empty graph; its processes end with the test."""
    with Graph(tmp_path) as made:
        yield made


@pytest.fixture
def connect(graph: Graph) -> Iterator[Callable[[], GraphClient]]:
    """Return a function that joins the graph with a client."""
    clients: list[GraphClient] = []

    def make() -> GraphClient:
        clients.append(GraphClient(graph, f"test_{len(clients)}"))
        return clients[-1]

    yield make
    for client in clients:
        client.__exit__(None, None, None)
