# SPDX-License-Identifier: Apache-2.0
"""Validation: a good data set passes, and every mistake put into one is named with its fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import blob_object
import numpy as np
import pytest
from PIL import Image

from eschernet_ros.checking.findings import Level
from eschernet_ros.dataset_tools.validate import ObjectValidation, validate_object
from eschernet_ros.dataset_tools.validation_report import as_dict, as_text
from eschernet_ros.datasets import open_dataset
from eschernet_ros.datasets.pose_forms import POSE_FORMS
from eschernet_ros.geometry import SE3


def validated(folder: Path) -> ObjectValidation:
    """The outcome for the only object of a folder."""
    dataset = open_dataset(folder)
    (name,) = dataset.objects
    return validate_object(dataset, name)


def the_mistake(outcome: ObjectValidation) -> str:
    """The text of its one likely mistake."""
    assert outcome.level == Level.BAD
    (text,) = [finding.text for finding in outcome.findings if finding.topic == "likely mistake"]
    return text


def topics(outcome: ObjectValidation, least: Level = Level.SUSPICIOUS) -> set[str]:
    """What its findings of that weight are about."""
    return {finding.topic for finding in outcome.findings if finding.level >= least}


def test_a_good_data_set_is_valid(tmp_path: Path) -> None:
    """Nothing suspicious, and the masks fit their hull."""
    outcome = validated(blob_object.write_renders(tmp_path / "blob"))
    assert (outcome.level, outcome.views, outcome.files) == (Level.PASS, 12, 24)
    assert outcome.measure == "silhouettes"
    assert outcome.value > 0.97
    assert validated(blob_object.write_angles(tmp_path / "angles")).level == Level.PASS


@pytest.mark.parametrize("form", ["w2c-opencv", "c2w-opengl", "c2w-opencv"])
def test_poses_of_another_form_are_named(tmp_path: Path, form: str) -> None:
    """With the option of convert that puts them right."""
    stored = POSE_FORMS[form].stored
    text = the_mistake(validated(blob_object.write_renders(tmp_path / "blob", stored=lambda pose: stored(pose).matrix)))
    assert f"the files hold {POSE_FORMS[form].words}" in text
    assert "the layout objaverse stores world-to-camera with OpenGL axes" in text
    assert f"--poses-are {form}" in text
    assert ("invert every matrix" in text.lower()) == (form == "c2w-opengl")
    assert ("Negate the second and third columns of every matrix, then invert it" in text) == (form == "c2w-opencv")


def transposed(pose: SE3) -> np.ndarray:
    """The rotation with rows and columns exchanged."""
    matrix = pose.matrix.copy()
    matrix[:3, :3] = matrix[:3, :3].T
    return matrix


def with_centre(pose: SE3) -> np.ndarray:
    """The camera's centre as the translation of a world-to-camera matrix."""
    matrix = pose.matrix.copy()
    matrix[:3, 3] = pose.inverse().translation
    return matrix


def scaled(factor: float) -> Callable[[SE3], np.ndarray]:
    """Translations in another unit."""

    def stored(pose: SE3) -> np.ndarray:
        matrix = pose.matrix.copy()
        matrix[:3, 3] *= factor
        return matrix

    return stored


@pytest.mark.parametrize(
    ("stored", "mistake", "fix"),
    [
        (transposed, "the rotations are transposed", "Transpose the rotations"),
        (with_centre, "the translations are those of the inverse", "Store -R times the camera's centre"),
        (scaled(1000.0), "the translations are in millimetres", "Divide them by 1000"),
        (scaled(0.001), "divided by 1000 once too often", "Multiply them by 1000"),
    ],
)
def test_other_mistakes_in_matrices_are_named(
    tmp_path: Path, stored: Callable[[SE3], np.ndarray], mistake: str, fix: str
) -> None:
    """And what to do about each."""
    text = the_mistake(validated(blob_object.write_renders(tmp_path / "blob", stored=stored)))
    assert mistake in text
    assert fix in text


