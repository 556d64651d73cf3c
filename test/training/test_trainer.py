# SPDX-License-Identifier: Apache-2.0
"""Whole training runs of seconds: what they write, that they resume exactly, and what stops them."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import time

import accelerate
import cv2
import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from render_files import picture, write_object, write_png
from training_runs import (
    MemoryScene,
    assert_same_weights,
    last,
    losses,
    scenes_in,
    steps_kept,
    tiny_checkpoint,
    tiny_settings,
    weights,
    write_renders,
)

from eschernet_ros.datasets import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.model import EscherNetPipeline, save_checkpoint
from eschernet_ros.training import tracking, trainer
from eschernet_ros.training.metrics_file import read_metrics
from eschernet_ros.training.settings import TrainingSettings
from eschernet_ros.training.stop_signals import stop_signals
from eschernet_ros.training.trainer import train
from eschernet_ros.training.validation import Validation

# --- what a run writes ---


@pytest.mark.parametrize("cape", ["6dof", "4dof"])
def test_a_checkpoint_gives_the_validation_picture_of_the_run_again(run, tmp_path, renders, cape):
    result = run("run", cape=cape, ema_decay=0.5, validation_scenes=2, sampling={"steps": 3, "guidance_scale": 2.0})
    assert (result.step, result.finished, result.skipped_views) == (4, True, 0)
    assert result.checkpoint == tmp_path / "run" / "checkpoint-00000004"
    pipeline = EscherNetPipeline.from_pretrained(result.checkpoint)
    assert (pipeline.cape, pipeline.trained, pipeline.notice, pipeline.sampling) == (cape, True, None, (3, 2.0))
    held_out = scenes_in(renders)[-2:]
    figures = Validation(held_out, 16, 2).run(pipeline, 3, 2.0, tmp_path / "again.png")
    written = tmp_path / "run" / "validation" / "step-00000004.png"
    assert (tmp_path / "again.png").read_bytes() == written.read_bytes()
    assert figures == result.validation
    assert figures["validation/psnr"] > 0
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 4]
    assert lines[-1] == {"step": 4, **figures}
    assert {"loss", "learning_rate", "views_per_second", "skipped_views"} <= lines[0].keys()
    rates = [line["learning_rate"] for line in lines[:4]]
    assert rates == pytest.approx([1e-3, 2e-3, 3e-3, 2e-3])


def test_validation_uses_the_same_seed_and_scenes_at_every_step(run, tmp_path):
    run("run", steps=3, validation_scenes=1, validate_every=1, learning_rate=1e-12, learning_rate_start=0.0)
    pictures = [path.read_bytes() for path in sorted((tmp_path / "run" / "validation").iterdir())]
    assert len(pictures) == 3
    assert pictures[0] == pictures[1] == pictures[2]
    sheet = cv2.imread(str(tmp_path / "run" / "validation" / "step-00000001.png"))[..., ::-1]
    # one scene: two references, a bar and four truths over four views
    assert sheet.shape == (2 * 16, 2 * 16 + 4 + 4 * 16, 3)
    rgba = picture(1)
    np.testing.assert_array_equal(sheet[:16, 16:32], np.where(rgba[..., 3:] > 0, rgba[..., :3], 255))


def test_what_a_checkpoint_records(run, tmp_path):
    folder = run("run", references=(1, 2)).checkpoint
    assert sorted(entry.name for entry in folder.iterdir()) == [
        *("image_encoder", "model_index.json", "scheduler", "training.json", "training_state", "unet", "vae")
    ]
    record = json.loads((folder / "training.json").read_text())
    assert (record["step"], record["scenes"], record["processes"], record["skipped_views"]) == (4, 6, 1, 0)
    assert record["settings"]["references"] == [1, 2]
    assert record["settings"]["learning_rate"] == 3e-3


def test_newest_checkpoints_are_kept(run, tmp_path):
    run("run", steps=5, checkpoint_every=1, keep_checkpoints=2)
    assert steps_kept(tmp_path / "run") == [4, 5]


def test_the_loss_falls_on_one_scene(run, tmp_path):
    shown = {"data": [MemoryScene("one", 3)], "high_noise_bias": 1.0, "references": 1, "targets": 1}
    run("run", steps=40, learning_rate=1e-2, **shown)
    found = list(losses(tmp_path / "run").values())
    assert np.mean(found[-10:]) < 0.6 * np.mean(found[:10])


# --- resuming ---


@pytest.mark.parametrize("ways", [{}, {"device_batch_size": 2, "ema_decay": 0.9, "conditioning_dropout": 0.4}])
def test_a_resumed_run_is_the_uninterrupted_one(run, tmp_path, ways):
    common = {"steps": 6, "checkpoint_every": 3, "keep_checkpoints": 0, "validation_scenes": 1, **ways}
    run("straight", **common)
    half = tmp_path / "straight" / "checkpoint-00000003"
    run("resumed", resume=str(half), **common)
    straight, resumed = losses(tmp_path / "straight"), losses(tmp_path / "resumed")
    assert list(straight) == [1, 2, 3, 4, 5, 6]
    assert resumed == {step: straight[step] for step in (4, 5, 6)}
    folders = [tmp_path / name / "checkpoint-00000006" for name in ("straight", "resumed")]
    assert_same_weights(*folders)
    states = [torch.load(folder / "training_state" / "optimizer.bin")["state"] for folder in folders]
    assert states[0].keys() == states[1].keys() and len(states[0]) > 50
    for one, other in zip(states[0].values(), states[1].values(), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in ("step", "exp_avg", "exp_avg_sq"))
    pictures = [tmp_path / name / "validation" / "step-00000006.png" for name in ("straight", "resumed")]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_checkpoints_hold_the_average_and_training_goes_on_without_it(run, tmp_path):
    common = {"steps": 4, "checkpoint_every": 2, "ema_decay": 0.9}
    run("run", **common)
    folder = tmp_path / "run" / "checkpoint-00000004"
    trained = weights(folder / "training_state")["model.safetensors:unet.conv_out.weight"]
    averaged = weights(folder / "unet")["diffusion_pytorch_model.safetensors:conv_out.weight"]
    assert not torch.equal(trained, averaged)
    run("plain", steps=4)
    plain = weights(tmp_path / "plain" / "checkpoint-00000004" / "unet")
    assert torch.equal(trained, plain["diffusion_pytorch_model.safetensors:conv_out.weight"])
    # diffusers' warm-up: decay min(0.9, 1 - step^-0.75), nothing kept at the first step
    run("every", checkpoint_every=1, keep_checkpoints=0)
    average = torch.zeros(())
    for step in range(1, 5):
        stored = weights(tmp_path / "every" / f"checkpoint-{step:08d}" / "unet")
        decay = min(0.9, 1 - step**-0.75)
        average = decay * average + (1 - decay) * stored["diffusion_pytorch_model.safetensors:conv_out.weight"]
    torch.testing.assert_close(averaged, average)


def test_a_run_stopped_between_two_lines_goes_on_with_the_same_mean(run, tmp_path, monkeypatch):
    common = {"steps": 6, "log_every": 3, "checkpoint_every": 100}
    run("straight", **common)
    with monkeypatch.context() as patch:
        steps = iter(range(1, 100))
        stopping = trainer._Run._in_any_process
        patch.setattr(trainer._Run, "_in_any_process", lambda self, wish: stopping(self, wish) or next(steps) == 2)
        stopped = run("stopped", **common)
    assert (stopped.step, stopped.finished) == (2, False)
    assert losses(tmp_path / "stopped") == {}
    assert run("stopped", resume="latest", **common).finished
    assert losses(tmp_path / "stopped") == losses(tmp_path / "straight")
    assert_same_weights(last(tmp_path / "stopped"), last(tmp_path / "straight"))


def test_another_accumulation_after_resuming_keeps_the_steps(run, tmp_path):
    """Three steps of one micro-batch each, then of two: no step may end in the middle."""
    common = {"steps": 6, "checkpoint_every": 3, "keep_checkpoints": 0}
    run("straight", **common)
    run("resumed", resume=str(tmp_path / "straight" / "checkpoint-00000003"), device_batch_size=2, **common)
    straight, resumed = losses(tmp_path / "straight"), losses(tmp_path / "resumed")
    assert resumed == pytest.approx({step: straight[step] for step in (4, 5, 6)}, rel=1e-4)


def test_resuming_from_an_earlier_step_sets_later_ones_aside(run, tmp_path):
    common = {"steps": 6, "checkpoint_every": 2, "keep_checkpoints": 3}
    run("run", **common)
    before = losses(tmp_path / "run")
    result = run("run", resume="2", **common, seed=5)
    assert result.finished
    assert steps_kept(tmp_path / "run") == [2, 4, 6]
    assert len(list((tmp_path / "run").glob("*.set-aside"))) == 2
    after = losses(tmp_path / "run")
    assert [after[step] == before[step] for step in range(1, 7)] == [True, True, False, False, False, False]


def test_a_resumed_run_obeys_changed_settings_and_says_what_differs(run, tmp_path, caplog, renders):
    run("run", steps=4, checkpoint_every=2, ema_decay=0.9)
    changed = {"steps": 8, "learning_rate": 1e-4, "learning_rate_start": 1e-4, "learning_rate_end": 1e-4}
    run(
        "run",
        resume="latest",
        weight_decay=0.2,
        adam_beta2=0.9,
        seed=3,
        ema_decay=0.5,
        data=scenes_in(renders)[:5],
        **changed,
    )
    lines = [line for line in read_metrics(tmp_path / "run" / "metrics.jsonl") if line["step"] > 4]
    assert [line["learning_rate"] for line in lines] == pytest.approx([1e-4] * 4)
    state = last(tmp_path / "run") / "training_state"
    (group,) = torch.load(state / "optimizer.bin")["param_groups"]
    assert (group["lr"], group["weight_decay"], group["betas"]) == (pytest.approx(1e-4), 0.2, (0.9, 0.9))
    assert torch.load(state / "custom_checkpoint_0.pkl")["decay"] == 0.5
    assert "resumed with seed = 3; the checkpoint was trained with 0" in caplog.text
    assert "resumed on other scenes" in caplog.text


def test_resuming_a_finished_run_changes_nothing(run, tmp_path):
    first = run("run", validation_scenes=1)
    again = run("run", resume="latest", validation_scenes=1)
    assert again == first
    assert list(losses(tmp_path / "run")) == [1, 2, 3, 4]


def test_latest_starts_anew_where_there_is_none(run, tmp_path):
    assert run("run", resume="latest").step == 4


def test_a_state_that_does_not_fit_is_a_sentence(run, tmp_path, autoencoder, renders):
    run("run")
    with pytest.raises(EscherNetError, match=r"training state of .*checkpoint-00000004 does not fit this run .*ema_"):
        run("run", resume="latest", ema_decay=0.9)
    wider = tiny_settings(autoencoder)
    wider["networks"] = {**wider["networks"], "unet": {**wider["networks"]["unet"], "block_out_channels": [24]}}
    with pytest.raises(EscherNetError, match="does not fit this run"):
        train(TrainingSettings(**wider), scenes_in(renders), tmp_path / "run", "latest")
    (last(tmp_path / "run") / "training_state" / "optimizer.bin").write_bytes(b"torn")
    with pytest.raises(EscherNetError, match="or is damaged"):
        run("run", resume="latest")


def test_a_run_is_not_overwritten(run, tmp_path):
    run("run")
    before = weights(tmp_path / "run")
    with pytest.raises(EscherNetError, match=r"run holds checkpoints already; resume from them \(--resume latest\)"):
        run("run", seed=9)
    assert all(torch.equal(before[name], value) for name, value in weights(tmp_path / "run").items())
    with pytest.raises(EscherNetError, match=r"checkpoint-00000009 is no checkpoint .* holds checkpoint-00000004"):
        run("run", resume="9")


def test_a_killed_write_is_cleaned_up_by_the_next(run, tmp_path, monkeypatch):
    common = {"steps": 4, "checkpoint_every": 2}
    run("straight", **common)
    save = accelerate.Accelerator.save_state

    def killed(self, folder, **options):
        save(self, folder, **options)
        if "00000004" in folder:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(accelerate.Accelerator, "save_state", killed)
        with pytest.raises(KeyboardInterrupt):
            run("killed", **common)
    assert (tmp_path / "killed" / "checkpoint-00000004.partial").is_dir()
    assert steps_kept(tmp_path / "killed") == [2]
    run("killed", resume="latest", **common)
    assert not list((tmp_path / "killed").glob("*.partial"))
    assert losses(tmp_path / "killed") == losses(tmp_path / "straight")
    assert_same_weights(last(tmp_path / "killed"), last(tmp_path / "straight"))


# --- the recipe ---


def test_accumulated_gradients_are_those_of_the_large_batch(run, tmp_path):
    run("large")
    run("small", device_batch_size=1)
    assert losses(tmp_path / "small") == pytest.approx(losses(tmp_path / "large"), rel=1e-4)


def test_gradient_checkpointing_gives_the_same_losses(run, tmp_path):
    run("plain")
    run("checkpointing", gradient_checkpointing=True)
    assert losses(tmp_path / "checkpointing") == losses(tmp_path / "plain")


def test_bf16(run, tmp_path):
    assert run("run", mixed_precision="bf16", gradient_checkpointing=True).finished
    stored = weights(last(tmp_path / "run"))
    assert {value.dtype for name, value in stored.items() if name.startswith("unet")} == {torch.float32}


@pytest.mark.parametrize(("precision", "emulated", "said"), [("bf16", True, 1), ("bf16", False, 0), ("no", True, 0)])
def test_a_cpu_that_emulates_bfloat16_is_said(run, monkeypatch, caplog, precision, emulated, said):
    monkeypatch.setattr(tracking, "emulates_bfloat16", lambda: emulated)
    run("run", steps=1, mixed_precision=precision)
    assert caplog.text.count("mixed_precision bf16 is emulated on this CPU") == said


@pytest.mark.parametrize(("emulated", "chosen"), [(True, "no"), (False, "bf16")])
def test_auto_precision_is_bfloat16_where_the_device_has_it(run, monkeypatch, caplog, emulated, chosen):
    monkeypatch.setattr(tracking, "emulates_bfloat16", lambda: emulated)
    run("run", steps=1, mixed_precision="auto")
    assert AcceleratorState().mixed_precision == chosen
    assert "emulated" not in caplog.text


def test_the_gradient_is_clipped(run, tmp_path):
    """Adam's first moment after one step is a tenth of the clipped gradient."""
    run("run", steps=1, clip_gradient=0.01)
    state = torch.load(last(tmp_path / "run") / "training_state" / "optimizer.bin")["state"]
    norm = math.sqrt(sum(float(entry["exp_avg"].square().sum()) for entry in state.values()))
    assert norm == pytest.approx(0.1 * 0.01, rel=1e-3)


