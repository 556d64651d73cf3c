# SPDX-License-Identifier: Apache-2.0
"""HTML and SVG elements as strings, with everything escaped that is not markup already."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import TypeAlias

Child: TypeAlias = "Markup | str | int | float | Iterable[Child] | None"
"""What an element may hold; a plain string is escaped, None is nothing."""

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})


class Markup(str):
    """A piece of HTML or SVG that is written as it is."""

    __slots__ = ()


def element(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Markup:
    """``<name attributes>children</name>``.

    Args:
        name: of the element.
        children: escaped unless they are markup; iterables are written one after the other.
        attributes: a trailing underscore is dropped (``class_``) and others become hyphens (``stroke_width``); true is
            written by its name alone, false and None are left out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Child) -> Markup:
    """The children one after the other, without an element around them."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(html.escape(children))
    if isinstance(children, (int, float)):
        return Markup(number(children))
    return Markup("".join(join(child) for child in children))


def number(value: float, digits: int = 2) -> str:
    """A coordinate with at most ``digits`` decimals and no trailing zeros."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no coordinate")
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if name in ("viewbox", "preserveaspectratio"):
        name = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}[name]
    if value is True:
        return f" {name}"
    text = number(value) if isinstance(value, (int, float)) else value
    return f' {name}="{html.escape(text)}"'
