# SPDX-License-Identifier: Apache-2.0
"""Render a corpus: one folder per object in the Objaverse-style layout, several processes, resumable.

``<folder>/<seed, 6 digits>/000.png`` (RGBA) and ``000.npy`` (3x4 float64 world-to-camera, OpenGL camera axes, world
z up, the object's longest side 1 and centred at the origin), and ``<folder>/corpus.json`` with the parameters.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image
from tqdm import tqdm

from eschernet_ros.corpus.cameras import FULL_SPHERE, check_elevation, random_camera
from eschernet_ros.corpus.lighting import random_lighting
from eschernet_ros.corpus.procedural import GENERATOR, HELD_OUT_SEEDS, procedural_object
from eschernet_ros.corpus.renderer import ViewRenderer
from eschernet_ros.errors import EscherNetError
from eschernet_ros.optional import MissingDependencyError

RECORD = "corpus.json"
LEAST_COVERED = 0.01
"""A view of which the object covers less than this fraction is drawn again from elsewhere."""

_ATTEMPTS = 4


@dataclass(frozen=True)
class CorpusConfig:
    """What every object of a corpus is rendered with.

    Attributes:
        views: number of views per object.
        size: side of the square pictures, pixels.
        elevation: (low, high) of the cameras, degrees.
    """

    views: int = 12
    size: int = 256
    elevation: tuple[float, float] = FULL_SPHERE

    def __post_init__(self) -> None:
        if not 1 <= self.views <= 999 or self.size < 8:
            raise EscherNetError(
                f"a corpus has 1..999 views of at least 8 pixels, asked for were {self.views} views of {self.size}"
            )
        check_elevation(self.elevation)


@dataclass(frozen=True)
class CorpusReport:
    """What `render_corpus` did: objects drawn, objects that were there, views drawn again, objects refused."""

    rendered: int
    present: int
    redrawn: int
    refused: int


def object_folder(folder: Path, seed: int) -> Path:
    """Where the object of this seed lies in a corpus."""
    return folder / f"{seed:06d}"


def render_object(renderer: ViewRenderer, seed: int, config: CorpusConfig, folder: Path) -> int | None:
    """Write the views of one object; the folder appears under its name when it is complete.

    Args:
        renderer: of ``config.size`` pixels.
        seed: of object, lights and cameras.
        config: views and cameras.
        folder: the corpus.

    Returns:
        How many views were drawn again because they showed nearly nothing; None when the object was refused
        because they still did after several attempts.
    """
    rng = np.random.default_rng([5021, seed])
    mesh, lighting = procedural_object(seed), random_lighting(seed)
    cameras = [random_camera(rng, config.elevation) for _ in range(config.views)]
    pictures = renderer.render(mesh, [camera.matrix for camera in cameras], lighting)
    redrawn: int = 0
    for _ in range(_ATTEMPTS):
        empty = np.flatnonzero(pictures[..., 3].mean(axis=(1, 2)) < 255 * LEAST_COVERED)
        if not len(empty):
            break
        redrawn += len(empty)
        for index in empty.tolist():
            cameras[index] = random_camera(rng, config.elevation)
        pictures[empty] = renderer.render(mesh, [cameras[index].matrix for index in empty.tolist()], lighting)
    else:
        return None
    final = object_folder(folder, seed)
    partial = folder / f".partial-{final.name}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for index, (picture, camera) in enumerate(zip(pictures, cameras, strict=True)):
        Image.fromarray(picture).save(partial / f"{index:03d}.png", compress_level=1)
        np.save(partial / f"{index:03d}.npy", camera.matrix[:3])
    partial.rename(final)
    return redrawn


def _in_worker(seeds: list[int], config: CorpusConfig, folder: Path, results: Connection) -> None:
    """Render every seed and report each; ends when there is no parent to report to."""
    os.environ.setdefault("LP_NUM_THREADS", "0")  # Mesa's software renderer: one thread per worker
    with contextlib.suppress(BrokenPipeError):
        try:
            renderer = ViewRenderer(config.size, config.views)
            for seed in seeds:
                results.send(render_object(renderer, seed, config, folder))
        except BrokenPipeError:
            raise
        except (
            EscherNetError,
            MissingDependencyError,
            OSError,
        ) as error:  # what the command explains; anything else shows its traceback
            results.send(error)


def _here(seeds: list[int], config: CorpusConfig, folder: Path) -> Iterator[int | None]:
    renderer = ViewRenderer(config.size, config.views)
    try:
        for seed in seeds:
            yield render_object(renderer, seed, config, folder)
    finally:
        renderer.close()


def _in_processes(seeds: list[int], config: CorpusConfig, folder: Path, workers: int) -> Iterator[int | None]:
    """Deal the seeds out to processes and yield what they report; they end with this generator."""
    context = multiprocessing.get_context("spawn")
    expected: dict[Connection, int] = {}
    processes = []
    try:
        with _interrupts_ignored():  # Ctrl-C reaches every process; the workers inherit this, the parent ends them
            for index in range(workers):
                share = seeds[index::workers]
                results, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_in_worker, args=(share, config, folder, theirs), daemon=True)
                process.start()
                theirs.close()  # so that the worker's end is the only one, and its death an end of file
                processes.append(process)
                expected[results] = len(share)
        while expected:
            for ready in wait(list(expected)):
                results = cast(Connection, ready)
                try:
                    result = results.recv()
                except (EOFError, OSError) as error:
                    raise EscherNetError(
                        "a worker ended before its time (killed, for lack of memory?); run the same command again, "
                        "with fewer workers, to complete the corpus"
                    ) from error
                if isinstance(result, Exception):
                    raise result
                expected[results] -= 1
                if not expected[results]:
                    del expected[results]
                yield result
        for process in processes:
            process.join()
    finally:
        for process in processes:
            process.terminate()
            process.join()


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread may say so
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _record(folder: Path, config: CorpusConfig, first_seed: int, objects: int) -> None:
    """Write or extend ``corpus.json``; one folder holds objects of one configuration only."""
    path = folder / RECORD
    stated = {**asdict(config), "elevation": list(config.elevation), "generator": GENERATOR}
    ranges: list[list[int]] = []
    if path.exists():
        try:
            known = json.loads(path.read_text())
            ranges = [[int(a), int(b)] for a, b in known.pop("seeds")]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EscherNetError(
                f"{path} cannot be read ({error}); remove it, or render into another folder"
            ) from error
        different = sorted(key for key in stated if known.get(key) != stated[key])
        if different:
            raise EscherNetError(
                f"{folder} holds a corpus rendered with other parameters ({', '.join(different)}: "
                f"{[known.get(key) for key in different]}, now {[stated[key] for key in different]}); "
                "give the same ones, or another folder"
            )
    added = [first_seed, first_seed + objects]
    if added not in ranges:
        ranges.append(added)
    temporary = path.with_name(f".{RECORD}-{os.getpid()}")
    temporary.write_text(json.dumps({**stated, "seeds": ranges}, indent=2) + "\n")
    temporary.replace(path)


def render_corpus(
    folder: Path,
    objects: int,
    first_seed: int = 0,
    config: CorpusConfig | None = None,
    workers: int = 1,
    progress: bool = True,
) -> CorpusReport:
    """Render the objects ``first_seed .. first_seed + objects - 1``; those already complete are left alone.

    Args:
        folder: of the corpus; made when missing.
        objects: how many seeds.
        first_seed: the first.
        config: views and cameras.
        workers: processes, each with its own OpenGL context.
        progress: show a bar on stderr.

    Raises:
        EscherNetError: numbers out of range, or the folder holds a corpus with other parameters.
        GraphicsError: no OpenGL on this machine.
        MissingDependencyError: moderngl is not installed.
    """
    config = CorpusConfig() if config is None else config
    if objects < 1 or first_seed < 0 or workers < 1:
        raise EscherNetError(
            f"objects ({objects}) and workers ({workers}) must be 1 or more and the first seed ({first_seed}) 0 or more"
        )
    if first_seed + objects > HELD_OUT_SEEDS:
        raise EscherNetError(
            f"seeds {first_seed} to {first_seed + objects - 1} reach into those held out for tests, {HELD_OUT_SEEDS} "
            "and above; give a lower --first-seed or fewer objects"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _record(folder, config, first_seed, objects)
    seeds = range(first_seed, first_seed + objects)
    missing = [seed for seed in seeds if not object_folder(folder, seed).is_dir()]
    for seed in missing:
        for stale in folder.glob(f".partial-{seed:06d}-*"):
            shutil.rmtree(stale, ignore_errors=True)
    redrawn = refused = 0
    bar = tqdm(total=objects, initial=objects - len(missing), unit="object", disable=not progress, file=sys.stderr)
    with bar:
        if missing:
            workers = min(workers, len(missing))
            drawn = _here(missing, config, folder) if workers == 1 else _in_processes(missing, config, folder, workers)
            for result in drawn:
                redrawn += result or 0
                refused += result is None
                bar.update()
    return CorpusReport(len(missing) - refused, objects - len(missing), redrawn, refused)
