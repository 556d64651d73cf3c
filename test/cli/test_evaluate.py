# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros evaluate``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ball_pictures import ball_image
from PIL import Image

from eschernet_ros.cli.main import main
from eschernet_ros.evaluation import lpips_weights
from eschernet_ros.evaluation.results_file import read_results
from eschernet_ros.geometry import look_at_origin

ONE_STEP = (
    *("--checkpoint", "bundled-4dof", "--device", "cpu", "--steps", "1", "--guidance-scale", "1", "--no-lpips"),
)
QUICK = (*ONE_STEP, "--methods", "nearest-reference", "model")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def balls(tmp_path_factory):
    """A GSO30 collection of two balls with 8 views each."""
    folder = tmp_path_factory.mktemp("balls")
    for name, start in (("mug", 0.0), ("cup", 0.4)):
        model = folder / name / "render_mvs_25" / "model"
        model.mkdir(parents=True)
        for view in range(8):
            pose = look_at_origin(start + 0.8 * view, 1.1, 1.8).matrix
            Image.fromarray(ball_image(pose)).save(model / f"{view:03d}.png")
            np.save(model / f"{view:03d}.npy", pose[:3])
    return folder


def evaluate(*arguments) -> int:
    return main(["evaluate", *map(str, arguments)])


def test_held_out_views_in_one_command(balls, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate(balls, *QUICK, "--references", 3, 1, "--seeds", 7, "--wrong-poses", "roll 20", "--output", out) == 0
    found = read_results(out)
    assert found.configuration.protocol == "held-out"
    assert found.configuration.counts == (1, 3)
    assert found.configuration.seeds == (7,)
    assert found.configuration.methods == ("model", "nearest reference")
    assert [each.name for each in found.objects] == ["cup", "mug"]
    for _, case in found.cases():
        assert case.seed == 7
        assert [(each.kind, each.amount) for each in case.poses] == [("roll", 20.0)] * (case.references == 3)
        assert all(view.view_id not in case.reference_ids for view in case.views)
    assert (out / "report.html").is_file()
    printed = capsys.readouterr().out
    assert "2 objects of" in printed
    assert "Notice: This is the tiny bundled checkpoint with random" in printed
    assert "PSNR, object only, dB (higher is better; 95 % intervals over objects)" in printed
    assert evaluate("--compare", out, out) == 0
    assert (out / "comparison.html").is_file()


def test_shards_and_their_merging(balls, tmp_path, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    options = (*QUICK, "--protocol", "gso30", "--references", 2, "--no-report")
    assert evaluate(balls, *options, "--shard", "1/2", "--output", one) == 0
    assert evaluate(balls, *options, "--shard", "2/2", "--output", two) == 0
    assert evaluate("--merge", one, two, "--no-report", "--output", tmp_path / "both") == 0
    assert [each.name for each in read_results(tmp_path / "both").objects] == ["cup", "mug"]
    printed = capsys.readouterr().out
    assert "Merged from 2 parts." in printed
    assert "Published: EscherNet 4DoF" in printed
    assert "No difference is shown. This checkpoint's weights are random." in printed
    assert "the checkpoint makes no others" in printed


def test_without_cuda_the_scene_fit_is_the_only_fit_and_that_is_said(balls, tmp_path, capsys):
    options = ("--protocol", "gso30", "--objects", "mug", "--references", 1, "--fit-steps", 2, "--fit-grid", 8)
    assert evaluate(balls, *ONE_STEP, *options, "--no-report", "--output", tmp_path) == 0
    configuration = read_results(tmp_path).configuration
    assert configuration.methods == ("model", "nearest reference", "two-view warp", "scene fit")
    words = "The per-scene fit is the scene fit alone. The Gaussian fit needs a CUDA device, and the evaluation runs on"
    assert any(each.startswith(words) for each in configuration.skipped)
    assert f"Note: {words} 'cpu'." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name the folder of a data set"),
        (("FOLDER", "--objects", "jug"), "holds no object 'jug'; it holds cup, mug"),
        (("FOLDER", "--methods", "guess"), "'guess' is no method; the methods are model, nearest-reference"),
        (("FOLDER", "--methods", "gaussian-fit", "--device", "cpu"), "The Gaussian fit needs a CUDA device"),
        (("FOLDER", "--protocol", "rtmv"), "is not of the layout 'rtmv'"),
        (("FOLDER", "--shard", "2"), "give I/N"),
        (("FOLDER", "--shard", "3/2"), "must lie in 1..2"),
        (("FOLDER", "--workers", "0"), "--workers is 0; it must be at least 1"),
        (("FOLDER", "--device", ","), "--device is empty"),
        (("FOLDER", "--wrong-poses", "up 3"), "no wrong pose 'up'"),
        (("FOLDER", "--fit-grid", "2"), "grid is 2; it must be at least 8"),
        (("--merge", "FOLDER", "FOLDER"), "name a folder that 'eschernet-ros evaluate' has finished"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(balls, capsys, arguments, words):
    assert evaluate(*(balls if word == "FOLDER" else word for word in arguments)) == 2
    assert words in capsys.readouterr().err


def test_weights_of_lpips_are_fetched_alone(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(lpips_weights, "fetch", lambda: tmp_path / "weights")
    assert evaluate("--fetch-lpips") == 0
    assert f"The weights of LPIPS are in {tmp_path / 'weights'}." in capsys.readouterr().out
    assert evaluate("--lpips-archive", tmp_path / "absent.tar.gz") == 2
    assert "absent.tar.gz cannot be read" in capsys.readouterr().err
