# SPDX-License-Identifier: Apache-2.0
"""Protocols: which views are references, which are asked for, which count. One YAML file each.

The package's own are in ``protocols/``; ``load_protocol`` also takes a file of your own. Every entry but ``title`` and
``rule`` has a default, see ``Protocol``; ``docs/evaluation.md`` explains them.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.evaluation.wrong_poses import WrongPose, parse_wrong_pose

CHOICES = ("first", "random", "spread")
TARGETS = ("all", "rest", "spiral")


@dataclass(frozen=True)
class Protocol:
    """How objects are evaluated.

    Attributes:
        name: of the file, without its ending.
        title: for reports.
        rule: a sentence that says what is done.
        layouts: of data sets that it is for; empty: any.
        choice: of the references: ``"first"`` by number, ``"random"`` or ``"spread"`` (each next one the farthest from
            those before it). The references for a number n are the first n of one order, drawn for object and seed.
        reference_part: part of the data set (``"train"``) they come from; None: all views.
        targets: ``"all"`` views, the ``"rest"`` (views that are no reference at the largest number of references), or
            the published ``"spiral"`` of 100 poses, of which no true pictures exist.
        target_part: part of the data set (``"test"``) the targets come from; None: all views.
        scored: the first and last number of the targets that count; None: all. References never count.
        least_targets: numbers of references that leave fewer of the rest are skipped.
        counts: numbers of references; those that an object has no views for are skipped, and said.
        seeds: of the choice of references and of the noise.
        image_size: side of the pictures, pixels; None: the checkpoint's.
        steps: of denoising; None: what suits the checkpoint.
        guidance_scale: weight of the references; None: what suits the checkpoint.
        fill_to: at least so many targets are denoised together.
        published_poses: poses by the published rule even where the folder records the full ones.
        wrong_poses: poses that are wrong on purpose, for the pose's sensitivity.
        wrong_pose_counts: numbers of references at which they are asked for; where none of them is evaluated, the
            middle one that is.
        consistency: whether the views of a case are compared with each other.
        published: whose numbers stand beside (files in ``published/``); None: no one's.
        differs: a sentence that says why the numbers do not compare with the published ones; None: they do.
    """

    name: str
    title: str
    rule: str
    layouts: tuple[str, ...] = ()
    choice: str = "first"
    reference_part: str | None = None
    targets: str = "all"
    target_part: str | None = None
    scored: tuple[int, int] | None = None
    least_targets: int = 1
    counts: tuple[int, ...] = (1, 2, 3, 5, 10)
    seeds: tuple[int, ...] = (0,)
    image_size: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    fill_to: int = 15
    published_poses: bool = False
    wrong_poses: tuple[WrongPose, ...] = ()
    wrong_pose_counts: tuple[int, ...] = (3,)
    consistency: bool = True
    published: str | None = None
    differs: str | None = None

    def __post_init__(self) -> None:
        """Check what the file says.

        Raises:
            EscherNetError: with the entry and what it may be.
        """
        self._one_of("choice", CHOICES)
        self._one_of("targets", TARGETS)
        for name, least in (("counts", 1), ("seeds", 0), ("wrong_pose_counts", 1)):
            numbers = getattr(self, name)
            if not numbers or min(numbers) < least or len(set(numbers)) != len(numbers):
                self._bad(name, f"whole numbers from {least} on, each once")
        object.__setattr__(self, "counts", tuple(sorted(self.counts)))
        for name, least in (("image_size", 8), ("steps", 1), ("fill_to", 0), ("least_targets", 1)):
            if getattr(self, name) is not None and getattr(self, name) < least:
                self._bad(name, f"at least {least}")
        if self.guidance_scale is not None and not self.guidance_scale >= 0.0:
            self._bad("guidance_scale", "zero or more")
        if self.scored is not None and not 0 <= self.scored[0] <= self.scored[1]:
            self._bad("scored", "the first and the last number of the targets that count")
        if self.targets == "spiral" and (self.scored or self.target_part):
            raise EscherNetError(
                f"Protocol '{self.name}': the spiral has no true pictures; leave out scored and target_part."
            )

    def counts_with_wrong_poses(self, evaluated: Iterable[int]) -> tuple[int, ...]:
        """Of the numbers of references that are evaluated, those at which wrong poses are asked for."""
        counts = sorted(set(evaluated))
        wanted = tuple(count for count in counts if count in self.wrong_pose_counts)
        return wanted or tuple(counts[(len(counts) - 1) // 2 :][:1])

    def settings(self) -> dict[str, Any]:
        """The entries as plain values, for files and hashes."""
        plain = dataclasses.asdict(self)
        plain["wrong_poses"] = [str(each) for each in self.wrong_poses]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        if getattr(self, name) not in known:
            self._bad(name, " or ".join((", ".join(known[:-1]), known[-1])))

    def _bad(self, name: str, wanted: str) -> None:
        raise EscherNetError(f"Protocol '{self.name}': {name} is {getattr(self, name)!r}; it must be {wanted}.")


def protocol_names() -> tuple[str, ...]:
    """The package's own protocols."""
    return tuple(sorted(path.name.removesuffix(".yaml") for path in _folder().iterdir() if path.name.endswith(".yaml")))


