# SPDX-License-Identifier: Apache-2.0
"""The training run: the published recipe (EscherNet, appendix) on accelerate.

``train`` reads top to bottom as the run. What is drawn is in ``batches.py``, the networks are in ``networks.py``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import accelerate
import torch
import yaml
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.training_utils import EMAModel
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

import eschernet_ros
from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.model.autoencoder import Autoencoder, encode
from eschernet_ros.model.checkpoint import Checkpoint, save_checkpoint
from eschernet_ros.model.sampler import noise_schedule
from eschernet_ros.training.batches import Batch, Batches, BatchShape
from eschernet_ros.training.checkpoints import (
    STATE_FOLDER,
    existing_checkpoints,
    find_checkpoint,
    read_record,
    set_aside_later,
    write_checkpoint,
)
from eschernet_ros.training.foreground import foreground_weights
from eschernet_ros.training.geometric_start import start_geometrically
from eschernet_ros.training.hub import push_to_hub
from eschernet_ros.training.metrics_file import MetricsFile
from eschernet_ros.training.networks import TrainedNetworks, diffusion_target, starting_checkpoint
from eschernet_ros.training.optimiser import apply_settings, learning_rate_factor, make_optimiser
from eschernet_ros.training.scenes import CachedScene, TrainingScene
from eschernet_ros.training.settings import TrainingSettings, as_plain
from eschernet_ros.training.stop_signals import leave_interrupts_to_the_parent, stop_signals
from eschernet_ros.training.tracking import make_accelerator, start_trackers
from eschernet_ros.training.validation import Validation

logger = logging.getLogger(__name__)

_FITTED_SCENES, _FITTED_VIEWS = 8, 4
"""What a geometric start is fitted on."""


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        step: optimiser steps done, over all runs that were resumed.
        finished: False when it was stopped by time or a signal.
        checkpoint: the last folder that was written.
        skipped_views: views that could not be read, draws counted.
        validation: figures of the last validation.
    """

    step: int
    finished: bool
    checkpoint: Path | None
    skipped_views: int
    validation: dict[str, float]


def train(
    settings: TrainingSettings, scenes: Sequence[TrainingScene], output: Path, resume: str | None = None
) -> TrainingResult:
    """Train, and write checkpoints into ``output`` that ``EscherNetPipeline.from_pretrained`` loads.

    SIGINT and SIGTERM end the run after the current step with a checkpoint.

    Args:
        settings: the run.
        scenes: what to train on; the last ``validation_scenes`` of them by name are held out.
        output: folder of the run: ``checkpoint-*``, ``metrics.jsonl``, ``settings.yaml``, ``validation/``.
        resume: ``"latest"`` (starts anew where there is none), a step, a checkpoint folder, or None.

    Raises:
        EscherNetError: settings that do not fit each other or the data, a start that cannot be loaded, a loss that is
            not finite.
    """
    accelerator = make_accelerator(settings, output)
    if settings.batch_size % (settings.device_batch_size * accelerator.num_processes):
        raise EscherNetError(
            f"batch_size {settings.batch_size} is no multiple of device_batch_size {settings.device_batch_size} "
            f"times {accelerator.num_processes} process(es)."
        )
    if resume is None and existing_checkpoints(output):
        raise EscherNetError(f"{output} holds checkpoints already; resume from them (--resume latest) or use another.")
    found = find_checkpoint(output, resume) if resume is not None else None
    training, held_out = _split(scenes, settings)
    start = starting_checkpoint(settings)
    schedule = noise_schedule(start.scheduler_config)
    networks = TrainedNetworks(start)
    if settings.gradient_checkpointing:
        networks.enable_gradient_checkpointing()
    vae = start.vae.to(accelerator.device)
    batches = Batches(
        training,
        _shape(settings, start, schedule),
        settings.seed,
        settings.batch_size,
        settings.device_batch_size,
        accelerator.process_index,
        accelerator.num_processes,
    )
    validation = _validation(settings, held_out, batches.shape.image_size, accelerator.is_main_process)
    accelerator.gradient_accumulation_steps = batches.accumulation
    optimiser = make_optimiser(settings, networks)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate_factor(settings, step))
    if settings.geometric_start and found is None:
        _start_geometrically(networks, batches, vae, schedule)
    prepared = accelerator.prepare(networks, optimiser)
    average = None
    if settings.ema_decay:
        average = EMAModel(networks.parameters(), decay=settings.ema_decay, use_ema_warmup=True, power=0.75)
        average.to(accelerator.device)
        accelerator.register_for_checkpointing(average)
    accelerator.register_for_checkpointing(rates)
    run = _Run(settings, accelerator, prepared, vae, schedule, start, rates, average, output, validation)
    del prepared
    run.scene_names = [scene.name for scene in training]
    if found is not None:
        run.resume(found)
    if accelerator.is_main_process:
        output.mkdir(parents=True, exist_ok=True)
        set_aside_later(output, run.step)
        (output / "settings.yaml").write_text(yaml.safe_dump(as_plain(settings), sort_keys=False), encoding="utf-8")
        start_trackers(accelerator, settings, output)
    return run.until_done(batches)


