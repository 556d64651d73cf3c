# SPDX-License-Identifier: Apache-2.0
"""Runs of an evaluation: what is computed, kept, shared out and merged."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import torch
from PIL import Image

from eschernet_ros.datasets import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import lpips_weights
from eschernet_ros.evaluation.engine import run_job
from eschernet_ros.evaluation.evaluate import evaluate, merge, shard_of
from eschernet_ros.evaluation.metrics import psnr
from eschernet_ros.evaluation.results_file import read_results, write_results
from eschernet_ros.evaluation.text_tables import text_report
from eschernet_ros.evaluation.wrong_poses import WrongPose


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def balls(tmp_path_factory, write_balls):
    return write_balls(tmp_path_factory.mktemp("balls"), ("a ball", "ball2", "cup"))


def silent(words, finished):
    """Progress that nobody watches."""


def picture(folder, path):
    return np.asarray(Image.open(folder / path))


def test_everything_of_one_object(balls, job_of):
    job = job_of(balls)
    protocol = dataclasses.replace(job.protocol, wrong_poses=(WrongPose("azimuth", 30.0),), wrong_pose_counts=(2,))
    job = dataclasses.replace(job, protocol=protocol, methods=("model", "nearest reference", "scene fit"))
    told = []
    evaluation = evaluate(job, ["a ball"], 1, lambda words, finished: told.append((words, finished)))
    assert told[-1] == ("a ball", True)
    assert ("a ball: 2 references, seed 0, azimuth 30", False) in told
    (ball,) = evaluation.objects
    assert [view.view_id for view in ball.references] == [0, 1]
    assert [view.view_id for view in ball.targets] == [0, 1, 2, 3, 4, 5]
    one, two = ball.cases
    assert (one.references, two.references, two.reference_ids) == (1, 2, (0, 1))
    assert set(two.seconds) == {"model", "nearest reference", "scene fit"}
    truth = {view.view_id: picture(job.output, view.image) for view in ball.targets}
    masks = {view.view_id: picture(job.output, view.mask) > 0 for view in ball.targets}
    for view in two.views:
        shown = picture(job.output, view.image)
        assert shown.shape == (64, 64, 3)
        assert view.scored == (view.view_id >= 2)
        assert view.metrics["psnr"] == min(psnr(shown, truth[view.view_id]), 60.0)
        assert view.metrics["psnr_foreground"] == min(psnr(shown, truth[view.view_id], masks[view.view_id]), 60.0)
    nearest = {view.view_id: view for view in two.views if view.method == "nearest reference"}
    assert nearest[1].image == ball.references[1].image
    assert nearest[1].metrics["psnr"] == 60.0
    assert nearest[1].angle_deg == pytest.approx(0.0, abs=1e-5)
    assert nearest[2].angle_deg > 20.0
    assert one.poses == ()
    (wrong,) = two.poses
    assert (wrong.kind, wrong.amount) == ("azimuth", 30.0)
    assert set(wrong.metrics) == {"psnr", "ssim", "psnr_foreground", "ssim_foreground"}
    assert [each.method for each in two.consistency] == ["truth", "model", "nearest reference", "scene fit"]
    assert evaluation.configuration.counts == (1, 2)
    assert evaluation.configuration.metrics == ("psnr", "ssim", "psnr_foreground", "ssim_foreground")
    assert evaluation.summary("model", 2, "psnr").views == 4
    assert {"read", "model", "metrics", "scene fit"} <= set(evaluation.timings)
    assert evaluation.versions["torch"] == torch.__version__ or torch.__version__.startswith(
        evaluation.versions["torch"]
    )
    write_results(job.output, evaluation)
    assert read_results(job.output) == evaluation
    text = text_report(evaluation)
    assert "PSNR, object only, dB" in text
    assert "azimuth +30" in text
    assert "epipolar lines" in text


def test_done_objects_are_kept_until_something_changes(balls, job_of, caplog):
    job = job_of(balls)
    names = ["a ball", "cup"]
    first = run_job(job, names, 1, silent)
    assert first.kept == 0
    again = run_job(job, names, 1, silent)
    assert again.kept == 2
    assert again.objects == first.objects
    assert again.timings == first.timings
    assert run_job(dataclasses.replace(job, steps=2), names[:1], 1, silent).kept == 0
    seeds = dataclasses.replace(job.protocol, seeds=(1,))
    assert run_job(dataclasses.replace(job, protocol=seeds), names[:1], 1, silent).kept == 0
    file = job.output / "objects" / "cup.json"
    content = file.read_text()
    file.write_text(content[:100])
    with caplog.at_level(logging.WARNING):
        assert run_job(job, names[1:], 1, silent).kept == 0
    assert "is not taken over" in caplog.text
    assert run_job(job, names[1:], 1, silent).kept == 1
    (job.output / first.objects[1].targets[3].image).unlink()
    assert run_job(job, names[1:], 1, silent).kept == 0


def test_processes_give_the_same_as_one(balls, job_of, tmp_path):
    job = job_of(balls)
    names = ["a ball", "ball2", "cup"]
    alone = evaluate(job, names, 1, silent)
    shared = evaluate(dataclasses.replace(job, output=tmp_path / "shared"), names, 2, silent)
    assert [each.name for each in shared.objects] == sorted(names)
    for one, other in zip(alone.objects, shared.objects, strict=True):
        assert one.content == other.content
        for a, b in zip(one.cases, other.cases, strict=True):
            assert a.views == b.views
            assert a.consistency == b.consistency


def test_shards_merge_into_the_whole(balls, job_of, tmp_path):
    names = ["a ball", "ball2", "cup"]
    assert shard_of(["cup", "a ball", "ball2"], (1, 2)) == ("a ball", "cup")
    assert shard_of(names, (2, 2)) == ("ball2",)
    whole = evaluate(job_of(balls), names, 1, silent)
    folders = []
    for number in (1, 2):
        folder = tmp_path / f"part{number}"
        part = evaluate(dataclasses.replace(job_of(balls), output=folder), names, 1, silent, (number, 2))
        assert part.shard == f"{number}/2"
        write_results(folder, part)
        folders.append(folder)
    merged = merge(folders, tmp_path / "whole")
    assert [each.name for each in merged.objects] == names
    assert merged.summaries == whole.summaries
    assert merged.configuration == whole.configuration
    assert merged.shard is None
    for each in merged.objects:
        for target in each.targets:
            assert (tmp_path / "whole" / target.image).is_file()
    assert set(merged.timings) == set(whole.timings)


def test_parts_of_different_runs_do_not_merge(balls, job_of, tmp_path):
    for name, changes in (("a", {}), ("b", {"steps": 2})):
        write_results(
            tmp_path / name,
            evaluate(job_of(balls, output=tmp_path / name, **changes), ["cup"], 1, silent),
        )
    with pytest.raises(EscherNetError, match="differ in the denoising steps"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "whole")
    with pytest.raises(EscherNetError, match="at least two parts"):
        merge([tmp_path / "a"], tmp_path / "whole")
    for shard, words in (((3, 2), r"must lie in 1\.\.2"), ((2, 9), "is empty: there are 1 objects")):
        with pytest.raises(EscherNetError, match=words):
            shard_of(["cup"], shard)


def test_an_object_that_cannot_be_read_is_left_out_and_named(write_balls, job_of, tmp_path):
    folder = write_balls(tmp_path / "set", ("ball", "bad"))
    (folder / "bad" / "render_mvs_25" / "model" / "002.npy").unlink()
    job = job_of(folder)
    evaluation = evaluate(job, ["ball", "bad"], 1, silent)
    assert [each.name for each in evaluation.objects] == ["ball"]
    (words,) = evaluation.configuration.skipped
    assert words.startswith("'bad' was not evaluated: 002.png has no pose")
    with pytest.raises(EscherNetError, match=r"None of 1 objects could be evaluated\. 'bad'"):
        run_job(job, ["bad"], 1, silent)


def test_a_baseline_that_gives_up_is_left_out_and_said(write_balls, job_of, tmp_path):
    folder = write_balls(tmp_path / "set")
    model = folder / "ball" / "render_mvs_25" / "model"
    (model / "001.npy").write_bytes((model / "000.npy").read_bytes())
    for number, column in ((0, 8), (1, 20)):  # from one place, side by side
        spot = np.zeros((32, 32, 4), np.uint8)
        spot[14:18, column : column + 4, 3] = 255
        Image.fromarray(spot).save(model / f"{number:03d}.png")
    (ball,) = evaluate(job_of(folder, methods=("model", "scene fit")), ["ball"], 1, silent).objects
    assert [set(case.seconds) for case in ball.cases] == [{"model", "scene fit"}, {"model"}]
    (words,) = ball.warnings
    assert words.startswith("'ball', 2 references, seed 0: no scene fit. The masks of the references share no volume")


def test_lpips_is_left_out_where_its_weights_are_not(balls, job_of, monkeypatch):
    monkeypatch.setattr(lpips_weights, "available", lambda: False)
    evaluation = evaluate(job_of(balls, lpips=True), ["cup"], 1, silent)
    assert lpips_weights.MISSING in evaluation.configuration.skipped
    assert "lpips_alex" not in evaluation.configuration.metrics


def test_poses_without_true_pictures(balls, job_of):
    job = job_of(balls, keep_images=3)
    protocol = dataclasses.replace(job.protocol, targets="spiral", scored=None, counts=(2,), consistency=False)
    (found,) = evaluate(dataclasses.replace(job, protocol=protocol), ["cup"], 1, silent).objects
    assert len(found.targets) == 100
    assert {(view.image, view.mask) for view in found.targets} == {(None, None)}
    (case,) = found.cases
    assert not any(view.scored or view.metrics for view in case.views)
    model = [view for view in case.views if view.method == "model"]
    assert [view.image is not None for view in model] == [True] * 3 + [False] * 97


def test_a_protocol_for_another_layout(balls, job_of):
    job = job_of(balls)
    with pytest.raises(DatasetError, match=r"is for data sets of the layout rtmv or franka16; .* is gso30"):
        dataclasses.replace(job, protocol=dataclasses.replace(job.protocol, layouts=("rtmv", "franka16"))).open()