def load_protocol(name_or_file: str, **changes: Any) -> Protocol:
    """A protocol of the package by its name, or from a YAML file.

    Args:
        name_or_file: a name of ``protocol_names``, or a file.
        changes: entries that replace those of the file; None changes nothing.

    Raises:
        EscherNetError: no such protocol, or an entry that does not fit; named.
    """
    if name_or_file in protocol_names():
        text, name = (_folder() / f"{name_or_file}.yaml").read_text(encoding="utf-8"), name_or_file
    else:
        file = Path(name_or_file)
        if not file.is_file():
            raise EscherNetError(
                f"There is no protocol '{name_or_file}'; name a YAML file, or one of {', '.join(protocol_names())}."
            )
        text, name = file.read_text(encoding="utf-8"), file.stem
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise EscherNetError(f"The protocol {name_or_file} is no YAML: {first_line(error)}") from error
    if not isinstance(entries, dict):
        raise EscherNetError(f"The protocol {name_or_file} holds no entries such as 'title: ...'.")
    return _protocol(name, {**entries, **{key: value for key, value in changes.items() if value is not None}})


def _protocol(name: str, entries: Mapping[str, Any]) -> Protocol:
    known = {field.name: field for field in dataclasses.fields(Protocol) if field.name != "name"}
    unknown = sorted(set(entries) - set(known))
    if unknown:
        raise EscherNetError(
            f"Protocol '{name}': there is no entry {', '.join(unknown)}; known are {', '.join(known)}."
        )
    missing = [key for key in ("title", "rule") if not isinstance(entries.get(key), str)]
    if missing:
        raise EscherNetError(f"Protocol '{name}': {' and '.join(missing)} must be given as text.")
    values: dict[str, Any] = {}
    for key, value in entries.items():
        kind = str(known[key].type)
        if key == "wrong_poses":
            values[key] = tuple(parse_wrong_pose(each) for each in _list(name, key, value, str))
        elif kind.startswith("tuple[str"):
            values[key] = _list(name, key, value, str)
        elif kind.startswith("tuple[int, int]"):
            values[key] = None if value is None else _list(name, key, value, int, 2)
        elif kind.startswith("tuple[int"):
            values[key] = _list(name, key, value, int)
        else:
            values[key] = _scalar(name, key, value, kind)
    return Protocol(name=name, **values)


_KINDS: Mapping[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}


def _scalar(name: str, key: str, value: Any, kind: str) -> Any:
    base, _, optional = kind.partition(" | ")
    fits = isinstance(value, _KINDS[base]) and (base == "bool" or not isinstance(value, bool))
    if not fits and not (optional and value is None):
        raise EscherNetError(f"Protocol '{name}': {key} is {value!r}; a {base} is needed.")
    return float(value) if base == "float" and value is not None else value


def _list(name: str, key: str, value: Any, kind: type, length: int | None = None) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    wrong = [each for each in values if not isinstance(each, kind) or isinstance(each, bool)]
    if wrong or (length is not None and len(values) != length):
        raise EscherNetError(
            f"Protocol '{name}': {key} is {value!r}; a list of {length or ''} {kind.__name__} is needed."
        )
    return values


def _folder() -> Any:
    return importlib.resources.files("eschernet_ros") / "evaluation" / "protocols"
