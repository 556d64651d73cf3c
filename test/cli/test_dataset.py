# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset``: every subcommand from the command line, its exit codes and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import blob_object
import pytest
from PIL import Image

from eschernet_ros.cli.dataset import SUBCOMMANDS
from eschernet_ros.cli.main import main
from eschernet_ros.datasets.pose_forms import POSE_FORMS


@pytest.fixture(scope="module")
def blob(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight small renders."""
    return blob_object.write_renders(tmp_path_factory.mktemp("renders") / "blob", blob_object.poses(8))


def test_every_subcommand_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` works for each, so each module loads and adds its arguments."""
    for name in SUBCOMMANDS:
        with pytest.raises(SystemExit) as ended:
            main(["dataset", name, "--help"])
        assert ended.value.code == 0
        assert f"dataset {name} " in capsys.readouterr().out


def test_info(blob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In words and as JSON; an unknown object is an error that names the known ones."""
    assert main(["dataset", "info", str(blob)]) == 0
    said = capsys.readouterr().out
    assert "layout objaverse, 1 object)" in said
    assert "blob: 8 views (0..7)" in said
    assert main(["dataset", "info", str(blob), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["objects"][0]["views"] == 8
    assert main(["dataset", "info", str(blob), "--detailed", "0"]) == 0
    assert "blob: views 0..7" in capsys.readouterr().out
    assert main(["dataset", "info", str(blob), "--object", "duck"]) == 2
    assert "holds no object 'duck'; its objects are blob" in capsys.readouterr().err


def test_validate_tells_by_its_exit_code(blob: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 valid, 1 wrong, 1 for what is suspicious only when asked for, 2 for what is no data set."""
    outcome = tmp_path / "outcome.json"
    assert main(["dataset", "validate", str(blob), "--json", str(outcome)]) == 0
    assert "blob: VALID" in capsys.readouterr().out
    assert json.loads(outcome.read_text())["verdict"] == "valid"
    gap = blob_object.write_renders(tmp_path / "gap", blob_object.poses(8))
    for name in ("003.png", "003.npy"):
        (gap / name).unlink()
    assert main(["dataset", "validate", str(gap)]) == 0
    assert "suspicious [missing number]" in capsys.readouterr().out
    assert main(["dataset", "validate", str(gap), "--strict"]) == 1
    (gap / "004.png").write_bytes(b"")
    capsys.readouterr()
    assert main(["dataset", "validate", str(gap), "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "bad"
    assert main(["dataset", "validate", str(tmp_path / "nowhere")]) == 2


def test_what_validate_names_convert_puts_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Camera-to-world matrices with OpenCV axes in a layout of world-to-camera ones with OpenGL's."""
    stored = POSE_FORMS["c2w-opencv"].stored
    wrong = blob_object.write_renders(tmp_path / "wrong", blob_object.poses(8), lambda pose: stored(pose).matrix)
    assert main(["dataset", "validate", str(wrong)]) == 1
    assert "--poses-are c2w-opencv` does that" in capsys.readouterr().out
    right = tmp_path / "right"
    assert main(["dataset", "convert", str(wrong), str(right), "--to", "franka16", "--poses-are", "c2w-opencv"]) == 0
    assert main(["dataset", "validate", str(right)]) == 0


def test_split_writes_a_file_and_replaces_none(blob: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By default into the folder, here elsewhere."""
    output = tmp_path / "new" / "split.json"
    command = ["dataset", "split", str(blob), "--references", "3", "--output", str(output)]
    assert main(command) == 0
    assert len(json.loads(output.read_text())["objects"]["blob"]["targets"]) == 5
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
    assert main([*command, "--replace", "--by", "random", "--seed", "4"]) == 0
    assert "random views (seed 4)" in output.read_text()


def test_merge_judges_the_views_of_one_object(blob: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Views of two frames do not fit each other, and that is said; objects are put side by side unjudged."""
    more = blob_object.write_renders(tmp_path / "more", blob_object.poses(5, radius=2.0))
    assert main(["dataset", "merge", str(blob), str(more), str(tmp_path / "both"), "--one-object"]) == 0
    assert "13 views; merge.json says" in capsys.readouterr().out
    turned = blob_object.write_renders(
        tmp_path / "turned", blob_object.poses(8), lambda pose: pose.matrix[:, [1, 0, 2, 3]] * (1, -1, 1, 1)
    )
    assert main(["dataset", "merge", str(blob), str(turned), str(tmp_path / "mixed"), "--one-object"]) == 1
    assert "do not fit each other" in capsys.readouterr().out
    assert main(["dataset", "merge", str(blob), str(more), str(tmp_path / "all")]) == 0
    assert "2 objects; merge.json says" in capsys.readouterr().out


def test_preview_writes_three_pictures(blob: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sheet, the sphere and a turntable."""
    assert main(["dataset", "preview", str(blob), "--output", str(tmp_path), "--size", "32"]) == 0
    assert "(8 frames)" in capsys.readouterr().out
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"blob_views.png", "blob_sphere.png", "blob_turntable.gif"}
    with Image.open(tmp_path / "blob_turntable.gif") as opened:
        assert opened.size == (32, 32)
