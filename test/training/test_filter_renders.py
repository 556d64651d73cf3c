# SPDX-License-Identifier: Apache-2.0
"""Finding renders that nothing can be learned from."""

from __future__ import annotations

import json

import numpy as np
import pytest
from render_files import picture, pose_at, write_object, write_png

from eschernet_ros.cli.main import main
from eschernet_ros.datasets import DatasetError
from eschernet_ros.errors import EscherNetError
from eschernet_ros.training.filter_renders import FilterLimits, filter_renders
from eschernet_ros.training.scenes import find_scenes


def spoil(folder, change, views):
    for number in views:
        write_png(folder / f"{number:03d}.png", change(picture(number)))


def transparent(rgba):
    return np.concatenate([rgba[..., :3], np.zeros_like(rgba[..., :1])], axis=-1)


def speck(rgba):
    small = transparent(rgba)
    small[3, 4, 3] = 255
    return small


def full(rgba):
    return np.concatenate([np.clip(rgba[..., :3], 40, 200), np.full_like(rgba[..., :1], 255)], axis=-1)


def white(rgba):
    return np.concatenate([np.full_like(rgba[..., :3], 255), rgba[..., 3:]], axis=-1)


def black(rgba):
    return np.concatenate([np.zeros_like(rgba[..., :3]), rgba[..., 3:]], axis=-1)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (transparent, "transparent"),
        (speck, "nearly empty"),
        (full, "fills the picture"),
        (white, "white"),
        (black, "black"),
    ],
)
def test_bad_pictures_are_tolerated_up_to_the_limit(tmp_path, change, kind):
    write_object(tmp_path / "mug", 8)
    write_object(tmp_path / "ant", 8)
    spoil(tmp_path / "mug", change, (5, 2))
    assert filter_renders(tmp_path).kept == ("ant", "mug")
    spoil(tmp_path / "mug", change, (6,))
    result = filter_renders(tmp_path)
    assert result.kept == ("ant",)
    assert result.rejected["mug"].kind == kind
    assert f"3 of 8 views are bad (3 {kind}; the first is 002)" in str(result.rejected["mug"])
    assert filter_renders(tmp_path, FilterLimits(tolerated_views=0.4)).kept == ("ant", "mug")


def test_different_faults_add_up(tmp_path):
    write_object(tmp_path / "mug", 4)
    spoil(tmp_path / "mug", white, (1,))
    spoil(tmp_path / "mug", speck, (3,))
    assert "2 of 4 views are bad (1 white, 1 nearly empty" in str(filter_renders(tmp_path).rejected["mug"])


def test_coverage_limits_are_obeyed(tmp_path):
    write_object(tmp_path / "mug")  # covers a quarter
    assert filter_renders(tmp_path, FilterLimits(0.24, 0.26)).kept == ("mug",)
    assert filter_renders(tmp_path, FilterLimits(0.26, 0.5)).rejected["mug"].kind == "nearly empty"
    assert filter_renders(tmp_path, FilterLimits(0.1, 0.24)).rejected["mug"].kind == "fills the picture"


def cut(path):
    path.write_bytes(path.read_bytes()[:60])


def look_away(path):
    pose = np.load(path)
    angle = np.deg2rad(60.0)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    np.save(path, turn @ pose)


@pytest.mark.parametrize(
    ("name", "change", "kind", "words"),
    [
        ("001.png", cut, "unreadable image", "001.png"),
        ("001.npy", cut, "unreadable pose", "001.npy cannot be read"),
        ("001.npy", lambda path: np.save(path, 2 * pose_at(0.1)), "unreadable pose", "no rigid transform"),
        ("001.npy", look_away, "looks past the object", "001.npy looks 60 deg away"),
        ("001.npy", lambda path: np.save(path, np.eye(4)[:3]), "looks past the object", "180 deg"),
    ],
)
def test_one_file_is_enough(tmp_path, name, change, kind, words):
    write_object(tmp_path / "mug", 8)
    write_object(tmp_path / "ant")
    change(tmp_path / "mug" / name)
    why = filter_renders(tmp_path).rejected["mug"]
    assert why.kind == kind
    assert words in why.detail


def test_opencv_axes_are_noticed(tmp_path):
    write_object(tmp_path / "mug")
    for number in range(4):
        np.save(tmp_path / "mug" / f"{number:03d}.npy", np.diag([1.0, -1.0, -1.0]) @ pose_at(0.7 * number))
    assert "looks 180 deg away" in str(filter_renders(tmp_path).rejected["mug"])


