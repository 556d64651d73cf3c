# SPDX-License-Identifier: Apache-2.0
"""The contact sheet and its drawing of the poses."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from eschernet_ros.evaluation import SheetView, contact_sheet, save_contact_sheet
from eschernet_ros.evaluation.pose_drawing import REFERENCE_COLOUR, TARGET_COLOUR, draw_poses
from eschernet_ros.geometry import look_at_origin, ring

GREEN, MAGENTA, CYAN = (10, 200, 30), (200, 10, 180), (0, 180, 200)
AMBER = (0xFE, 0xF3, 0xC7)


@pytest.fixture
def view():
    """Function: (number, colour) -> a view of one colour."""

    def make(number: int, colour: tuple[int, int, int], **more) -> SheetView:
        pose = look_at_origin(0.5 * number, 1.1, 1.8)
        return SheetView(str(number), np.full((32, 32, 3), colour, np.uint8), pose, **more)

    return make


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def share(image: np.ndarray, colour) -> float:
    return float((np.abs(image.astype(int) - colour).max(axis=-1) <= 2).mean())


def test_every_image_is_on_the_sheet(view):
    truth = np.full((32, 32, 3), CYAN, np.uint8)
    image = pixels(
        contact_sheet(
            [view(i, GREEN) for i in range(5)],
            [view(i, MAGENTA, truth=truth, psnr=21.0, foreground_psnr=15.0) for i in range(12)],
            title="mug",
        )
    )
    assert share(image, GREEN) > 0.05
    assert share(image, MAGENTA) > 0.05
    assert share(image, CYAN) == pytest.approx(share(image, MAGENTA), rel=0.05)
    assert share(image, AMBER) == 0.0


def test_notice_is_drawn_as_a_banner(view):
    plain = pixels(contact_sheet([view(0, GREEN)], [view(1, MAGENTA)], "mug"))
    noted = pixels(contact_sheet([view(0, GREEN)], [view(1, MAGENTA)], "mug", notice="random weights $x$"))
    assert share(noted, AMBER) > 0.01
    assert noted.shape[0] > plain.shape[0]


def test_sheet_grows_with_targets_and_truth(view):
    def height(count: int, **more) -> int:
        targets = [view(i, MAGENTA, **more) for i in range(count)]
        return pixels(contact_sheet([view(0, GREEN)], targets, "mug", max_targets=20)).shape[0]

    few = height(12)
    assert height(20) > few
    assert height(12, truth=np.zeros((32, 32, 3), np.uint8)) > few
    assert height(80) == height(20)  # only 20 of them are shown


def test_numbers_are_printed_below_the_views(view):
    targets = [view(0, MAGENTA, truth=np.full((32, 32, 3), CYAN, np.uint8))]
    scored = [SheetView(one.label, one.image, one.pose, one.truth, psnr=20.0, foreground_psnr=None) for one in targets]
    without = pixels(contact_sheet([view(0, GREEN)], targets, "mug"))
    with_numbers = pixels(contact_sheet([view(0, GREEN)], scored, "mug"))
    changed = np.flatnonzero((without != with_numbers).any(axis=(1, 2)))
    assert changed.size > 0
    truth_rows = np.flatnonzero((with_numbers == CYAN).all(axis=-1).any(axis=1))
    assert changed.min() > truth_rows.max()


def test_sheet_is_saved(view, tmp_path):
    save_contact_sheet(tmp_path / "sheet.png", [view(0, GREEN)], [view(1, MAGENTA)], title="mug", summary="fine")
    assert share(np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB")), GREEN) > 0.01


def test_sheet_without_views_is_refused(view):
    for references, targets in (([], [view(0, GREEN)]), ([view(0, GREEN)], [])):
        with pytest.raises(ValueError, match="at least one reference and one target"):
            contact_sheet(references, targets, "mug")


@pytest.fixture
def drawn():
    """Axes with 3 references and 2 targets, seen from above (x to the right, y up)."""
    axes = Figure().add_axes((0, 0, 1, 1))
    references = ring(3, math.radians(60.0), 2.0)
    targets = ring(2, math.radians(100.0), 1.6, start=0.3)
    draw_poses(axes, references, targets, ["0", "1", "2"], ["7", ""], (0.5, 1.0, 0.25), -90.0, 90.0)
    return axes, references, targets


def test_each_camera_is_drawn_where_it_stands(drawn):
    axes, references, targets = drawn
    for poses, colour in ((references, REFERENCE_COLOUR), (targets, TARGET_COLOUR)):
        planes = [patch.get_xy() for patch in axes.patches if patch.get_facecolor()[:3] == to_rgb(colour)]
        assert len(planes) == len(poses)
        edges = [line.get_xydata() for line in axes.lines if line.get_color() == colour]
        for pose in poses:
            centre = pose.inverse().translation[:2]
            assert sum(np.allclose(edge[0], centre, atol=1e-9) for edge in edges) >= 4
            middle = centre * (1.0 - 0.30 / np.linalg.norm(pose.inverse().translation))
            assert any(np.allclose(plane[:4].mean(axis=0), middle, atol=1e-9) for plane in planes)


def test_labels_are_written_near_their_cameras(drawn):
    axes, references, targets = drawn
    labels = {text.get_text(): np.array(text.get_position()) for text in axes.texts}
    expected = dict(zip("012", references, strict=True)) | {"7": targets[0]}
    for label, pose in expected.items():
        assert np.linalg.norm(labels[label] - pose.inverse().translation[:2]) < 0.5
    spots = [labels[label] for label in expected]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(spots) for b in spots[:i]]
    assert min(apart) > 0.1


def test_object_box_and_axes_are_drawn(drawn):
    axes, _, _ = drawn
    box = [line.get_xydata() for line in axes.lines if line.get_color() == "#57534e"]
    assert len(box) == 12
    np.testing.assert_allclose(np.abs(box).max(axis=(0, 1)), [0.25, 0.5], atol=1e-12)
    names = {text.get_text() for text in axes.texts}
    assert {"x", "y"} <= names
    assert "z" not in names  # seen end-on


def test_side_view_has_z_up():
    axes = Figure().add_axes((0, 0, 1, 1))
    high, low = look_at_origin(0.0, 0.5, 2.0), look_at_origin(0.0, 2.6, 2.0)
    draw_poses(axes, [high], [low], ["a"], ["b"], (1.0, 1.0, 1.0), -60.0, 20.0)
    labels = {text.get_text(): text.get_position() for text in axes.texts}
    assert labels["a"][1] > 1.0 > 0.0 > labels["b"][1]
    assert labels["z"][1] > 0.5