@pytest.mark.parametrize("cape", ["6dof", "4dof"])
def test_fine_tuning_starts_from_a_checkpoint(run, tmp_path, autoencoder, cape):
    start = tiny_checkpoint(autoencoder, cape, sampling={"steps": 2, "guidance_scale": 1.0})
    save_checkpoint(start, tmp_path / "start")
    settings = tiny_settings(autoencoder, cape=cape, checkpoint=str(tmp_path / "start"), learning_rate=1e-9)
    settings |= {"networks": None, "autoencoder": None, "learning_rate_start": 0.0, "learning_rate_end": 0.0}
    result = train(TrainingSettings(**settings), [MemoryScene("mug", 5)], tmp_path / "run")
    before, after = weights(tmp_path / "start"), weights(result.checkpoint)
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=1e-6)
    assert before.keys() == {name for name in after if not name.startswith("training_state")}


def test_a_loss_that_is_not_finite_stops_the_run(run, tmp_path, monkeypatch):
    healthy = trainer._Run._loss
    calls = iter(range(100))
    monkeypatch.setattr(
        trainer._Run, "_loss", lambda self, batch: healthy(self, batch) * (math.nan if next(calls) == 2 else 1)
    )
    with pytest.raises(EscherNetError, match=r"the loss of step 3 is nan; lower learning_rate.*checkpoint-00000002"):
        run("run", checkpoint_every=2)
    assert steps_kept(tmp_path / "run") == [2]


