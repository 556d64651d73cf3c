# SPDX-License-Identifier: Apache-2.0
"""Results of an evaluation to draw, and readers of the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_evaluation import made_evaluation

from eschernet_ros.evaluation.results_file import write_results

VOID = {"meta", "img", "br", "link", "input", "hr"}


@dataclass
class Node:
    """An element with what is inside it."""

    name: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def all(self, name: str, kind: str | None = None) -> list[Node]:
        """Elements of a name, and of a class, inside."""
        found = (
            [self] if self.name == name and (kind is None or kind in self.attributes.get("class", "").split()) else []
        )
        return found + [node for child in self.children for node in child.all(name, kind)]

    @property
    def text(self) -> str:
        """All words inside, its own first."""
        return " ".join(" ".join([*self.words, *(child.text for child in self.children)]).split())

    def __getitem__(self, attribute: str) -> str:
        return self.attributes[attribute]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].words.append(data)


def parse(text: str) -> Node:
    """The document as a tree; every element must be closed in order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root]
    return reader.root


@pytest.fixture(scope="session")
def read():
    """Function: HTML -> its tree."""
    return parse


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> Path:
    """A folder of results: three objects, one of them with a hostile name; 1, 3 and 5 references."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder, made_evaluation(folder))
    return folder