@pytest.mark.parametrize(
    ("stored", "mistake", "fix"),
    [
        (np.degrees, "the angles of angles.npy are in degrees", "Convert both columns to radians"),
        (lambda a: a[:, ::-1], "the columns of angles.npy are exchanged", "Store (azimuth, elevation)"),
        (np.radians, "were converted from degrees to radians twice", "Leave one conversion out"),
        (lambda a: a * (-1, 1), "the azimuths of angles.npy run clockwise", "Change the sign of the first column"),
        (lambda a: a * (1, -1), "the elevations of angles.npy are positive", "Change the sign of the second column"),
        (
            lambda a: np.column_stack([a[:, 0], np.pi / 2 - a[:, 1]]),
            "is the polar angle from the z axis",
            "Store 90 deg",
        ),
    ],
)
def test_mistakes_in_angles_are_named(
    tmp_path: Path, stored: Callable[[np.ndarray], np.ndarray], mistake: str, fix: str
) -> None:
    """Also where the published rule refuses to read them."""
    text = the_mistake(validated(blob_object.write_angles(tmp_path / "blob", stored)))
    assert mistake in text
    assert fix in text


def test_a_picture_that_was_lost_in_between_is_found(tmp_path: Path) -> None:
    """Pictures were numbered anew, poses were not: from the gap on, each picture's pose is that of the next."""
    cameras = blob_object.poses(13)
    folder = blob_object.write_renders(tmp_path / "blob", [*cameras[:5], *cameras[6:]])
    for number, pose in enumerate(cameras[:12]):
        np.save(folder / f"{number:03d}.npy", pose.matrix[:3])
    text = the_mistake(validated(folder))
    assert "from view 5 on, each picture has the pose of the view before it" in text
    assert "a picture is missing before view 5" in text


def test_a_pose_that_was_lost_in_between_is_found(tmp_path: Path) -> None:
    """The other way round."""
    cameras = blob_object.poses(13)
    folder = blob_object.write_renders(tmp_path / "blob", cameras[:12])
    for number, pose in enumerate([*cameras[:7], *cameras[8:]]):
        np.save(folder / f"{number:03d}.npy", pose.matrix[:3])
    text = the_mistake(validated(folder))
    assert "from view 7 on, each picture has the pose of the view after it" in text


def test_missing_numbers_and_partners_are_named(tmp_path: Path) -> None:
    """The first one too, where the layout begins with 0."""
    folder = blob_object.write_renders(tmp_path / "blob")
    for name in ("000.png", "000.npy", "004.png", "004.npy", "007.npy"):
        (folder / name).unlink()
    outcome = validated(folder)
    texts = " ".join(finding.text for finding in outcome.findings)
    assert "*.png: 0, 4 of 0..11 are missing" in texts
    assert "*.png: 7 has no *.npy" in texts
    assert outcome.level == Level.SUSPICIOUS


def test_damaged_files_are_all_named(tmp_path: Path) -> None:
    """Not only the first one that a reader meets."""
    folder = blob_object.write_renders(tmp_path / "blob")
    (folder / "001.png").write_bytes((folder / "001.png").read_bytes()[:90])
    (folder / "002.png").write_bytes(b"no picture at all")
    (folder / "003.npy").write_bytes(b"")
    np.save(folder / "004.npy", np.full((3, 4), 2.0))
    np.save(folder / "005.npy", np.full((3, 4), np.nan))
    (folder / "notes.json").write_text("{")
    outcome = validated(folder)
    texts = {finding.text.split(" ")[0]: finding.text for finding in outcome.findings if finding.topic == "file"}
    assert "cannot be decoded" in texts["001.png"]
    assert "is no picture" in texts["002.png"]
    assert "is empty" in texts["003.npy"]
    assert "holds no rigid transform" in texts["004.npy"]
    assert "12 numbers that are not finite" in texts["005.npy"]
    assert "line 1" in texts["notes.json"]
    assert len(texts) == 6
    assert "unreadable" in topics(outcome)
    assert outcome.views == 0


