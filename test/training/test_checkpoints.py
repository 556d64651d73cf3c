# SPDX-License-Identifier: Apache-2.0
"""The folders of a run: whole or not there, the newest kept, found by name; and its lines of figures."""

from __future__ import annotations

import json

import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.training.checkpoints import (
    existing_checkpoints,
    find_checkpoint,
    read_record,
    set_aside_later,
    write_checkpoint,
)
from eschernet_ros.training.metrics_file import MetricsFile, read_metrics


def fill(folder):
    (folder / "training_state").mkdir()
    (folder / "training_state" / "weights").write_text("w")


def write(output, step, keep=0, fill=fill):
    return write_checkpoint(output, step, fill, {"step": step}, keep)


def names(output):
    return sorted(entry.name for entry in output.iterdir())


def test_newest_are_kept(tmp_path):
    output = tmp_path / "run"
    for step in (1, 20, 3):
        assert write(output, step, keep=2).name == f"checkpoint-{step:08d}"
    assert names(output) == ["checkpoint-00000003", "checkpoint-00000020"]
    write(output, 30, keep=0)
    assert len(existing_checkpoints(output)) == 3
    assert read_record(existing_checkpoints(output)[-1]) == {"step": 30}


def test_a_write_that_breaks_off_leaves_nothing_that_counts(tmp_path):
    write(tmp_path, 1, keep=1)

    def killed(folder):
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 2, keep=1, fill=killed)
    assert names(tmp_path) == ["checkpoint-00000001", "checkpoint-00000002.partial"]
    assert find_checkpoint(tmp_path, "latest") == tmp_path / "checkpoint-00000001"
    write(tmp_path, 3, keep=1)
    assert names(tmp_path) == ["checkpoint-00000003"]


def test_writing_a_step_again_replaces_it(tmp_path):
    write(tmp_path, 1)
    (tmp_path / "checkpoint-00000001" / "old").touch()
    write(tmp_path, 1)
    assert names(tmp_path / "checkpoint-00000001") == ["training.json", "training_state"]


def test_finding(tmp_path):
    assert find_checkpoint(tmp_path / "run", "latest") is None
    for step in (1, 2):
        write(tmp_path / "run", step)
    assert find_checkpoint(tmp_path / "run", "latest").name == "checkpoint-00000002"
    assert find_checkpoint(tmp_path / "run", "1").name == "checkpoint-00000001"
    folder = tmp_path / "run" / "checkpoint-00000001"
    assert find_checkpoint(tmp_path / "other", str(folder)) == folder
    with pytest.raises(EscherNetError, match=r"checkpoint-00000007 is no checkpoint .* holds checkpoint-00000001, che"):
        find_checkpoint(tmp_path / "run", "7")
    with pytest.raises(EscherNetError, match=r"nowhere is no checkpoint with a training state; .* holds none"):
        find_checkpoint(tmp_path / "other", "nowhere")
    (tmp_path / "run" / "checkpoint-00000002" / "training_state" / "weights").unlink()
    (tmp_path / "run" / "checkpoint-00000002" / "training_state").rmdir()
    with pytest.raises(EscherNetError, match=r"checkpoint-00000002 is no checkpoint with a training state"):
        find_checkpoint(tmp_path / "run", "latest")


def test_later_checkpoints_are_set_aside(tmp_path, caplog):
    for step in (1, 2, 3):
        write(tmp_path, step)
    assert set_aside_later(tmp_path, 3) == []
    set_aside_later(tmp_path, 1)
    aside = ["checkpoint-00000002.set-aside", "checkpoint-00000003.set-aside"]
    assert names(tmp_path) == ["checkpoint-00000001", *aside]
    assert "checkpoint-00000003 is of a later step than 1" in caplog.text
    assert find_checkpoint(tmp_path, "latest").name == "checkpoint-00000001"
    write(tmp_path, 2, keep=1)
    assert names(tmp_path) == ["checkpoint-00000002", *aside]
    set_aside_later(tmp_path, 0)
    assert names(tmp_path) == aside
    assert set_aside_later(tmp_path / "absent", 0) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is missing"),
        ("{", "cannot be read"),
        ("[]", "holds a JSON list"),
        ('{"step": "three"}', "does not record a step"),
    ],
)
def test_a_damaged_record_is_named(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "training.json").write_text(content)
    with pytest.raises(EscherNetError, match=rf"training\.json {sentence}"):
        read_record(tmp_path)


def test_lines_of_figures_go_on_where_the_checkpoint_was(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == []
    metrics = MetricsFile(path, 0)
    for step in (1, 2, 3):
        metrics.write(step, {"loss": step / 2})
    with path.open("a") as file:
        file.write('{"step": 4, "lo')
    assert [line["step"] for line in read_metrics(path)] == [1, 2, 3]
    MetricsFile(path, 2).write(3, {"loss": 7.0})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 1.0}, {"step": 3, "loss": 7.0}]
    assert names(tmp_path) == ["metrics.jsonl"]
