# SPDX-License-Identifier: Apache-2.0
"""Runs an evaluation: object by object, in one process or several, keeping what is done.

Every object's result is a file of its own below ``objects/``, with the hash of what it depends on: pictures, masks,
poses, weights, settings. A second run takes it from there when nothing of that has changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eschernet_ros.datasets import Dataset, DatasetError, PosedImages, open_dataset
from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import lpips_weights
from eschernet_ros.evaluation.gaussian_fit import GaussianSettings
from eschernet_ros.evaluation.lpips import NETWORKS, SMALLEST
from eschernet_ros.evaluation.methods import GAUSSIANS
from eschernet_ros.evaluation.object_run import ObjectRun, model_poses
from eschernet_ros.evaluation.picture_files import PictureFiles, folder_name
from eschernet_ros.evaluation.protocol import Protocol
from eschernet_ros.evaluation.results import ModelInfo, ObjectResult
from eschernet_ros.evaluation.results_file import decode, encode
from eschernet_ros.evaluation.scene_fit import FitSettings
from eschernet_ros.evaluation.stage_timer import StageTime, StageTimer
from eschernet_ros.model import EscherNetPipeline

RESULT_VERSION = 1
"""Raised whenever the same inputs give other numbers: earlier results are then not taken over."""

OBJECTS = "objects"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What is evaluated, on what, and how; goes to the worker processes.

    Attributes:
        data_set: folder.
        layout: of it; None: found out.
        protocol: the rules.
        checkpoint: folder, hub id or bundled one.
        cape: its camera encoding; None: as it records.
        methods: to compare.
        output: folder of the results.
        steps: of denoising; None: what the checkpoint recommends, else the protocol, else 50.
        guidance_scale: likewise, else 3.
        devices: the processes take them in turn.
        dtype: floating point type of the model.
        lpips: whether LPIPS is measured.
        fit: settings of the scene fit.
        keep_images: of each case and method so many predicted pictures are kept; None: all.
        notes: sentences about what was left out, for the results.
    """

    data_set: Path
    layout: str | None
    protocol: Protocol
    checkpoint: str
    cape: str | None
    methods: tuple[str, ...]
    output: Path
    steps: int | None = None
    guidance_scale: float | None = None
    devices: tuple[str, ...] = ("cpu",)
    dtype: str = "float32"
    lpips: bool = True
    fit: FitSettings = field(default_factory=FitSettings)
    keep_images: int | None = None
    notes: tuple[str, ...] = ()

    def open(self) -> Dataset:
        """The data set.

        Raises:
            DatasetError: it cannot be opened, or is of a layout that the protocol is not for.
        """
        layout = self.layout
        if layout is None and len(self.protocol.layouts) == 1:
            (layout,) = self.protocol.layouts
        dataset = open_dataset(self.data_set, layout)
        if self.protocol.layouts and dataset.layout not in self.protocol.layouts:
            wanted = " or ".join(self.protocol.layouts)
            raise DatasetError(
                f"The protocol '{self.protocol.name}' is for data sets of the layout {wanted}; {dataset.folder} is "
                f"{dataset.layout}. Take another protocol, for example held-out."
            )
        return dataset


@dataclass(frozen=True)
class ObjectFile:
    """What is kept of an object: its result, and how long its stages took when it was computed."""

    object: ObjectResult
    timings: dict[str, StageTime]


@dataclass(frozen=True)
class Done:
    """What a run came to.

    Attributes:
        model: what was evaluated.
        objects: results, by name.
        timings: seconds by stage, over all processes and objects.
        failed: a sentence for every object that could not be evaluated.
        kept: how many results were taken over from an earlier run.
    """

    model: ModelInfo
    objects: tuple[ObjectResult, ...]
    timings: dict[str, StageTime]
    failed: tuple[str, ...]
    kept: int


Progress = Callable[[str, bool], None]
"""Told what is done next, and whether an object was finished."""


