# SPDX-License-Identifier: Apache-2.0
"""Where a run's figures and checkpoints go beside its folder, and optional libraries that are not there."""

from __future__ import annotations

import sys
import time

import pytest
from training_runs import last, losses, steps_kept

from eschernet_ros.errors import EscherNetError
from eschernet_ros.optional import MissingDependencyError
from eschernet_ros.training import hub


def test_8_bit_adam_says_what_it_needs(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingDependencyError, match=r"adam_8bit needs .*'bitsandbytes'.*pip install bitsandbytes"):
        run("run", adam_8bit=True)


@pytest.mark.parametrize("tracker", ["tensorboard", "wandb"])
def test_a_tracker_that_is_not_installed_is_named(run, monkeypatch, tracker):
    monkeypatch.setitem(sys.modules, tracker, None)
    with pytest.raises(MissingDependencyError, match=rf"trackers: {tracker} needs .*pip install {tracker}"):
        run("run", trackers=(tracker,))


def test_tensorboard_gets_the_lines_of_the_metrics_file(run, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run("run", trackers=("tensorboard",), validation_scenes=1)
    found = EventAccumulator(str(tmp_path / "run" / "eschernet_ros"))
    found.Reload()
    written = losses(tmp_path / "run")
    assert {event.step: event.value for event in found.Scalars("loss")} == pytest.approx(written)
    assert [event.step for event in found.Scalars("validation/psnr")] == [4]


def test_weights_and_biases_offline(run, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run("run", trackers=("wandb",), wandb_offline=True)
    (log,) = (tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb")
    deadline = time.monotonic() + 60
    while b"learning_rate" not in log.read_bytes():  # a process of wandb's own writes it
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_weights_and_biases_without_an_account_is_a_sentence(run, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")

    def refuse(**options):
        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(EscherNetError, match=r"wandb could not be started: No API key .* set wandb_offline"):
        run("run", trackers=("wandb",))


class FakeHub:
    """Stands in for ``huggingface_hub.HfApi``: no hub can be reached from the tests."""

    def __init__(self):
        """Nothing was uploaded."""
        self.calls = []

    def create_repo(self, hub_id, exist_ok):
        """Remember."""
        self.calls.append(("create", hub_id, exist_ok))

    def upload_folder(self, repo_id, folder_path, ignore_patterns):
        """Remember what would be uploaded."""
        from huggingface_hub.utils import filter_repo_objects

        names = [path.relative_to(folder_path).as_posix() for path in folder_path.rglob("*") if path.is_file()]
        self.calls.append(("upload", repo_id, sorted(filter_repo_objects(names, ignore_patterns=ignore_patterns))))


def test_the_last_checkpoint_goes_to_the_hub_without_its_training_state(run, tmp_path, monkeypatch):
    fake = FakeHub()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: fake)
    run("stopped", push_to_hub="someone/mugs", maximum_hours=1e-9)
    assert fake.calls == []
    run("run", push_to_hub="someone/mugs")
    create, (_, repo_id, names) = fake.calls
    assert create == ("create", "someone/mugs", True)
    assert repo_id == "someone/mugs"
    assert "unet/diffusion_pytorch_model.safetensors" in names and "model_index.json" in names
    assert not any("training_state" in name for name in names)


def test_a_hub_that_cannot_be_reached_is_a_sentence_and_the_checkpoint_stays(run, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EscherNetError, match=r"checkpoint-00000004 could not be uploaded to 'a/b': .*hf auth login"):
        run("run", push_to_hub="a/b")
    assert steps_kept(tmp_path / "run") == [4]
    fake = FakeHub()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: fake)
    assert run("run", push_to_hub="a/b", resume="latest").finished
    assert [call[0] for call in fake.calls] == ["create", "upload"]
    hub.push_to_hub(last(tmp_path / "run"), "a/b")
    assert len(fake.calls) == 4
