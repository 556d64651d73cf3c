# SPDX-License-Identifier: Apache-2.0
"""From a job to an ``Evaluation``, and from the parts of several machines to one."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

import torch

from eschernet_ros import __version__
from eschernet_ros.datasets.atomic_files import write_error
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import lpips_weights
from eschernet_ros.evaluation.engine import Done, Job, Progress, run_job
from eschernet_ros.evaluation.lpips import SMALLEST
from eschernet_ros.evaluation.methods import check_methods
from eschernet_ros.evaluation.picture_files import IMAGES
from eschernet_ros.evaluation.published_numbers import beside_published, published_tables
from eschernet_ros.evaluation.results import (
    METRICS,
    Configuration,
    Evaluation,
    ModelInfo,
    ObjectResult,
    PublishedNumber,
)
from eschernet_ros.evaluation.results_file import read_results
from eschernet_ros.evaluation.stage_timer import StageTimer
from eschernet_ros.evaluation.summary import summarise

_LIBRARIES = (
    "torch",
    "diffusers",
    "transformers",
    "numpy",
    "scipy",
    "scikit-image",
    "opencv-python-headless",
    "pillow",
    "gsplat",
)


def shard_of(names: Sequence[str], shard: tuple[int, int] | None) -> tuple[str, ...]:
    """Part i of n of the objects, by name: every n-th one, so that neighbours in the alphabet are spread.

    Raises:
        EscherNetError: no such part, or it is empty.
    """
    ordered = sorted(names)
    if shard is None:
        return tuple(ordered)
    number, parts = shard
    if not 1 <= number <= parts:
        raise EscherNetError(f"The shard is {number}/{parts}; its number must lie in 1..{parts}.")
    if number > len(ordered):
        raise EscherNetError(f"The shard {number}/{parts} is empty: there are {len(ordered)} objects.")
    return tuple(ordered[number - 1 :: parts])


def evaluate(
    job: Job, names: Sequence[str], workers: int, progress: Progress, shard: tuple[int, int] | None = None
) -> Evaluation:
    """Evaluate objects of a data set.

    Args:
        job: what and how; LPIPS is left out, and that is said, where its weights are not on this computer.
        names: of the objects; with ``shard`` the part of them that is this one's.
        workers: processes.
        progress: is told what is done.
        shard: (i, n): part i of n.

    Raises:
        EscherNetError: a method does not run here (``check_methods``), or see ``run_job``.
    """
    check_methods(job.methods, job.devices)
    notes = list(job.notes)
    if job.lpips and not lpips_weights.available():
        notes.append(lpips_weights.MISSING)
        job = dataclasses.replace(job, lpips=False)
    dataset = job.open()
    done = run_job(job, shard_of(names, shard), workers, progress)
    if job.lpips and done.model.image_size < SMALLEST:
        notes.append(f"LPIPS is left out: it needs pictures of {SMALLEST} pixels, these have {done.model.image_size}.")
    wanted = job.protocol.image_size
    if wanted is not None and wanted != done.model.image_size:
        notes.append(
            f"Pictures have {done.model.image_size} pixels, the protocol's {wanted}: the checkpoint makes no others."
        )
    configuration = Configuration(
        protocol=job.protocol.name,
        title=job.protocol.title,
        rule=job.protocol.rule,
        data_set=str(dataset.folder.resolve()),
        layout=dataset.layout,
        counts=(),
        seeds=job.protocol.seeds,
        methods=job.methods,
        metrics=(),
        protocol_settings=job.protocol.settings(),
        skipped=(*notes, *done.failed),
    )
    return _assembled(
        configuration,
        done,
        versions={"eschernet_ros": __version__, "python": platform.python_version(), **_library_versions()},
        machine=_machine(done.model),
        shard=None if shard is None else f"{shard[0]}/{shard[1]}",
        notes=(f"{done.kept} of {len(done.objects)} objects were taken over from an earlier run.",)
        if done.kept
        else (),
    )


def merge(folders: Sequence[Path], output: Path) -> Evaluation:
    """Put the results of several runs with one configuration together, pictures included.

    Args:
        folders: of the parts.
        output: folder of the whole; may be one of the parts.

    Raises:
        EscherNetError: fewer than two parts, parts of different settings or weights, or an object whose results differ.
        DatasetWriteError: pictures cannot be copied.
    """
    if len(folders) < 2:
        raise EscherNetError("Merging needs the folders of at least two parts.")
    parts = [read_results(folder) for folder in folders]
    first = parts[0]
    for folder, part in zip(folders[1:], parts[1:], strict=True):
        different = _differences(first, part)
        if different:
            raise EscherNetError(
                f"{folders[0]} and {folder} cannot be merged: they differ in {', '.join(different)}. Evaluate all "
                "parts with the same options."
            )
    objects: dict[str, ObjectResult] = {}
    for folder, part in zip(folders, parts, strict=True):
        for each in part.objects:
            known = objects.setdefault(each.name, each)
            if known.content != each.content:
                raise EscherNetError(f"{folder} holds other results of '{each.name}' than an earlier part; remove one.")
        if folder.resolve() != output.resolve():
            _copy_pictures(folder, output)
    timer = StageTimer()
    for part in parts:
        timer.include(part.timings)
    machines = {
        f"{key} ({part.shard or number})": value
        for number, part in enumerate(parts, start=1)
        for key, value in part.machine.items()
    }
    same = all(part.machine == first.machine for part in parts)
    done = Done(first.model, tuple(objects[name] for name in sorted(objects)), timer.times(), (), 0)
    skipped = tuple(dict.fromkeys(words for part in parts for words in part.configuration.skipped))
    return _assembled(
        dataclasses.replace(first.configuration, skipped=skipped),
        done,
        versions=dict(first.versions),
        machine=dict(first.machine) if same else machines,
        shard=None,
        notes=(f"Merged from {len(parts)} parts.",),
    )


def _assembled(
    configuration: Configuration,
    done: Done,
    versions: dict[str, str],
    machine: dict[str, str],
    shard: str | None,
    notes: tuple[str, ...],
) -> Evaluation:
    """The evaluation with its means and the published numbers."""
    counts = sorted({case.references for each in done.objects for case in each.cases})
    measured = {name for each in done.objects for case in each.cases for view in case.views for name in view.metrics}
    summaries = summarise(done.objects)
    settings = configuration.protocol_settings
    published = settings.get("published")
    beside: tuple[PublishedNumber, ...] = ()
    if isinstance(published, str):
        size, steps, guidance, differs = (
            settings.get(key) for key in ("image_size", "steps", "guidance_scale", "differs")
        )
        beside = beside_published(
            published_tables(published),
            done.model,
            summaries,
            differs if isinstance(differs, str) else None,
            size if isinstance(size, int) else None,
            (steps if isinstance(steps, int) else None, guidance if isinstance(guidance, float) else None),
        )
    return Evaluation(
        configuration=dataclasses.replace(
            configuration,
            counts=tuple(counts),
            metrics=tuple(name for name in METRICS if name in measured),
        ),
        model=done.model,
        versions=versions,
        machine=machine,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        objects=done.objects,
        summaries=summaries,
        published=beside,
        timings=done.timings,
        shard=shard,
        notes=notes,
    )


def _differences(one: Evaluation, two: Evaluation) -> list[str]:
    """What keeps two parts from being one evaluation."""
    a, b = one.configuration, two.configuration
    pairs = {
        "the protocol": (a.protocol_settings, b.protocol_settings),
        "the methods": (a.methods, b.methods),
        "the layout": (a.layout, b.layout),
        "the checkpoint's weights": (one.model.content, two.model.content),
        "the denoising steps": (one.model.steps, two.model.steps),
        "the guidance scale": (one.model.guidance_scale, two.model.guidance_scale),
        "the floating point type": (one.model.dtype, two.model.dtype),
        "the metrics": (a.metrics, b.metrics),
        "the version of eschernet_ros": (one.versions.get("eschernet_ros"), two.versions.get("eschernet_ros")),
    }
    return [what for what, (first, second) in pairs.items() if first != second]


def _copy_pictures(folder: Path, output: Path) -> None:
    try:
        for name in (IMAGES, "objects"):
            if (folder / name).is_dir():
                shutil.copytree(folder / name, output / name, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        cause = error if isinstance(error, OSError) else OSError(str(error))
        raise write_error(output, cause) from error


def _library_versions() -> dict[str, str]:
    return dict(_installed(_LIBRARIES))


def _installed(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _machine(model: ModelInfo) -> dict[str, str]:
    """What the run was made on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    found = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.1f} GiB",
        "device": model.device,
    }
    if model.device.startswith("cuda") and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(torch.device(model.device))
    return found