def test_incomplete_folders_are_rejected_and_others_passed_over(tmp_path):
    write_object(tmp_path / "shard" / "mug")
    write_object(tmp_path / "shard" / "poseless", 2)
    for path in (tmp_path / "shard" / "poseless").glob("*.npy"):
        path.unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.me").touch()
    result = filter_renders(tmp_path)
    assert result.kept == ("shard/mug",)
    assert {name: str(why) for name, why in result.rejected.items()} == {
        "empty": "incomplete: empty",
        "shard/poseless": "incomplete: 2 .png but no .npy",
    }


def test_workers_find_the_same(tmp_path):
    for number in range(20):
        write_object(tmp_path / f"{number:02d}", 2)
    spoil(tmp_path / "13", transparent, (0, 1))
    calls = []
    alone = filter_renders(tmp_path)
    together = filter_renders(tmp_path, workers=2, progress=lambda done, total: calls.append((done, total)))
    assert together == alone
    assert set(alone.rejected) == {"13"}
    assert calls == [(done, 20) for done in range(1, 21)]


@pytest.mark.parametrize("limits", [{"minimum_coverage": -0.1}, {"maximum_coverage": 0.0}, {"tolerated_views": 1.0}])
def test_limits_out_of_range(limits):
    with pytest.raises(EscherNetError, match=r"coverage limits|tolerated_views"):
        FilterLimits(**limits)


def test_folder_without_renders(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no renders"):
        filter_renders(tmp_path)
    with pytest.raises(DatasetError, match="does not exist"):
        filter_renders(tmp_path / "nowhere")
    with pytest.raises(EscherNetError, match="0 workers"):
        filter_renders(tmp_path, workers=0)


@pytest.fixture
def collection(tmp_path):
    for name in ("ant", "mug", "shard/bee"):
        write_object(tmp_path / "set" / name)
    spoil(tmp_path / "set" / "mug", transparent, range(4))
    spoil(tmp_path / "set" / "shard" / "bee", white, range(4))
    return tmp_path / "set"


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_command_writes_the_list_that_training_obeys(collection, capsys):
    before = files(collection)
    assert main(["filter-renders", str(collection), "--workers", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["kept", "1", "ant"],
        ["transparent", "1", "mug"],
        ["white", "1", "shard/bee"],
    ]
    content = json.loads((collection / "filter.json").read_text())
    assert content["kept"] == ["ant"]
    assert set(content["rejected"]) == {"mug", "shard/bee"}
    assert content["limits"]["minimum_coverage"] == 0.01
    after = files(collection)
    assert {path: after[path] for path in before} == before
    assert {path.name for path in set(after) - set(before)} == {"filter.json"}
    found = find_scenes(collection, 4)
    assert [scene.name for scene in found.scenes] == ["ant"]
    assert found.skipped["mug"].startswith("filter.json: transparent: 4 of 4 views are bad")


def test_command_writes_elsewhere(collection, tmp_path):
    arguments = ["filter-renders", str(collection), "--workers", "1", "--minimum-coverage", "0.3"]
    assert main([*arguments, "--write", str(tmp_path / "list.json")]) == 0
    assert set(json.loads((tmp_path / "list.json").read_text())["rejected"]) == {"ant", "mug", "shard/bee"}
    assert not (collection / "filter.json").exists()


def test_command_moves_the_rejected(collection, tmp_path, capsys):
    before = files(collection)
    aside = tmp_path / "aside"
    assert main(["filter-renders", str(collection), "--workers", "1", "--move-to", str(aside)]) == 0
    listed = json.loads((aside / "filter.json").read_text())["rejected"]
    assert set(listed) == {"mug", "shard/bee"}
    moved = files(aside)
    del moved[(aside / "filter.json").relative_to(aside)]
    assert {**files(collection), **moved} == before
    assert [scene.name for scene in find_scenes(collection, 4).scenes] == ["ant"]
    # a second run adds to the list, and replaces nothing
    spoil(collection / "ant", black, range(4))
    write_object(collection / "good")
    assert main(["filter-renders", str(collection), "--workers", "1", "--move-to", str(aside)]) == 0
    assert (collection / "shard").is_dir()  # empty now, and left where it is
    assert set(json.loads((aside / "filter.json").read_text())["rejected"]) == {"ant", "mug", "shard/bee"}
    write_object(collection / "mug")
    spoil(collection / "mug", black, range(4))
    assert main(["filter-renders", str(collection), "--workers", "1", "--move-to", str(aside)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (collection / "mug" / "000.png").exists()


def test_command_refuses_to_move_an_object_into_itself(collection, capsys):
    inside = collection / "mug" / "aside"
    assert main(["filter-renders", str(collection), "--workers", "1", "--move-to", str(inside)]) == 2
    assert "lies inside the rejected" in capsys.readouterr().err
    assert (collection / "mug" / "000.png").exists()
