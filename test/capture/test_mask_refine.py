# SPDX-License-Identifier: Apache-2.0
"""Where depth is missing or unsure, colour puts the mask's edge where the object ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera, look_at

EYES = [(0.3, -0.1, 0.25), (0.62, 0.17, 0.2), (0.5, -0.2, 0.08)]
CENTRE = (0.5, 0.0, 0.03)


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def _masks(bench: Any, shot: Any, depth: np.ndarray, eye: Any, camera: PinholeCamera) -> dict[str, np.ndarray]:
    pose = bench.frame.base_from_object.inverse() @ look_at(eye, CENTRE)
    found = {}
    for method in ("depth", "depth_refined"):
        mask = ObjectMasker(method)(shot.colour, depth, camera, pose, bench.frame.size)
        assert mask is not None
        assert mask.shape == shot.mask.shape
        assert mask.dtype == bool
        found[method] = mask
    return found


def _measured(shot: Any, seed: int) -> np.ndarray:
    """Depth with noise of 1 mm, and most of the pixels beside depth edges lost, as from a stereo camera."""
    rng = np.random.default_rng(seed)
    depth = shot.depth + rng.normal(0.0, 0.001, shot.depth.shape).astype(np.float32)
    edge = np.zeros(shot.mask.shape, bool)
    for axis in (0, 1):
        for step in (-1, 1, -2, 2):
            edge |= shot.mask != np.roll(shot.mask, step, axis)
    return np.where(edge & (rng.random(edge.shape) < 0.7), 0.0, depth).astype(np.float32)


@pytest.mark.parametrize("eye", EYES)
def test_the_edge_and_the_foot_are_found_by_colour(bench, realsense, eye) -> None:
    shot = bench.shoot(look_at(eye, CENTRE), realsense)
    masks = _masks(bench, shot, _measured(shot, 0), eye, realsense)
    assert _iou(masks["depth"], shot.mask) < 0.98
    assert _iou(masks["depth_refined"], shot.mask) > 0.998


def test_the_stereo_shadow_is_divided_between_object_and_background(bench, realsense) -> None:
    """A strip without depth across the object's left edge: half object, half table."""
    shot = bench.shoot(look_at(EYES[0], CENTRE), realsense)
    columns = np.flatnonzero(shot.mask.any(axis=0))
    depth = shot.depth.copy()
    depth[:, columns[0] - 40 : columns[0] + 40] = 0.0
    masks = _masks(bench, shot, depth, EYES[0], realsense)
    assert _iou(masks["depth"], shot.mask) < 0.9
    assert _iou(masks["depth_refined"], shot.mask) > 0.99


def test_measured_background_of_the_objects_colour_stays_background(bench, realsense) -> None:
    """A red table: only depth tells it from the object, and colour does not overrule it."""
    shot = bench.shoot(look_at(EYES[0], CENTRE), realsense)
    red = np.where(shot.mask[..., None], shot.colour, np.array([255, 0, 0], np.uint8))
    pose = bench.frame.base_from_object.inverse() @ look_at(EYES[0], CENTRE)
    mask = ObjectMasker()(red, shot.depth, realsense, pose, bench.frame.size)
    assert mask is not None
    assert _iou(mask, shot.mask) > 0.93


def test_the_same_picture_gives_the_same_mask(bench, realsense) -> None:
    shot = bench.shoot(look_at(EYES[1], CENTRE), realsense)
    depth = _measured(shot, 3)
    first, second = (_masks(bench, shot, depth, EYES[1], realsense)["depth_refined"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_box_out_of_sight_and_a_picture_without_depth_give_an_empty_mask(bench, realsense) -> None:
    shot = bench.shoot(look_at(EYES[0], CENTRE), realsense)
    aside = SE3.from_rotvec([0.0, 0.0, 0.0], [5.0, 0.0, -0.5])
    for depth, pose in (
        (shot.depth, aside),
        (np.zeros_like(shot.depth), bench.frame.base_from_object.inverse() @ look_at(EYES[0], CENTRE)),
    ):
        mask = ObjectMasker()(shot.colour, depth, realsense, pose, bench.frame.size)
        assert mask is not None
        assert not mask.any()


def test_without_background_to_learn_from_depth_decides(bench, realsense) -> None:
    """The camera's nose at the object: no pixel is surely background."""
    pose = bench.frame.base_from_object.inverse() @ look_at(EYES[0], CENTRE)
    depth = np.full((480, 640), float(np.linalg.norm(pose.translation)), np.float32)
    zoomed = PinholeCamera(640, 480, 9000.0, 9000.0, 320.0, 240.0)
    colour = np.full((480, 640, 3), 90, np.uint8)
    refined, plain = (
        ObjectMasker(m)(colour, depth, zoomed, pose, bench.frame.size) for m in ("depth_refined", "depth")
    )
    assert plain is not None
    assert plain.all()
    np.testing.assert_array_equal(refined, plain)


def test_methods_that_do_not_fit_are_refused(realsense) -> None:
    for make, sentence in (
        (lambda: ObjectMasker("grabcut"), "mask.method is 'grabcut'; it must be one of: depth, depth_refined, onnx"),
        (lambda: ObjectMasker("onnx"), "mask.method 'onnx' needs mask.model"),
        (lambda: ObjectMasker.from_names("onnx", ""), "mask.method 'onnx' needs mask.model"),
        (lambda: ObjectMasker.from_names("depth", "u2net.onnx"), "mask.model is 'u2net.onnx', but mask.method is"),
        (lambda: ObjectMasker.from_names("onnx", "/no/such.onnx"), "'/no/such.onnx' does not exist"),
    ):
        with pytest.raises(EscherNetError, match=sentence):
            make()
    with pytest.raises(EscherNetError, match=r"float64 \[480, 640, 3\], its camera is 640x480"):
        ObjectMasker()(np.zeros((480, 640, 3)), None, realsense, SE3.identity(), (0.1, 0.1, 0.1))


def test_without_depth_only_a_network_makes_a_mask(realsense) -> None:
    colour = np.zeros((480, 640, 3), np.uint8)
    for method in ("depth", "depth_refined"):
        assert ObjectMasker(method)(colour, None, realsense, SE3.identity(), (0.1, 0.1, 0.1)) is None