class _Run:
    """The parts of a run while it goes."""

    def __init__(
        self,
        settings: TrainingSettings,
        accelerator: accelerate.Accelerator,
        prepared: tuple[torch.nn.Module, Any],
        vae: Autoencoder,
        schedule: DDIMScheduler,
        start: Checkpoint,
        rates: torch.optim.lr_scheduler.LambdaLR,
        average: EMAModel | None,
        output: Path,
        validation: Validation | None,
    ):
        self.settings = settings
        self.accelerator = accelerator
        self.networks, self.optimiser = prepared
        self.vae = vae
        self.schedule = schedule
        self.start = start
        self.rates = rates
        self.average = average
        self.output = output
        self.validation = validation
        self.scene_names: Sequence[str] = ()
        self.step = 0
        self.losses: list[float] = []
        """Of the steps since the last line of metrics.jsonl."""
        self.figures: dict[str, float] = {}
        self.written: Path | None = None
        self.skipped_before = 0
        self.skipped_here = 0
        self.named: set[str] = set()
        self.trained_seconds = 0.0

    def resume(self, folder: Path) -> None:
        """Go on from a checkpoint of this or another run.

        Raises:
            EscherNetError: when its training state is damaged or of other networks.
        """
        record = read_record(folder)
        _report_changes(record, self.settings, self.scene_names)
        try:
            self.accelerator.load_state(str(folder / STATE_FOLDER))
        except Exception as error:  # pickle, safetensors, torch and accelerate raise errors of many kinds
            raise EscherNetError(
                f"the training state of {folder} does not fit this run (networks, ema_decay and adam_8bit must be "
                f"those it was written with) or is damaged: {first_line(error)}"
            ) from error
        self.accelerator.step = 0  # micro-batches are counted from here, whatever their number was before
        apply_settings(self.settings, self.optimiser, self.rates)
        if self.average is not None:
            self.average.to(self.accelerator.device)
            self.average.decay = self.settings.ema_decay
        self.step = record["step"]
        self.losses = [float(loss) for loss in record.get("losses", [])]
        self.figures = dict(record.get("validation", {}))
        self.skipped_before = int(record.get("skipped_views", 0))
        self.written = folder

    def until_done(self, batches: Batches) -> TrainingResult:
        """Train to the end, a time limit or a signal."""
        settings, main = self.settings, self.accelerator.is_main_process
        first_step, started = self.step, time.monotonic()
        metrics = MetricsFile(self.output / "metrics.jsonl", first_step) if main else None
        views = settings.batch_size * (settings.targets + sum(settings.reference_range) / 2)
        skipped = self.skipped_before
        micro_batches = iter(_loader(batches, first_step, settings))
        progress = tqdm(total=settings.steps, initial=first_step, desc="training", unit="step", disable=not main)
        with stop_signals() as stopped, progress as bar:
            while self.step < settings.steps:
                self.losses.append(self._step(micro_batches, batches.accumulation))
                self.step = step = self.step + 1
                if not math.isfinite(self.losses[-1]):
                    raise EscherNetError(
                        f"the loss of step {step} is {self.losses[-1]}; lower learning_rate or use mixed_precision "
                        f"bf16. The last good checkpoint is {self.written or 'none'}."
                    )
                self.trained_seconds = elapsed = time.monotonic() - started
                bar.update()
                out_of_time = bool(settings.maximum_hours) and elapsed > settings.maximum_hours * 3600
                last = step == settings.steps or self._in_any_process(out_of_time or bool(stopped))
                logged = step % settings.log_every == 0 or step == settings.steps
                written = step % settings.checkpoint_every == 0 or last
                if logged or written:
                    skipped = self.skipped_before + self._over_processes(self.skipped_here)
                if logged:
                    mean, self.losses = sum(self.losses) / len(self.losses), []
                    rate = settings.learning_rate * learning_rate_factor(settings, step - 1)
                    values = {"loss": mean, "learning_rate": rate, "skipped_views": skipped}
                    per_second = views * (step - first_step) / elapsed
                    bar.set_postfix_str(f"loss {mean:.4f}, {per_second:.0f} views/s, {skipped} skipped")
                    self.accelerator.log(values, step=step)
                    if metrics is not None:
                        metrics.write(step, {**values, "views_per_second": per_second, "seconds": elapsed})
                if step % settings.validate_every == 0 or last:
                    self._validate(step, metrics)
                if written:
                    self._write(step, skipped)
                if last:
                    break
        self._close()
        finished = self.step >= settings.steps
        if finished and settings.push_to_hub and main and self.written is not None:
            push_to_hub(self.written, settings.push_to_hub)
        return TrainingResult(self.step, finished, self.written, skipped, self.figures)

    def _close(self) -> None:
        """End trackers and process group; whatever still holds the group would hang when it is collected later."""
        self.networks = self.accelerator.unwrap_model(self.networks)
        self.accelerator.free_memory()
        self.accelerator.end_training()

    def _in_any_process(self, wish: bool) -> bool:
        """Whether any process wishes to stop: all must leave the loop at the same step."""
        return self._over_processes(int(wish)) > 0

    def _over_processes(self, count: int) -> int:
        """The sum of a count over all processes."""
        if self.accelerator.num_processes == 1:
            return count
        return int(self.accelerator.reduce(torch.tensor(count, device=self.accelerator.device), "sum"))

    def _step(self, micro_batches: Iterator[Batch], accumulation: int) -> float:
        """One optimiser step; returns the mean loss over its micro-batches and processes."""
        losses: list[Tensor] = []
        for _ in range(accumulation):
            batch = next(micro_batches)
            self._report(batch.skipped)
            with self.accelerator.accumulate(self.networks):
                loss = self._loss(batch.to(self.accelerator.device))
                self.accelerator.backward(loss)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.networks.parameters(), self.settings.clip_gradient)
                self.optimiser.step()
                self.optimiser.zero_grad()
            losses.append(loss.detach())
        self.rates.step()
        if self.average is not None:
            self.average.step(self.accelerator.unwrap_model(self.networks).parameters())
        return float(self.accelerator.reduce(torch.stack(losses).double().mean(), "mean"))

    def _report(self, skipped: Sequence[str]) -> None:
        """Count views that could not be read and name each once."""
        self.skipped_here += len(skipped)
        for sentence in skipped:
            if sentence not in self.named:
                self.named.add(sentence)
                logger.warning("skipped (%d so far in this process): %s", len(self.named), sentence)

    def _loss(self, batch: Batch) -> Tensor:
        """Mean squared error of the prediction, weighted by what it is of."""
        with torch.no_grad():
            with self.accelerator.autocast():
                mean, deviation = encode(self.vae, batch.target_images.flatten(0, 1))
            latents = mean + deviation * batch.posterior_noise.flatten(0, 1)
            noise = batch.noise.flatten(0, 1)
            time_steps = cast(torch.IntTensor, batch.time_steps.repeat_interleave(batch.noise.shape[1]))
            noisy = self.schedule.add_noise(latents, noise, time_steps)
            target = diffusion_target(self.schedule, latents, noise, time_steps)
        prediction = self.networks(batch, noisy)
        squared = (prediction.float() - target).square()
        weight = self.settings.foreground_weight
        if weight != 1:
            images, size = batch.target_images.flatten(0, 1), (target.shape[-2], target.shape[-1])
            squared = squared * foreground_weights(images, size, self.vae, weight)
        return squared.mean()

    @contextmanager
    def _averaged(self) -> Iterator[TrainedNetworks]:
        """The networks with the averaged weights in place, where there is an average."""
        plain = self.accelerator.unwrap_model(self.networks)
        if self.average is None:
            yield plain
            return
        self.average.store(plain.parameters())
        self.average.copy_to(plain.parameters())
        try:
            yield plain
        finally:
            self.average.restore(plain.parameters())

    def _validate(self, step: int, metrics: MetricsFile | None) -> None:
        if self.validation is None:
            return
        with self._averaged() as networks:
            networks.eval()
            pipeline = EscherNetPipeline(self._checkpoint(networks))
            picture = self.output / "validation" / f"step-{step:08d}.png"
            self.figures = self.validation.run(pipeline, *pipeline.sampling, picture)
            networks.train()
        self.accelerator.log(self.figures, step=step)
        if metrics is not None:
            metrics.write(step, self.figures)
        figures = (f"{name.removeprefix('validation/')} {value:.2f} dB" for name, value in self.figures.items())
        tqdm.write(f"step {step}: {', '.join(figures)}: {picture}")

    def _checkpoint(self, networks: TrainedNetworks) -> Checkpoint:
        return dataclasses.replace(
            self.start,
            unet=networks.unet,
            image_encoder=networks.image_encoder,
            trained=True,
            notice=None,
            sampling=self.settings.sampling or self.start.sampling,
        )

    def _write(self, step: int, skipped: int) -> None:
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process:
            return

        def write(folder: Path) -> None:
            with self._averaged() as networks:
                save_checkpoint(self._checkpoint(networks), folder)
            self.accelerator.save_state(str(folder / STATE_FOLDER))

        record = {
            "step": step,
            "settings": as_plain(self.settings),
            "scenes": len(self.scene_names),
            "scenes_digest": _digest(self.scene_names),
            "skipped_views": skipped,
            "losses": self.losses,
            "seconds_since_resume": round(self.trained_seconds, 1),
            "validation": self.figures,
            "processes": self.accelerator.num_processes,
            "eschernet_ros": eschernet_ros.__version__,
            "torch": torch.__version__,
        }
        self.written = write_checkpoint(self.output, step, write, record, self.settings.keep_checkpoints)


