# SPDX-License-Identifier: Apache-2.0
"""Photos with a board in view become a data set; what is wrong with photos is said."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from board_photos import BOARD, SIDE, photo
from board_pictures import CAMERA
from PIL import Image

from eschernet_ros.calibration.board import Chessboard, board_text
from eschernet_ros.calibration.sample_folder import write_camera
from eschernet_ros.cli.main import main
from eschernet_ros.datasets import DatasetError, open_dataset, read_frames_file
from eschernet_ros.geometry import look_at, model_camera
from eschernet_ros.photos.board_box import box_on_board
from eschernet_ros.photos.board_poses import poses_from_board
from eschernet_ros.photos.photo import find_photos
from eschernet_ros.photos.photo_mask import PhotoMasks
from eschernet_ros.photos.record import RecordOptions, record_photos

BOARD_TEXT = board_text(BOARD)
VISP = Path(__file__).parents[2].parent / "shared" / "data" / "visp_franka_handeye" / "data-eye-in-hand"
CUBE = ["--size", f"{SIDE},{SIDE},{SIDE}"]


def from_photos(folder: Path, output: Path, *options: str) -> int:
    return main(["dataset", "from-photos", str(folder), str(output), "--board", BOARD_TEXT, *options])


def spoil(path: Path, change) -> None:
    Image.fromarray(change(np.asarray(Image.open(path)))).save(path)


def test_camera_and_poses_are_found_from_the_board(drawn):
    folder, poses, _ = drawn
    found = poses_from_board(find_photos(folder), BOARD)
    assert found.left_out == () and found.estimated is not None
    assert found.estimated.rms_px < 0.1 and found.estimated.focal_spread < 0.005
    assert found.camera.fx == pytest.approx(CAMERA.fx, rel=0.005)
    for posed, true in zip(found.posed, poses, strict=True):
        metres, radians = posed.base_from_camera_optical.distance_to(true)
        assert metres < 0.002 and radians < 0.003


def test_given_camera_is_used_as_it_is(drawn):
    folder, poses, _ = drawn
    found = poses_from_board(find_photos(folder), BOARD, CAMERA)
    assert (found.camera, found.estimated) == (CAMERA, None)
    for posed, true in zip(found.posed, poses, strict=True):
        metres, radians = posed.base_from_camera_optical.distance_to(true)
        assert metres < 3e-4 and radians < 5e-4


@pytest.mark.skipif(not VISP.is_dir(), reason="ViSP's hand-eye set is not beside this checkout")
def test_camera_of_real_pictures_is_near_the_factorys():
    """Of a D435; the squares' size does not enter a focal length."""
    found = poses_from_board(find_photos(VISP), Chessboard(9, 6, 0.0236))
    assert len(found.posed) == 8 and found.left_out == ()
    assert found.camera.fx == pytest.approx(607.593, rel=0.015)
    assert (found.camera.cx, found.camera.cy) == pytest.approx((323.463, 243.255), abs=4.0)


def test_photos_become_a_data_set(drawn, tmp_path: Path, capsys):
    folder, poses, masks = drawn
    write_camera(tmp_path / "camera.yaml", CAMERA, "phone")
    output = tmp_path / "cube"
    assert from_photos(folder, output, "--camera", str(tmp_path / "camera.yaml"), *CUBE) == 0
    printed = capsys.readouterr().out
    assert "the object is assumed to stand on the middle of the board (--centre)" in printed
    assert "6 views of an object of 70 x 70 x 70 mm, 0 photos left out" in printed
    assert "- p0.png, p4.png: the standoff is 5.58 longest sides" in printed
    views = open_dataset(output).read(image_size=None)
    assert views.name == "cube" and views.scale == pytest.approx(1.0 / SIDE)
    frames = read_frames_file(output)
    assert frames is not None
    for row, (record, pose, exact) in enumerate(zip(frames.records, poses, masks, strict=True)):
        metres, radians = record.base_from_source_optical.distance_to(pose)
        assert metres < 3e-4 and radians < 5e-4
        assert (record.camera, record.source_camera, record.arm) == (model_camera(256), CAMERA, None)
        assert np.isnan(record.quality["error_pixels"]) and np.isnan(record.quality["exposure_s"])
        assert record.warnings[0] == f"from the photo p{row}.png; its stamp is the file's time"
        stored = np.asarray(Image.open(output / "colour" / f"frame{row:06d}.png"))
        np.testing.assert_array_equal(stored, np.asarray(Image.open(folder / f"p{row}.png")))
        mask = np.asarray(Image.open(output / "mask" / f"frame{row:06d}.png")) >= 128
        assert (mask & exact).sum() / (mask | exact).sum() > 0.95
        # the cube's top corners are where the recorded pose sees them
        top = np.array([[0.5, 0.5, 0.5], [-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [-0.5, -0.5, 0.5]])
        pixels = model_camera(256).project((views.poses[row] @ top) * (1, -1, -1))
        rows, columns = np.nonzero(views.masks[row])
        assert pixels[:, 1].min() == pytest.approx(rows.min(), abs=2.0)
        assert columns.min() - 2 <= pixels[:, 0].min() and pixels[:, 0].max() <= columns.max() + 2


def test_photos_are_left_out_by_name(photos: Path, tmp_path: Path, capsys):
    spoil(photos / "p1.png", lambda pixels: np.full_like(pixels, 120))
    spoil(photos / "p3.png", lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 1.8))
    (photos / "p5.png").write_bytes((photos / "p5.png").read_bytes()[:9000])  # cut off
    (photos / "notes.txt").write_text("not a photo")
    options = RecordOptions(masks=PhotoMasks("none"), max_blur=0.36)
    found = poses_from_board(find_photos(photos), BOARD, CAMERA)
    box, notes = box_on_board(BOARD)
    assert "a cube of 90 mm, half as wide as the board (--size)" in notes[0]
    report = record_photos(found.posed, box, tmp_path / "out", options, found.left_out)
    assert report.names == ("p0.png", "p2.png", "p4.png")
    reasons = {dropped.name: dropped.reason for dropped in report.left_out}
    assert reasons["p1.png"] == f"the {BOARD.description} is not found in it, or not wholly"
    assert reasons["p3.png"].startswith("it is blurred: the object's edges score 0.")
    assert "cannot be read" in reasons["p5.png"]
    # without a mask everything counts as object, and that is said
    assert any("the background is taken for the object" in warning for warning in report.warnings[0])

    (tmp_path / "out").rename(tmp_path / "other")
    few = RecordOptions(masks=PhotoMasks("none"), max_blur=0.36, least_views=4)
    with pytest.raises(DatasetError, match=r"3 of 6 photos are of use, at least 4 are needed. p1.png: the ChArUco"):
        record_photos(found.posed, box, tmp_path / "out", few, found.left_out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "photos"]


