# SPDX-License-Identifier: Apache-2.0
"""Published numbers, and ours beside them where the protocols match."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.results import METRICS, MODEL, ModelInfo, PublishedNumber, Summary


@dataclass(frozen=True)
class PublishedTable:
    """One method's published numbers.

    Attributes:
        source: the method, and where it was published.
        cape: camera encoding of the published model; None: it is another method, shown for comparison.
        objects: how many objects it is the mean of; None: not stated.
        numbers: by metric, by number of references.
    """

    source: str
    cape: str | None
    objects: int | None
    numbers: Mapping[str, Mapping[int, float]]


def published_tables(name: str) -> list[PublishedTable]:
    """The tables of a file of ``published/``.

    Raises:
        EscherNetError: there is no such file.
    """
    folder = importlib.resources.files("eschernet_ros") / "evaluation" / "published"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = sorted(each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml"))
        raise EscherNetError(f"There are no published numbers '{name}'; known are {', '.join(known)}.")
    tables = []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["tables"]:
        counts, numbers = entry["references"], {}
        for metric, values in entry["numbers"].items():
            assert metric in METRICS
            numbers[metric] = dict(zip(counts, values, strict=True))
        tables.append(PublishedTable(entry["source"], entry.get("cape"), entry.get("objects"), numbers))
    return tables


def beside_published(
    tables: Iterable[PublishedTable],
    model: ModelInfo,
    summaries: Iterable[Summary],
    protocol_differs: str | None,
    image_size: int | None,
    sampling: tuple[int | None, float | None],
) -> tuple[PublishedNumber, ...]:
    """Every published number with ours, and the difference where nothing but the model differs.

    Args:
        tables: of the protocol.
        model: what was evaluated.
        summaries: its means.
        protocol_differs: why the protocol itself does not compare, or None.
        image_size: side of the published pictures.
        sampling: steps and guidance scale of the published numbers.
    """
    ours = {(each.references, each.metric): each for each in summaries if each.method == MODEL}
    rows = []
    for table in tables:
        for metric, numbers in table.numbers.items():
            for references, published in numbers.items():
                mine = ours.get((references, metric)) if table.cape is not None else None
                mismatch = _mismatch(table, model, mine, protocol_differs, image_size, sampling)
                rows.append(
                    PublishedNumber(
                        source=table.source,
                        references=references,
                        metric=metric,
                        published=published,
                        ours=None if mine is None else mine.mean,
                        difference=None if mine is None or mismatch else mine.mean - published,
                        mismatch=mismatch,
                    )
                )
    return tuple(rows)


def _mismatch(
    table: PublishedTable,
    model: ModelInfo,
    mine: Summary | None,
    protocol_differs: str | None,
    image_size: int | None,
    sampling: tuple[int | None, float | None],
) -> str | None:
    if table.cape is None:
        return "Another method; its numbers are shown for comparison."
    if table.cape != model.cape:
        return f"This checkpoint is {model.cape}, the published one {table.cape}."
    if not model.trained:
        return "This checkpoint's weights are random."
    if protocol_differs:
        return protocol_differs
    if image_size is not None and model.image_size != image_size:
        return f"Pictures of {model.image_size} pixels, published of {image_size}."
    steps, guidance = sampling
    if (steps is not None and model.steps != steps) or (guidance is not None and model.guidance_scale != guidance):
        return (
            f"Sampled with {model.steps} steps and guidance {model.guidance_scale:g}, published with {steps} and "
            f"{guidance:g}."
        )
    if mine is not None and table.objects is not None and mine.objects != table.objects:
        return f"Mean of {mine.objects} objects, published of {table.objects}."
    return None
