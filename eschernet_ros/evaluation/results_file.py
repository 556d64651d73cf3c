# SPDX-License-Identifier: Apache-2.0
"""``results.json`` and the tables beside it: an evaluation on disk."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.results import METRICS, Evaluation, Summary
from eschernet_ros.json_file import read_json_object

SCHEMA = "eschernet_ros/evaluation"
SCHEMA_VERSION = 1
RESULTS_FILE, VIEWS_FILE, SUMMARY_FILE = "results.json", "views.csv", "summary.csv"

T = TypeVar("T")


def write_results(folder: Path, evaluation: Evaluation) -> Path:
    """Write ``results.json``, ``views.csv`` and ``summary.csv`` into ``folder``; returns the first.

    Raises:
        EscherNetError: a number that is not finite.
        DatasetWriteError: the folder cannot be written.
    """
    content = encode({"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **dataclasses.asdict(evaluation)})
    write_atomically(folder / VIEWS_FILE, _views_table(evaluation).encode())
    write_atomically(folder / SUMMARY_FILE, _summary_table(evaluation).encode())
    write_atomically(folder / RESULTS_FILE, content.encode())
    return folder / RESULTS_FILE


def read_results(path: Path) -> Evaluation:
    """Read what ``write_results`` wrote.

    Args:
        path: ``results.json``, or the folder that holds it.

    Raises:
        EscherNetError: no such file, no results of an evaluation, of another version, or damaged.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    if not file.exists():
        raise EscherNetError(f"There is no {file}; name a folder that 'eschernet-ros evaluate' has finished.")
    content = read_json_object(file)
    if content.pop("schema", None) != SCHEMA:
        raise EscherNetError(f"{file} holds no results of an evaluation (schema {SCHEMA}).")
    version = content.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise EscherNetError(
            f"{file} has schema version {version}, this package reads {SCHEMA_VERSION}; evaluate again with it."
        )
    return decode(Evaluation, content, str(file))


def encode(value: Any) -> str:
    """JSON of plain values and data classes; the same values give the same text.

    Raises:
        EscherNetError: a number that is not finite.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    try:
        return json.dumps(value, indent=1, allow_nan=False) + "\n"
    except ValueError as error:
        raise EscherNetError(f"A number of the results is not finite and cannot be written as JSON: {error}") from error


def decode(kind: type[T], value: Any, where: str) -> T:
    """A data class of this package's results from its JSON; entries it does not know are an error.

    Raises:
        EscherNetError: with ``where`` and the entry that does not fit.
    """
    return typing.cast(T, _decode(kind, value, where))


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin, inside = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _decode_class(kind, value, where)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inside:
            return None
        (kind,) = (each for each in inside if each is not type(None))
        return _decode(kind, value, where)
    if origin is tuple:
        _check(isinstance(value, list), where, "a list", value)
        if inside[-1] is not Ellipsis:
            _check(len(value) == len(inside), where, f"{len(inside)} entries", value)
            return tuple(_decode(each, item, where) for each, item in zip(inside, value, strict=True))
        return tuple(_decode(inside[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        _check(isinstance(value, dict), where, "an object", value)
        return {key: _decode(inside[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is object:
        return value
    if kind is float:
        _check(isinstance(value, int | float) and not isinstance(value, bool), where, "a number", value)
        _check(math.isfinite(value), where, "a finite number", value)
        return float(value)
    names = {str: "a text", int: "a whole number", bool: "true or false"}
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    _check(fits, where, names[kind], value)
    return value


def _decode_class(kind: Any, value: Any, where: str) -> Any:
    _check(isinstance(value, dict), where, "an object", value)
    hints, fields = get_type_hints(kind), {each.name: each for each in dataclasses.fields(kind)}
    unknown = sorted(set(value) - set(fields))
    required = {
        name
        for name, each in fields.items()
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    }
    missing = sorted(required - set(value))
    if unknown or missing:
        what = f"lacks {', '.join(missing)}" if missing else f"holds the unknown entries {', '.join(unknown)}"
        raise EscherNetError(f"{where} {what}; the file is damaged or of another version.")
    return kind(**{name: _decode(hints[name], item, f"{where}: {name}") for name, item in value.items()})


def _check(fits: bool, where: str, wanted: str, value: Any) -> None:
    if not fits:
        raise EscherNetError(f"{where} must be {wanted}, not {str(value)[:40]!r}; the file is damaged.")


def _views_table(evaluation: Evaluation) -> str:
    """One row a view: everything that identifies it, then the metrics."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["object", "seed", "references", "reference_ids", "method", "view_id", "scored", "angle_deg", "image"]
    writer.writerow([*head, *METRICS])
    for each, case in evaluation.cases():
        ids = " ".join(map(str, case.reference_ids))
        for view in case.views:
            row = [each.name, case.seed, case.references, ids, view.method, view.view_id, int(view.scored)]
            row += [f"{view.angle_deg:.4f}", view.image or ""]
            writer.writerow([*row, *(_cell(view.metrics.get(name)) for name in METRICS)])
    return text.getvalue()


def _summary_table(evaluation: Evaluation) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [each.name for each in dataclasses.fields(Summary)]
    writer.writerow(names)
    for row in evaluation.summaries:
        values = (getattr(row, name) for name in names)
        writer.writerow([_cell(value) if isinstance(value, float | None) else value for value in values])
    return text.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