def test_a_precision_that_cannot_be_used_is_a_sentence(run):
    run("run")
    with pytest.raises(EscherNetError, match=r"mixed_precision 'bf16' cannot be used: .*restart your runtime"):
        run("other", mixed_precision="bf16")


# --- data ---


def test_broken_files_are_named_once_counted_and_passed_over(run, tmp_path, caplog):
    folder = write_renders(tmp_path / "data", 2, 4)
    (folder / "00" / "001.png").write_bytes(b"no image")
    np.save(folder / "01" / "002.npy", np.full((3, 4), np.nan))
    result = run("run", data=folder, steps=6)
    named = re.findall(r"skipped \(\d so far in this process\): .*?(\d\d/\d+\.\w+)", caplog.text)
    assert sorted(named) == ["00/001.png", "01/002.npy"]
    assert result.skipped_views > 2
    (line,) = [line for line in read_metrics(tmp_path / "run" / "metrics.jsonl") if line["step"] == 6]
    assert line["skipped_views"] == result.skipped_views
    again = run("run", data=folder, steps=8, resume="latest")
    assert again.skipped_views > result.skipped_views


def test_validation_passes_over_broken_views(run, tmp_path, caplog):
    folder = write_renders(tmp_path / "data", 3, 5)
    (folder / "02" / "000.png").write_bytes(b"no image")
    assert run("run", data=folder, validation_scenes=1).finished
    assert "skipped for validation" in caplog.text and "02/000.png" in caplog.text
    for name in ("001", "002"):
        (folder / "02" / f"{name}.png").unlink()
    with pytest.raises(EscherNetError, match="'02' has 2 readable views; 2 references leave no target"):
        run("other", data=folder, validation_scenes=1)
    assert not (tmp_path / "other").exists()