def _split(
    scenes: Sequence[TrainingScene], settings: TrainingSettings
) -> tuple[list[TrainingScene], list[TrainingScene]]:
    """Training scenes, and the last ones by name for validation."""
    held_out = settings.validation_scenes
    if len(scenes) <= held_out:
        raise EscherNetError(
            f"{len(scenes)} scene(s) with at least {settings.minimum_views} views are too few: {held_out} are held "
            "out for validation (validation_scenes). Give more data or hold out fewer."
        )
    ordered = sorted(scenes, key=lambda scene: scene.name)
    training = ordered[: len(ordered) - held_out]
    if settings.cache_views:
        training = [CachedScene(scene) for scene in training]
    return list(training), list(ordered[len(ordered) - held_out :])


def _shape(settings: TrainingSettings, start: Checkpoint, schedule: DDIMScheduler) -> BatchShape:
    pipeline = EscherNetPipeline(start)
    return BatchShape(
        image_size=pipeline.image_size,
        latent_shape=pipeline.latent_shape,
        reference_range=settings.reference_range,
        targets=settings.targets,
        distinct=settings.distinct_views,
        dropout=settings.conditioning_dropout,
        high_noise_bias=settings.high_noise_bias,
        time_steps=int(schedule.config["num_train_timesteps"]),
        cape=settings.cape,
    )