def run_job(job: Job, names: Sequence[str], workers: int, progress: Progress) -> Done:
    """Evaluate objects.

    Args:
        job: what and how.
        names: of the objects.
        workers: processes; 1 works in this one.
        progress: is told.

    Raises:
        EscherNetError: the checkpoint or the data set cannot be used, no object could be evaluated, or a process was
            ended from outside.
    """
    (job.output / OBJECTS).mkdir(parents=True, exist_ok=True)
    results: dict[str, tuple[ObjectFile, bool]] = {}
    failed: list[str] = []
    model: ModelInfo | None = None
    stream = _one_by_one(job, names, progress) if workers <= 1 else _in_processes(job, names, workers)
    for name, outcome in stream:
        if isinstance(outcome, ModelInfo):
            model = outcome
            continue
        if isinstance(outcome, EscherNetError):
            failed.append(f"'{name}' was not evaluated: {outcome}")
        else:
            results[name] = outcome
        progress(name, True)
    if not results:
        raise EscherNetError(f"None of {len(names)} objects could be evaluated. {failed[0] if failed else ''}".strip())
    assert model is not None
    timer = StageTimer()
    for file, _ in results.values():
        timer.include(file.timings)
    return Done(
        model=model,
        objects=tuple(results[name][0].object for name in sorted(results)),
        timings=timer.times(),
        failed=tuple(failed),
        kept=sum(was_kept for _, was_kept in results.values()),
    )


_Outcome = ModelInfo | EscherNetError | tuple[ObjectFile, bool]


def _one_by_one(job: Job, names: Sequence[str], progress: Progress) -> Iterator[tuple[str, _Outcome]]:
    evaluator = Evaluator(job, job.devices[0], lambda words: progress(words, False))
    yield "", evaluator.model
    for name in names:
        yield name, evaluator.outcome(name)