def test_white_truths_have_no_foreground(run, tmp_path):
    folder = write_renders(tmp_path / "data", 1, 3)
    write_object(folder / "zz", 3)
    for path in (folder / "zz").glob("*.png"):
        write_png(path, np.zeros((16, 16, 4), np.uint8))
    assert run("run", data=folder, validation_scenes=1).validation.keys() == {"validation/psnr"}


def test_too_few_scenes_are_an_error_before_anything_is_written(run, tmp_path):
    with pytest.raises(EscherNetError, match=r"6 scene\(s\) .* too few: 6 are held out for validation"):
        run("run", validation_scenes=6)
    assert not (tmp_path / "run").exists()


def test_hopeless_data_is_an_error(run, tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"):
        run("run", data=[MemoryScene("one", 3, broken=range(3))])


def test_batches_that_do_not_divide_are_an_error(run):
    with pytest.raises(EscherNetError, match=r"batch_size 4 is no multiple of device_batch_size 3 times 1 process"):
        run("run", device_batch_size=3)


def test_cached_views_give_the_same_run(run, tmp_path):
    run("read")
    run("cached", cache_views=True)
    assert losses(tmp_path / "cached") == losses(tmp_path / "read")


def test_loader_processes_give_the_same_run_and_outlive_an_interrupt(run, tmp_path, autoencoder, monkeypatch):
    common = {"steps": 8}
    run("here", **common)
    taken = trainer._Run._step

    def interrupted(self, micro_batches, accumulation):
        if self.step == 1:
            for worker in micro_batches._workers:
                os.kill(worker.pid, signal.SIGINT)  # as Ctrl-C does
        return taken(self, micro_batches, accumulation)

    monkeypatch.setattr(trainer._Run, "_step", interrupted)
    run("there", workers=1, **common)
    assert losses(tmp_path / "there") == losses(tmp_path / "here")
    assert_same_weights(last(tmp_path / "there"), last(tmp_path / "here"))


# --- stopping ---


def test_a_run_ends_in_time(run, tmp_path):
    result = run("run", steps=50, maximum_hours=1e-9)
    assert (result.step, result.finished) == (1, False)
    assert steps_kept(tmp_path / "run") == [1]
    assert run("run", resume="latest", steps=3).finished


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_collected_and_handlers_put_back(number):
    before = signal.getsignal(number)
    with stop_signals() as received:
        os.kill(os.getpid(), number)
        time.sleep(0.01)
        assert received == [number]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(number) == before
