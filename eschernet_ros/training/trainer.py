# SPDX-License-Identifier: Apache-2.0
"""The training run: the published recipe (EscherNet, appendix) on accelerate.

``train`` reads top to bottom as the run. What is drawn is in ``batches.py``, the networks are in ``networks.py``.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import accelerate
import torch
import yaml
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.training_utils import EMAModel
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

import eschernet_ros
from eschernet_ros.errors import EscherNetError
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.model.autoencoder import Autoencoder, encode
from eschernet_ros.model.checkpoint import Checkpoint, save_checkpoint
from eschernet_ros.model.sampler import noise_schedule
from eschernet_ros.optional import require
from eschernet_ros.training.batches import Batch, Batches, BatchShape
from eschernet_ros.training.checkpoints import STATE_FOLDER, find_checkpoint, read_record, write_checkpoint
from eschernet_ros.training.metrics_file import MetricsFile
from eschernet_ros.training.networks import TrainedNetworks, diffusion_target, starting_checkpoint
from eschernet_ros.training.scenes import CachedScene, TrainingScene
from eschernet_ros.training.settings import TrainingSettings, as_plain
from eschernet_ros.training.validation import Validation

logger = logging.getLogger(__name__)


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
    accelerator = _accelerator(settings, output)
    found = find_checkpoint(output, resume) if resume is not None else None
    if resume is None and find_checkpoint(output, "latest") is not None:
        raise EscherNetError(f"{output} holds checkpoints already; resume from them (--resume latest) or use another.")
    start = starting_checkpoint(settings)
    schedule = noise_schedule(start.scheduler_config)
    networks = TrainedNetworks(start)
    if settings.gradient_checkpointing:
        networks.enable_gradient_checkpointing()
    vae = start.vae.to(accelerator.device)
    training, held_out = _split(scenes, settings)
    batches = Batches(
        training,
        _shape(settings, start, schedule),
        settings.seed,
        settings.batch_size,
        settings.device_batch_size,
        accelerator.process_index,
        accelerator.num_processes,
    )
    if settings.batch_size % (settings.device_batch_size * accelerator.num_processes):
        raise EscherNetError(
            f"batch_size {settings.batch_size} is no multiple of device_batch_size {settings.device_batch_size} "
            f"times {accelerator.num_processes} process(es)."
        )
    accelerator.gradient_accumulation_steps = batches.accumulation
    optimiser = _optimiser(settings, networks)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate_factor(settings, step))
    networks, optimiser = accelerator.prepare(networks, optimiser)
    plain_networks = accelerator.unwrap_model(networks)
    average = None
    if settings.ema_decay:
        average = EMAModel(plain_networks.parameters(), decay=settings.ema_decay, use_ema_warmup=True, power=0.75)
        average.to(accelerator.device)
        accelerator.register_for_checkpointing(average)
    accelerator.register_for_checkpointing(rates)
    step = 0
    if found is not None:
        record = read_record(found)
        step = record["step"]
        _report_changes(record, settings, training)
        accelerator.load_state(str(found / STATE_FOLDER))
    validation = _validation(settings, held_out, batches.shape.image_size, accelerator.is_main_process)
    run = _Run(settings, accelerator, networks, vae, schedule, start, optimiser, rates, average, output, validation)
    if accelerator.is_main_process:
        output.mkdir(parents=True, exist_ok=True)
        (output / "settings.yaml").write_text(yaml.safe_dump(as_plain(settings), sort_keys=False), encoding="utf-8")
    return run.until_done(batches, step, [scene.name for scene in training])


class _Run:
    """The parts of a run while it goes."""

    def __init__(
        self,
        settings: TrainingSettings,
        accelerator: accelerate.Accelerator,
        networks: torch.nn.Module,
        vae: Autoencoder,
        schedule: DDIMScheduler,
        start: Checkpoint,
        optimiser: Any,
        rates: torch.optim.lr_scheduler.LambdaLR,
        average: EMAModel | None,
        output: Path,
        validation: Validation | None,
    ):
        self.settings = settings
        self.accelerator = accelerator
        self.networks = networks
        self.vae = vae
        self.schedule = schedule
        self.start = start
        self.optimiser = optimiser
        self.rates = rates
        self.average = average
        self.output = output
        self.validation = validation
        self.figures: dict[str, float] = {}
        self.written: Path | None = None
        self.skipped = 0
        self.trained_seconds = 0.0

    def until_done(self, batches: Batches, first_step: int, scene_names: Sequence[str]) -> TrainingResult:
        """Train from ``first_step`` to the end, a time limit or a signal."""
        settings, main = self.settings, self.accelerator.is_main_process
        self.scene_names = scene_names
        metrics = MetricsFile(self.output / "metrics.jsonl", first_step) if main else None
        views = settings.batch_size * (settings.targets + sum(settings.reference_range) / 2)
        step, started, losses = first_step, time.monotonic(), []
        micro_batches = iter(_loader(batches, first_step, settings))
        bar = tqdm(total=settings.steps, initial=first_step, desc="training", unit="step", disable=not main)
        with _stop_signals() as stopped:
            while step < settings.steps:
                losses.append(self._step(micro_batches, batches.accumulation))
                step += 1
                if not math.isfinite(losses[-1]):
                    raise EscherNetError(
                        f"the loss of step {step} is {losses[-1]}; lower learning_rate or use mixed_precision bf16. "
                        f"The last good checkpoint is {self.written or 'none'}."
                    )
                elapsed = time.monotonic() - started
                self.trained_seconds = elapsed
                bar.update()
                if step % settings.log_every == 0 or step == settings.steps:
                    mean, losses = sum(losses) / len(losses), []
                    rate = self.rates.get_last_lr()[0]
                    values = {"loss": mean, "learning_rate": rate, "skipped_views": self.skipped}
                    per_second = views * (step - first_step) / elapsed
                    bar.set_postfix_str(f"loss {mean:.4f}, {per_second:.0f} views/s, {self.skipped} skipped")
                    self.accelerator.log(values, step=step)
                    if metrics is not None:
                        metrics.write(step, {**values, "views_per_second": per_second, "seconds": elapsed})
                out_of_time = bool(settings.maximum_hours) and elapsed > settings.maximum_hours * 3600
                last = step == settings.steps or out_of_time or bool(stopped)
                if step % settings.validate_every == 0 or last:
                    self._validate(step, metrics)
                if step % settings.checkpoint_every == 0 or last:
                    self._write(step)
                if last:
                    break
        bar.close()
        finished = step >= settings.steps
        if finished and settings.push_to_hub and main and self.written is not None:
            push_to_hub(self.written, settings.push_to_hub)
        self.accelerator.end_training()
        return TrainingResult(step, finished, self.written, self.skipped, self.figures)

    def _step(self, micro_batches: Iterator[Batch], accumulation: int) -> float:
        """One optimiser step; returns the mean loss over its micro-batches and processes."""
        total = 0.0
        for _ in range(accumulation):
            batch = next(micro_batches)
            self.skipped += batch.skipped
            with self.accelerator.accumulate(self.networks):
                loss = self._loss(batch.to(self.accelerator.device))
                self.accelerator.backward(loss)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.networks.parameters(), self.settings.clip_gradient)
                self.optimiser.step()
                self.optimiser.zero_grad()
            total += float(self.accelerator.reduce(loss.detach(), "mean")) / accumulation
        self.rates.step()
        if self.average is not None:
            self.average.step(self.accelerator.unwrap_model(self.networks).parameters())
        return total

    def _loss(self, batch: Batch) -> Tensor:
        """Mean squared error of the prediction."""
        with torch.no_grad():
            with self.accelerator.autocast():
                mean, deviation = encode(self.vae, batch.target_images.flatten(0, 1))
            latents = mean + deviation * batch.posterior_noise.flatten(0, 1)
            noise = batch.noise.flatten(0, 1)
            time_steps = batch.time_steps.repeat_interleave(batch.noise.shape[1])
            noisy = self.schedule.add_noise(latents, noise, time_steps)
            target = diffusion_target(self.schedule, latents, noise, time_steps)
        prediction = self.networks(batch, noisy)
        return torch.nn.functional.mse_loss(prediction.float(), target)

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
        sampling = self.settings.sampling or {"steps": 50, "guidance_scale": 3.0}
        with self._averaged() as networks:
            networks.eval()
            checkpoint = self._checkpoint(networks)
            picture = self.output / "validation" / f"step-{step:08d}.png"
            self.figures = self.validation.run(
                EscherNetPipeline(checkpoint), int(sampling["steps"]), float(sampling["guidance_scale"]), picture
            )
            networks.train()
        self.accelerator.log(self.figures, step=step)
        if metrics is not None:
            metrics.write(step, self.figures)
        tqdm.write(
            f"step {step}: foreground {self.figures['validation/foreground_psnr']:.2f} dB, nearest reference "
            f"{self.figures['validation/nearest_psnr']:.2f} dB: {picture}"
        )

    def _checkpoint(self, networks: TrainedNetworks) -> Checkpoint:
        return dataclasses.replace(
            self.start,
            unet=networks.unet,
            image_encoder=networks.image_encoder,
            trained=True,
            notice=None,
            sampling=self.settings.sampling or self.start.sampling,
        )

    def _write(self, step: int) -> None:
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
            "skipped_views": self.skipped,
            "seconds_since_resume": round(self.trained_seconds, 1),
            "validation": self.figures,
            "processes": self.accelerator.num_processes,
            "eschernet_ros": eschernet_ros.__version__,
            "torch": torch.__version__,
        }
        self.written = write_checkpoint(self.output, step, write, record, self.settings.keep_checkpoints)


def learning_rate_factor(settings: TrainingSettings, step: int) -> float:
    """Factor of ``learning_rate`` at a step: linear warm-up, then half a cosine down to ``learning_rate_end``."""
    peak = settings.learning_rate
    if step < settings.warmup_steps:
        low = settings.learning_rate_start / peak
        return low + (1 - low) * step / settings.warmup_steps
    low = settings.learning_rate_end / peak
    progress = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def push_to_hub(folder: Path, hub_id: str) -> None:
    """Upload a checkpoint, less its training state, to the Hugging Face hub.

    Raises:
        EscherNetError: when the hub refuses or cannot be reached; the folder stays as it is.
    """
    import huggingface_hub

    try:
        api = huggingface_hub.HfApi()
        api.create_repo(hub_id, exist_ok=True)
        api.upload_folder(repo_id=hub_id, folder_path=folder, ignore_patterns=[f"{STATE_FOLDER}/*"])
    except Exception as error:  # the hub's client lets through whatever its HTTP library raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EscherNetError(
            f"{folder} could not be uploaded to '{hub_id}': {reason}. Log in (hf auth login) and upload the folder."
        ) from error


def _accelerator(settings: TrainingSettings, output: Path) -> accelerate.Accelerator:
    for tracker in settings.trackers:
        require(tracker, f"pip install {tracker}", f"trackers: {tracker}")
    accelerator = accelerate.Accelerator(
        mixed_precision=settings.mixed_precision,
        log_with=list(settings.trackers) or None,
        project_dir=str(output),
        step_scheduler_with_optimizer=False,
    )
    if settings.trackers:
        options = {"wandb": {"mode": "offline" if settings.wandb_offline else "online", "dir": str(output)}}
        flat = {key: value for key, value in as_plain(settings).items() if isinstance(value, int | float | str)}
        accelerator.init_trackers(
            settings.project, flat, {key: value for key, value in options.items() if key in settings.trackers}
        )
    return accelerator


def _optimiser(settings: TrainingSettings, networks: torch.nn.Module) -> torch.optim.Optimizer:
    options = {
        "lr": settings.learning_rate,
        "betas": (0.9, settings.adam_beta2),
        "weight_decay": settings.weight_decay,
    }
    # The encoder's pooled head has weights that no gradient reaches.
    parameters = [parameter for parameter in networks.parameters() if parameter.requires_grad]
    if settings.adam_8bit:
        library = require("bitsandbytes", "pip install bitsandbytes", "adam_8bit")
        optimiser: torch.optim.Optimizer = library.optim.AdamW8bit(parameters, **options)
        return optimiser
    return torch.optim.AdamW(parameters, fused=True, **options)


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
    )


def _digest(names: Sequence[str]) -> str:
    import hashlib

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


def _report_changes(record: dict[str, Any], settings: TrainingSettings, scenes: Sequence[TrainingScene]) -> None:
    """Say what makes a resumed run differ from an uninterrupted one."""
    before, now = record.get("settings", {}), as_plain(settings)
    for name in _DECIDES_THE_DRAWS:
        if name in before and before[name] != now[name]:
            logger.warning("resumed with %s = %r; the checkpoint was trained with %r.", name, now[name], before[name])
    if record.get("scenes_digest") != _digest([scene.name for scene in scenes]):
        logger.warning("resumed on other scenes than the checkpoint was trained on: the order of draws differs.")


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM in a list, so that a step is finished first; a second SIGINT interrupts."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    try:
        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever called has the signals
        yield received
        return
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