def _in_processes(job: Job, names: Sequence[str], workers: int) -> Iterator[tuple[str, _Outcome]]:
    # spawned: torch and CUDA do not survive a fork
    context = multiprocessing.get_context("spawn")
    counter = context.Value("i", 0)
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    with ProcessPoolExecutor(workers, context, _start_worker, (job, counter, threads)) as pool:
        try:
            yield "", pool.submit(_describe).result()
            waiting: dict[Future[_Outcome], str] = {pool.submit(_evaluate, name): name for name in names}
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            raise EscherNetError(
                "A worker process was ended from outside, most likely because memory ran out: start again with fewer "
                "--workers. Finished objects are kept."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_evaluator: Evaluator | None = None
_start_error: EscherNetError | None = None


def _start_worker(job: Job, counter: Any, threads: int) -> None:
    """Load the model in a worker process; an error is kept for whoever asks it something."""
    global _evaluator, _start_error
    with counter.get_lock():
        number = counter.value
        counter.value += 1
    torch.set_num_threads(threads)
    try:
        _evaluator = Evaluator(job, job.devices[number % len(job.devices)], lambda words: None)
    except EscherNetError as error:
        _start_error = error


def _worker() -> Evaluator:
    if _evaluator is None:
        assert _start_error is not None
        raise _start_error
    return _evaluator


def _describe() -> ModelInfo:
    return _worker().model


def _evaluate(name: str) -> _Outcome:
    return _worker().outcome(name)


class Evaluator:
    """Evaluates the objects of a job in this process.

    Args:
        job: what and how.
        device: where the model and the scene fit run.
        progress: is told what is done next.

    Raises:
        EscherNetError: the checkpoint or the data set cannot be used.
    """

    def __init__(self, job: Job, device: str, progress: Callable[[str], None]) -> None:
        self._job, self._progress = job, progress
        self._dataset = job.open()
        pipeline = EscherNetPipeline.from_pretrained(job.checkpoint, job.cape, device, job.dtype)
        self._pipeline = pipeline
        steps, guidance = sampling_of(job, pipeline)
        self._fit = dataclasses.replace(job.fit, device=str(pipeline.device))
        self.model = ModelInfo(
            name=pipeline.name,
            cape=pipeline.cape,
            trained=pipeline.trained,
            notice=pipeline.notice,
            image_size=pipeline.image_size,
            steps=steps,
            guidance_scale=guidance,
            device=str(pipeline.device),
            dtype=str(pipeline.dtype).removeprefix("torch."),
            content=weights_hash(pipeline),
        )
        self._networks = {}
        if job.lpips and pipeline.image_size >= SMALLEST:
            self._networks = {network: lpips_weights.load(network) for network in NETWORKS}

    def outcome(self, name: str) -> _Outcome:
        """The object's result and whether it was kept from before, or the error that it ended with."""
        try:
            return self.evaluate(name)
        except EscherNetError as error:
            return error

    def evaluate(self, name: str) -> tuple[ObjectFile, bool]:
        """The object's result; whether it was kept from before.

        Raises:
            EscherNetError: it cannot be read, or does not fit the protocol.
        """
        self._progress(f"{name}: reading")
        start = time.perf_counter()
        views = self._dataset.read(
            name, image_size=self.model.image_size, published_poses=self._job.protocol.published_poses
        )
        content = self._content(views)
        path = self._job.output / OBJECTS / f"{folder_name(name)}.json"
        earlier = kept_result(path, content, self._job.output)
        if earlier is not None:
            return earlier, True
        timer = StageTimer()
        timer.add("read", time.perf_counter() - start)
        run = ObjectRun(
            protocol=self._job.protocol,
            methods=self._job.methods,
            synthesis=self._synthesize,
            cape=self.model.cape,
            networks=self._networks,
            fit=self._fit,
            keep_images=self._job.keep_images,
            progress=self._progress,
            timer=timer,
        )
        result = ObjectFile(run(views, PictureFiles(self._job.output, name), content), timer.times())
        write_atomically(path, encode(result).encode())
        return result, False

    def _synthesize(
        self,
        images: NDArray[np.uint8],
        reference_poses: NDArray[np.float64],
        target_poses: NDArray[np.float64],
        seed: int,
    ) -> NDArray:
        return np.asarray(
            self._pipeline(
                images,
                reference_poses,
                target_poses,
                self.model.steps,
                self.model.guidance_scale,
                seed,
                fill_to=self._job.protocol.fill_to,
            )
        )

    def _content(self, views: PosedImages) -> str:
        """Hash of everything that the object's numbers depend on."""
        digest = hashlib.sha256()
        fit = {key: value for key, value in dataclasses.asdict(self._fit).items() if key != "device"}
        model = {key: getattr(self.model, key) for key in ("content", "cape", "steps", "guidance_scale", "dtype")}
        protocol = {key: value for key, value in self._job.protocol.settings().items() if key not in ("title", "rule")}
        settings = {
            "version": RESULT_VERSION,
            "protocol": protocol,
            "methods": self._job.methods,
            "model": {**model, "targets_together": self._pipeline.targets_together},
            "fit": fit,
            **self._gaussian_settings(),
            "lpips": {network: lpips_weights.CONTENT[network] for network in self._networks},
            "keep_images": self._job.keep_images,
            "name": views.name,
            "views": views.view_ids,
            "parts": {part: list(ids) for part, ids in views.subsets.items()},
        }
        digest.update(json.dumps(settings, sort_keys=True).encode())
        arrays: list[NDArray] = [views.images, views.camera_gl_from_world, model_poses(views, self.model.cape)]
        arrays += [] if views.masks is None else [views.masks]
        for array in arrays:
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def _gaussian_settings(self) -> dict[str, object]:
        """What the Gaussian fit's numbers depend on, where it is asked for."""
        if GAUSSIANS not in self._job.methods:
            return {}
        return {
            GAUSSIANS: {key: value for key, value in dataclasses.asdict(GaussianSettings()).items() if key != "device"}
        }


def sampling_of(job: Job, pipeline: EscherNetPipeline) -> tuple[int, float]:
    """(steps, guidance scale): as asked for, else as the checkpoint records, else the protocol's, else as published."""
    advised, guidance_advised = pipeline.sampling
    if pipeline.checkpoint.sampling is None:
        advised = job.protocol.steps or advised
        guidance = job.protocol.guidance_scale
        guidance_advised = guidance_advised if guidance is None else guidance
    return (
        advised if job.steps is None else job.steps,
        guidance_advised if job.guidance_scale is None else job.guidance_scale,
    )


def weights_hash(pipeline: EscherNetPipeline) -> str:
    """sha256 over names and numbers of the networks' arrays, as they are in memory."""
    digest = hashlib.sha256()
    checkpoint = pipeline.checkpoint
    for network in (checkpoint.unet, checkpoint.vae, checkpoint.image_encoder):
        for name, array in sorted(network.state_dict().items()):
            digest.update(f"{name} {tuple(array.shape)} {array.dtype}\n".encode())
            digest.update(array.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def kept_result(path: Path, content: str, output: Path) -> ObjectFile | None:
    """The result of an earlier run; None where there is none, it depends on something else, or pictures are gone."""
    if not path.is_file():
        return None
    try:
        found = decode(ObjectFile, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (EscherNetError, OSError, ValueError) as error:
        _log.warning("%s is not taken over: %s", path, error)
        return None
    if found.object.content != content:
        return None
    pictures = {picture.image for picture in (*found.object.references, *found.object.targets)}
    pictures |= {picture.mask for picture in (*found.object.references, *found.object.targets)}
    pictures |= {view.image for case in found.object.cases for view in case.views}
    missing = sorted(each for each in pictures if each is not None and not (output / each).is_file())
    if missing:
        _log.warning("%s is not taken over: %s is missing", path, missing[0])
        return None
    return found