def test_masks_that_are_empty_full_or_cut_off_are_named(tmp_path: Path) -> None:
    """By the views' numbers; the others are still compared."""
    folder = blob_object.write_renders(tmp_path / "blob")
    pixels = np.array(Image.open(folder / "002.png"))
    pixels[..., 3] = 0
    Image.fromarray(pixels).save(folder / "002.png")
    pixels = np.array(Image.open(folder / "003.png"))
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(folder / "003.png")
    Image.fromarray(np.roll(np.array(Image.open(folder / "004.png")), 16, axis=1)).save(folder / "004.png")
    outcome = validated(folder)
    texts = {finding.topic: finding.text for finding in outcome.findings}
    assert texts["empty mask"].startswith("view 2 ")
    assert texts["full mask"].startswith("view 3 ")
    assert texts["cut off"].startswith("view 4 ")
    assert "hull of 9 masks" in texts["silhouettes"]


def test_a_single_wrong_pose_is_named(tmp_path: Path) -> None:
    """The others pass."""
    cameras = blob_object.poses()
    folder = blob_object.write_renders(tmp_path / "blob")
    np.save(folder / "006.npy", cameras[1].matrix[:3])
    outcome = validated(folder)
    assert [f.text for f in outcome.findings if "without view 6:" in f.text]


def test_cameras_that_look_elsewhere_are_named(tmp_path: Path) -> None:
    """Where nothing else is wrong with them."""
    away = SE3.from_rotvec([0.0, np.radians(50.0), 0.0], [0.0, 0.0, 0.0])
    folder = blob_object.write_renders(tmp_path / "blob")
    np.save(folder / "003.npy", (away @ blob_object.poses()[3]).matrix[:3])
    np.save(folder / "005.npy", np.eye(4)[:3])
    texts = " ".join(finding.text for finding in validated(folder).findings if finding.topic == "aim")
    assert "view 3 does not look at the object" in texts
    assert "view 5 has its camera at the world's origin" in texts


def test_without_masks_and_texture_nothing_is_claimed(tmp_path: Path) -> None:
    """A note says so; full masks are suspicious all the same."""
    folder = blob_object.write_renders(tmp_path / "blob")
    for path in folder.glob("*.png"):
        Image.new("RGBA", (40, 40), "white").save(path)
    outcome = validated(folder)
    assert "not compared" in {finding.topic for finding in outcome.findings}
    assert topics(outcome) == {"full mask"}
    assert (outcome.measure, outcome.level) == ("none", Level.SUSPICIOUS)


def test_the_report_is_plain_json_and_text(tmp_path: Path) -> None:
    """NaN becomes null; the text names the verdict first."""
    dataset = open_dataset(blob_object.write_renders(tmp_path / "blob"))
    outcome = validate_object(dataset, "blob")
    content = json.loads(json.dumps(as_dict(dataset, [outcome]), allow_nan=False))
    assert (content["verdict"], content["layout"]) == ("valid", "objaverse")
    assert content["objects"][0]["value"] > 0.97
    assert as_text(outcome).startswith("blob: VALID (12 views, 24 files)\n  ok [")


def test_generated_pictures_are_opened_but_not_compared(tmp_path: Path) -> None:
    """They need not agree; an object that is a single file has a name in the findings."""
    picture = tmp_path / "mug_rgba.png"
    Image.fromarray(blob_object.draw(blob_object.poses()[0])).save(picture)
    outcome = validated(tmp_path)
    assert (outcome.level, outcome.files, outcome.views) == (Level.PASS, 1, 1)
    assert {finding.topic for finding in outcome.findings} == {"not compared"}
    dataset = open_dataset(tmp_path)
    picture.write_bytes(b"")
    (finding,) = [f for f in validate_object(dataset, dataset.objects[0]).findings if f.topic == "file"]
    assert finding.text.startswith("mug_rgba.png is empty")
