# SPDX-License-Identifier: Apache-2.0
"""The page around the sections: one file with style and script inside, which asks nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from eschernet_ros import __version__
from eschernet_ros.evaluation.report.markup import Child, Markup, element

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The browser itself refuses every request."""


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        identifier: its anchor.
        title: its heading, and its entry in the bar at the top.
        content: what it holds; an empty one is left out.
    """

    identifier: str
    title: str
    content: Child


def page(title: str, subtitle: Child, banner: Child, sections: Sequence[Section]) -> str:
    """The whole document."""
    filled = [section for section in sections if section.content]
    links = [element("li", element("a", section.title, href=f"#{section.identifier}")) for section in filled]
    parts = [
        element("section", element("h2", section.title), section.content, id=section.identifier) for section in filled
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", title),
        element("style", Markup(_asset("page.css"))),
    )
    body = element(
        "body",
        element("header", element("h1", title), element("p", subtitle, class_="faint"), banner),
        element("nav", element("ul", links), aria_label="Sections"),
        element("main", parts),
        element("footer", element("p", f"Written by eschernet_ros {__version__}.")),
        element("script", Markup(_asset("page.js"))),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
