# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros synthesize`` with the bundled checkpoints."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.cli.main import COMMANDS, main
from eschernet_ros.cli.synthesize import add_arguments, plan_views
from eschernet_ros.datasets import FrameRecord, Franka16Writer, random_ids, spread_ids
from eschernet_ros.datasets import open_dataset as open_folder
from eschernet_ros.geometry import SE3, ObjectFrame, look_at_origin, model_camera, spiral_100, stack_matrices

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

ELEPHANT = Path(__file__).parents[2].parent / "shared" / "data" / "gso_elephant"
VIEWS = 7


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """A recorded object of a few views."""
    folder = tmp_path_factory.mktemp("recordings") / "mug"
    frame = ObjectFrame(SE3.identity(), (0.1, 0.1, 0.1))
    rng = np.random.default_rng(0)
    mask = np.zeros((32, 32), dtype=bool)
    mask[8:24, 8:24] = True
    with Franka16Writer(folder) as writer:
        for number in range(VIEWS):
            base = frame.denormalise(look_at_origin(0.8 * number, 1.1, 1.8))
            record = FrameRecord(frame.normalise(base), base, frame, model_camera(32), None, number, number)
            image = np.where(mask[..., None], rng.integers(0, 256, (32, 32, 3)), 255).astype(np.uint8)
            writer.add(image, record, mask)
    return folder


@pytest.fixture
def synthesize(tmp_path):
    """Function: (arguments) -> runs the command with one denoising step; returns its output folder's result."""

    def run(*arguments) -> dict:
        output = tmp_path / "out"
        options = ["--steps", "1", "--device", "cpu", "--output", str(output)]
        assert main(["synthesize", *map(str, arguments), *options]) == 0
        return json.loads((output / "result.json").read_text())

    return run


def test_held_out_views_of_a_recording(recording, synthesize, tmp_path, capsys):
    result = synthesize(recording, "--references", 3, "--targets", "held-out", "--seed", 5)
    out = tmp_path / "out"
    views = open_folder(recording).read(image_size=result["checkpoint"]["image_size"])
    references = random_ids(views, 3, 5)
    held_out = [view_id for view_id in range(VIEWS) if view_id not in references]
    assert result["reference_ids"] == list(references)
    assert [target["label"] for target in result["targets"]] == [str(view_id) for view_id in held_out]
    np.testing.assert_array_equal(np.load(out / "poses.npy"), views.camera_gl_from_world[held_out])
    assert result["options"]["seed"] == 5
    assert result["data_set"]["layout"] == "franka16"
    assert result["data_set"]["scale"] == pytest.approx(10.0)
    assert result["timings_s"]["synthesis: first step"]["count"] == 1
    for target, view_id in zip(result["targets"], held_out, strict=True):
        image = np.asarray(Image.open(out / target["file"]))
        error = (image.astype(float) - views.images[view_id]) ** 2
        assert target["psnr"] == pytest.approx(10 * np.log10(255**2 / error.mean()))
        inside = error[views.masks[view_id]]
        assert target["foreground_psnr"] == pytest.approx(10 * np.log10(255**2 / inside.mean()))
        assert target["scored"]
        assert target["radius"] == pytest.approx(1.8)
    assert result["means_of_scored"]["psnr"] == pytest.approx(np.mean([target["psnr"] for target in result["targets"]]))
    with Image.open(out / "contact_sheet.png") as sheet:
        assert sheet.format == "PNG"
        sheet.verify()
    assert result["checkpoint"]["trained"] is True
    printed = capsys.readouterr().out
    assert "Notice" not in printed
    assert "mean PSNR" in printed


def test_recording_defaults_to_the_spiral_without_truth(recording):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    dataset = open_folder(recording)
    views = dataset.read(image_size=8)
    plan = plan_views(dataset, views, parser.parse_args([str(recording)]))
    assert plan.reference_ids == random_ids(views, 5, 0)
    assert plan.target_ids is None
    assert plan.scored_ids == ()
    np.testing.assert_array_equal(plan.target_poses, stack_matrices(spiral_100()))
    assert plan.rule.startswith("Published Franka16 rule")


def test_targets_without_truth(recording, synthesize, tmp_path, monkeypatch):
    monkeypatch.setattr("eschernet_ros.cli.synthesize.spiral_100", lambda: spiral_100()[::25])
    result = synthesize(recording, "--references", 2, "--targets", "spiral")
    assert [target["file"] for target in result["targets"]] == [f"view_{i:03d}.png" for i in range(4)]
    assert {target["psnr"] for target in result["targets"]} == {None}
    assert result["means_of_scored"] == {}
    assert np.load(tmp_path / "out" / "poses.npy").shape == (4, 4, 4)