def _start_geometrically(
    networks: TrainedNetworks, batches: Batches, vae: Autoencoder, schedule: DDIMScheduler
) -> None:
    """Fit queries and keys on views of the training scenes; the same in every process, for every batch size."""
    shape = dataclasses.replace(batches.shape, reference_range=(_FITTED_VIEWS, _FITTED_VIEWS), dropout=0.0)
    batch = Batches(batches.scenes, shape, batches.seed, _FITTED_SCENES, _FITTED_SCENES)[0]
    latents = encode(vae, batch.target_images.flatten(0, 1).to(vae.device))[0].cpu()
    time_steps = cast(torch.IntTensor, batch.time_steps.repeat_interleave(batch.noise.shape[1]))
    noisy = schedule.add_noise(latents, batch.noise.flatten(0, 1), time_steps)
    explained = start_geometrically(networks, batch, noisy)
    logger.info("geometric start: features explain %s of queries and keys", [round(share, 2) for share in explained])


def _validation(
    settings: TrainingSettings, scenes: Sequence[TrainingScene], image_size: int, main: bool
) -> Validation | None:
    if not scenes or not main:
        return None
    return Validation(scenes, image_size, settings.validation_references)


def _loader(batches: Batches, first_step: int, settings: TrainingSettings) -> DataLoader:
    numbers = range(first_step * batches.accumulation, settings.steps * batches.accumulation)
    return DataLoader(
        batches,
        batch_size=None,
        sampler=numbers,
        num_workers=settings.workers,
        prefetch_factor=2 if settings.workers else None,
        multiprocessing_context="spawn" if settings.workers else None,
        worker_init_fn=leave_interrupts_to_the_parent,
    )


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


_DECIDES_THE_DRAWS = (
    "seed",
    "batch_size",
    "references",
    "targets",
    "distinct_views",
    "conditioning_dropout",
    "high_noise_bias",
    "cape",
)


def _report_changes(record: dict[str, Any], settings: TrainingSettings, scene_names: Sequence[str]) -> None:
    """Say what makes a resumed run differ from an uninterrupted one."""
    before, now = record.get("settings", {}), as_plain(settings)
    for name in _DECIDES_THE_DRAWS:
        if name in before and before[name] != now[name]:
            logger.warning("resumed with %s = %r; the checkpoint was trained with %r.", name, now[name], before[name])
    if record.get("scenes_digest") != _digest(scene_names):
        logger.warning("resumed on other scenes than the checkpoint was trained on: the order of draws differs.")
