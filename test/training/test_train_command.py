# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros train``: in this process, and as processes that are signalled or launched by accelerate."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from training_runs import last, losses, steps_kept, tiny_settings, write_renders

from eschernet_ros.cli.main import main
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.training import trainer

# torch warns where several processes train depthwise convolutions: it compares the strides of an axis of length 1
STRIDES = "ignore:Grad strides do not match bucket view strides"
ENDLESS = ("--steps", "100000", "--checkpoint-every", "100000")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings_file(tmp_path, autoencoder):
    """YAML file of a tiny run."""
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(tiny_settings(autoencoder)))
    return path


@pytest.fixture
def start(tmp_path, settings_file, renders):
    """Function: environment -> ``train`` without an end as a real process that writes into ``run``."""
    started: list[subprocess.Popen] = []

    def begin(*options, **environment):
        command = [sys.executable, "-W", "error", "-W", STRIDES, "-m", "eschernet_ros", "train", str(settings_file)]
        command += ["--data", str(renders), "--output", str(tmp_path / "run"), *ENDLESS, *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment}
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_from_renders_to_a_checkpoint(tmp_path, settings_file, renders, capsys):
    options = ["--data", str(renders), "--output", str(tmp_path / "run")]
    assert main(["train", str(settings_file), *options, "--steps", "3", "--validation-scenes", "1"]) == 0
    said = capsys.readouterr()
    assert "finished at step 3 of 3; 0 unreadable views were skipped." in said.out
    assert f"checkpoint: {tmp_path / 'run' / 'checkpoint-00000003'}" in said.out
    assert "validation/foreground_psnr: " in said.out
    assert "6 objects with 36 views" in said.err or "6 objects" not in said.err
    assert "views/s" in said.err and "loss " in said.err and "3/3" in said.err
    assert EscherNetPipeline.from_pretrained(last(tmp_path / "run")).trained
    stored = yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())
    assert (stored["steps"], stored["data"], stored["warmup_steps"]) == (3, [str(renders)], 2)
    assert main(["train", str(tmp_path / "run" / "settings.yaml"), "--output", str(tmp_path / "again")]) == 0
    assert losses(tmp_path / "again") == losses(tmp_path / "run")


def test_resuming_and_stopping_in_time(tmp_path, settings_file, renders, capsys):
    command = ["train", str(settings_file), "--data", str(renders), "--output", str(tmp_path / "run")]
    assert main([*command, "--maximum-hours", "1e-9"]) == 0
    assert "stopped; go on with --resume latest at step 1 of 4" in capsys.readouterr().out
    assert main(command) == 2
    assert "holds checkpoints already; resume from them (--resume latest)" in capsys.readouterr().err
    assert main([*command, "--resume", "latest"]) == 0
    assert list(losses(tmp_path / "run")) == [1, 2, 3, 4]


def test_no_data_and_too_few_views_are_errors_before_training(tmp_path, settings_file, capsys):
    command = ["train", str(settings_file), "--output", str(tmp_path / "run")]
    assert main(command) == 2
    assert "eschernet-ros train: no data: give folders" in capsys.readouterr().err
    assert main([*command, "--data", str(tmp_path / "gone")]) == 2
    assert "gone does not exist" in capsys.readouterr().err
    write_renders(tmp_path / "few", 2, 3)
    assert main([*command, "--data", str(tmp_path / "few"), "--minimum-views", "4"]) == 2
    said = capsys.readouterr().err
    assert "holds no object with at least 4 views" in said
    assert "00 (3 views of 4 needed), 01 (3 views of 4 needed)" in said
    assert not (tmp_path / "run").exists()


def test_empty_folders_are_skipped_by_name(tmp_path, settings_file, capsys, caplog):
    write_renders(tmp_path / "data", 2)
    (tmp_path / "data" / "hollow").mkdir()
    assert main(["train", str(settings_file), "--data", str(tmp_path / "data"), "--output", str(tmp_path / "run")]) == 0
    assert "2 objects with 12 views. Skipped 1: hollow (empty)." in caplog.text


def test_show_settings_trains_nothing(tmp_path, settings_file, capsys):
    assert main(["train", str(settings_file), "--output", str(tmp_path / "run"), "--show-settings", "--seed", "8"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["seed"], shown["steps"], shown["weight_decay"]) == (8, 4, 0.01)
    assert not (tmp_path / "run").exists()


def wait_for_lines(run, process, count):
    deadline = time.monotonic() + 200
    while len(losses(run)) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_terminated_process_finishes_its_step_and_writes(tmp_path, start):
    process = start()
    wait_for_lines(tmp_path / "run", process, 2)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    step = max(losses(tmp_path / "run"))
    assert f"stopped; go on with --resume latest at step {step} of 100000" in out
    assert steps_kept(tmp_path / "run") == [step]
    assert not list((tmp_path / "run").glob("*.partial"))


def test_two_processes_do_what_one_does_and_stop_together(tmp_path, start, settings_file, renders, monkeypatch):
    """As ``accelerate launch`` starts them; only one of them gets the signal."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    first, second = (start("--device-batch-size", "1", RANK=rank, LOCAL_RANK=rank, **common) for rank in ("0", "1"))
    wait_for_lines(tmp_path / "run", first, 2)
    second.send_signal(signal.SIGTERM)
    said = [process.communicate(timeout=120) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert "stopped; go on with --resume latest" in said[0][0]
    assert said[1][0] == "", "one process speaks"
    together = losses(tmp_path / "run")
    assert steps_kept(tmp_path / "run") == [max(together)]
    assert json.loads((last(tmp_path / "run") / "training.json").read_text())["processes"] == 2

    command = ["train", str(settings_file), "--data", str(renders), *ENDLESS]
    monkeypatch.setattr(trainer._Run, "_in_any_process", lambda self, wish: self.step >= 2)
    assert main([*command, "--output", str(tmp_path / "one")]) == 0
    alone = losses(tmp_path / "one")
    assert {step: together[step] for step in alone} == pytest.approx(alone, rel=1e-3)
    assert main([*command, "--output", str(tmp_path / "run"), "--resume", "latest"]) == 0
    assert max(losses(tmp_path / "run")) == max(together) + 1
