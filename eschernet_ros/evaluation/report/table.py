# SPDX-License-Identifier: Apache-2.0
"""Tables of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eschernet_ros.evaluation.report.markup import Child, Markup, element


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        content: what it shows.
        value: what it is sorted by, where that is not the text it shows.
        kind: classes of the style: ``"word"``, ``"best"``, ``"good"``, ``"bad"``; None for an ordinary number.
    """

    content: Child
    value: str | float | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        head: its first cell.
        cells: the others.
        kind: class of the row; None for none.
        keys: what it can be filtered by.
    """

    head: Cell | str
    cells: Sequence[Cell | str]
    kind: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


def table(
    head: Sequence[str], rows: Sequence[Row], caption: str, identifier: str | None = None, sortable: bool = False
) -> Markup:
    """A table inside a box that scrolls sideways where the page is narrow.

    Args:
        head: the columns' names; the first belongs to the rows' heads.
        rows: from top to bottom.
        caption: for those who do not see the page.
        identifier: of the element, for filters.
        sortable: whether a click on a column's name sorts it.
    """
    words = [True, *(_is_word(cell) for cell in (rows[0].cells if rows else ()))]
    columns = [
        element("th", name, scope="col", class_="word" if number < len(words) and words[number] else None)
        for number, name in enumerate(head)
    ]
    classes = " ".join(name for name, used in (("sortable", sortable), ("views", identifier)) if used)
    content = element(
        "table",
        element("thead", element("tr", columns)),
        element("tbody", [_row(row) for row in rows]),
        id=identifier,
        class_=classes or None,
        aria_label=caption,
    )
    return element(
        "div", content, class_="scroll tall" if identifier else "scroll", tabindex=0, role="region", aria_label=caption
    )


def _is_word(cell: Cell | str) -> bool:
    return isinstance(cell, Cell) and "word" in (cell.kind or "").split()


def _row(row: Row) -> Markup:
    head = row.head if isinstance(row.head, Cell) else Cell(row.head)
    first = element("th", head.content, scope="row", class_="word", data_value=_value(head))
    keys: dict[str, str | int | float | bool | None] = {f"data_{key}": value for key, value in row.keys.items()}
    return element("tr", first, [_cell(cell) for cell in row.cells], class_=row.kind, **keys)


def _cell(cell: Cell | str) -> Markup:
    cell = cell if isinstance(cell, Cell) else Cell(cell)
    return element("td", cell.content, class_=cell.kind, data_value=_value(cell))


def _value(cell: Cell) -> str | None:
    return f"{cell.value:.6g}" if isinstance(cell.value, (int, float)) else cell.value