def test_views_by_number_with_the_4dof_checkpoint(recording, synthesize, capsys):
    result = synthesize(recording, "--reference-ids", "0,2-3", "--targets", "3,1", "--checkpoint", "bundled-4dof")
    assert result["checkpoint"]["cape"] == "4dof"
    assert result["checkpoint"]["trained"] is False
    assert f"Notice: {result['checkpoint']['notice']}" in capsys.readouterr().out
    assert result["reference_ids"] == [0, 2, 3]
    assert [target["label"] for target in result["targets"]] == ["3", "1"]
    assert [target["is_reference"] for target in result["targets"]] == [True, False]
    assert [target["scored"] for target in result["targets"]] == [False, True]
    assert result["rule"] == "References 0, 2..3, targets 1, 3, scored 1."


def test_spread_references(recording, synthesize):
    result = synthesize(recording, "--references", 3, "--spread", "--targets", "1", "--published-poses")
    views = open_folder(recording).read(published_poses=True)
    assert result["reference_ids"] == list(spread_ids(views, 3))
    assert "Published rule" in result["data_set"]["pose_source"]


def test_same_command_gives_the_same_images(recording, synthesize, tmp_path):
    arguments = (recording, "--references", 2, "--targets", "5,6")
    synthesize(*arguments)
    first = [(tmp_path / "out" / f"view_{number:03d}.png").read_bytes() for number in (5, 6)]
    (tmp_path / "out" / "view_003.png").write_bytes(b"stale")
    synthesize(*arguments, "--overwrite")
    again = [(tmp_path / "out" / f"view_{number:03d}.png").read_bytes() for number in (5, 6)]
    assert first == again
    assert not (tmp_path / "out" / "view_003.png").exists()


@pytest.mark.skipif(not ELEPHANT.is_dir(), reason="the shared elephant is not here")
def test_published_rule_on_the_elephant(synthesize):
    result = synthesize(ELEPHANT)
    assert result["reference_ids"] == [0, 1, 2, 3, 4]
    assert len(result["targets"]) == 25
    assert [target["label"] for target in result["targets"] if target["scored"]] == [
        str(number) for number in range(10, 25)
    ]
    assert result["means_of_scored"]["count"] == 15
    assert all(target["psnr"] > 0 for target in result["targets"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/nowhere"], "nowhere does not exist"),
        (["{tmp}"], "not a known data set"),
        (["{recording}", "--layout", "gso30"], "is not of the layout 'gso30'"),
        (["{recording}", "--object", "cup"], "no object 'cup'; its objects are mug"),
        (["{recording}", "--references", "8"], "has 7 views; 8 references"),
        (["{recording}", "--reference-ids", "1,99"], r"no view 99; its views are 0\.\.6"),
        (["{recording}", "--targets", "99"], "no view 99"),
        (["{recording}", "--references", "7", "--targets", "held-out"], "none is held out"),
        (["{recording}", "--reference-ids", "1", "--spread"], "leave out --reference-ids"),
        (["{recording}", "--checkpoint", "{tmp}/weights"], "weights does not exist"),
        (["{recording}", "--device", "warp"], "device 'warp'"),
        (["{recording}", "--steps", "0"], "steps is 0"),
        (["{recording}", "--output", "{recording}/angles.npy"], "is a file; give a folder with --output"),
    ],
)
def test_mistakes_become_one_sentence(recording, tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    filled = [word.format(tmp=tmp_path, recording=recording) for word in arguments]
    if "--output" not in filled:
        filled += ["--output", str(tmp_path / "out")]
    assert main(["synthesize", *filled]) == 2
    error = capsys.readouterr().err
    assert error.startswith("eschernet-ros synthesize: ")
    assert len(error.splitlines()) == 1
    assert re.search(words, error), error


def test_earlier_result_is_not_overwritten_by_accident(recording, tmp_path, capsys):
    (tmp_path / "result.json").write_text("precious")
    assert main(["synthesize", str(recording), "--output", str(tmp_path)]) == 2
    assert "holds a result already (result.json)" in capsys.readouterr().err
    assert (tmp_path / "result.json").read_text() == "precious"


def test_collection_needs_the_object_named(recording, tmp_path, capsys):
    for name in ("bear", "cup"):
        (tmp_path / name).mkdir()
        for part in recording.iterdir():
            if not part.name.startswith("."):
                (tmp_path / name / part.name).symlink_to(part)
    assert main(["synthesize", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "name one with --object: bear, cup" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--targets", "a,b"], ["--reference-ids", "3-1"], ["--targets", "1,1"], ["--layout", "x"]]
)
def test_options_that_do_not_parse_show_the_usage(recording, options, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["synthesize", str(recording), *options])
    assert ended.value.code == 2
    assert "usage: eschernet-ros synthesize" in capsys.readouterr().err


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)