def test_no_photo_with_the_board(photos: Path, tmp_path: Path, capsys):
    for path in photos.iterdir():
        spoil(path, lambda pixels: np.full_like(pixels, 120))
    assert from_photos(photos, tmp_path / "out") == 2
    assert "is found in none of the 6 photos: is it the right board" in capsys.readouterr().err


def test_photos_of_different_sizes(photos: Path, tmp_path: Path, capsys):
    spoil(photos / "p2.png", lambda pixels: np.ascontiguousarray(pixels[:-2]))
    assert from_photos(photos, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "The photos differ in size: 5 have 640x480 pixels, but p2.png (640x478) not." in error


def test_camera_of_another_resolution(drawn):
    with pytest.raises(DatasetError, match=r"640x480 pixels, but the camera's intrinsics are for 1280x960"):
        poses_from_board(find_photos(drawn[0]), BOARD, CAMERA.scaled(2))


def test_wrong_camera_is_noticed_by_the_board(drawn):
    wrong = CAMERA.resized(640, 300).resized(640, 480)
    assert wrong.fy == pytest.approx(CAMERA.fy)
    found = poses_from_board(find_photos(drawn[0])[:1], BOARD, model_camera(640).resized(640, 480))
    assert found.posed == () and "the board's corners fit to" in found.left_out[0].reason


def test_board_that_looks_the_same_from_two_sides(drawn):
    with pytest.raises(DatasetError, match=r"looks the same after a turn.*use one with an odd sum"):
        poses_from_board(find_photos(drawn[0]), Chessboard(8, 6, 0.02))


def test_too_few_photos_to_find_the_camera(drawn):
    with pytest.raises(DatasetError, match=r"found in 3 photos; 4 are needed to find the camera.*--camera, --focal"):
        poses_from_board(find_photos(drawn[0])[:3], BOARD)


def test_photos_from_above_do_not_tell_the_focal_length(tmp_path: Path):
    for number, shift in enumerate(((1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3))):
        pixels, _ = photo(look_at((*shift, 0.40 + 0.002 * number), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
        Image.fromarray(pixels).save(tmp_path / f"{number}.png", compress_level=1)
    with pytest.raises(DatasetError, match=r"4 photos tell the focal length only to .*strongly tilted"):
        poses_from_board(find_photos(tmp_path), BOARD)


def test_box_out_of_sight_leaves_nothing(drawn, tmp_path: Path, capsys):
    camera = tmp_path / "camera.yaml"
    write_camera(camera, CAMERA, "phone")
    assert from_photos(drawn[0], tmp_path / "out", "--camera", str(camera), "--centre", "2,2,0.1", *CUBE) == 2
    error = capsys.readouterr().err
    assert "p0.png: the object's box reaches behind the camera" in error
    assert "p5.png: no pixel of it belongs to the object: check the object's box" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--board", BOARD_TEXT, "--longest-side", "1", "--place", "axes"],
            "--place, --longest-side belongs to --colmap",
        ),
        (
            ["--colmap", "model", "--size", "1,1,1", "--focal", "600"],
            "--focal, --size belongs to --board, not to --colmap",
        ),
    ],
)
def test_options_of_the_other_way_are_refused(tmp_path: Path, capsys, options, sentence: str):
    assert main(["dataset", "from-photos", str(tmp_path), str(tmp_path / "out"), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_existing_output_is_refused(drawn, tmp_path: Path, capsys):
    (tmp_path / "out").mkdir()
    assert from_photos(drawn[0], tmp_path / "out", "--focal", "607") == 2
    assert "exists; nothing is overwritten" in capsys.readouterr().err
