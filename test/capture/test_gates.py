# SPDX-License-Identifier: Apache-2.0
"""Scores of generated pictures, and the gates that judge them."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from eschernet_ros.capture import Gates, Motion, StillnessDetector, ViewScores
from eschernet_ros.capture.gates import (
    blur_score,
    box_region,
    clipped_shares,
    depth_coverage,
    image_scores,
    motion_scores,
    nearest_view,
)
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera, look_at

CAMERA = PinholeCamera(320, 240, 300.0, 300.0, 159.5, 119.5)


def picture(kind: str, seed: int = 0, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture with the soft edges of a lens, and the object's mask: plain, striped or textured."""
    rng = np.random.default_rng(seed)
    big = np.full((960, 1280, 3), 70.0)
    mask = np.zeros((960, 1280), np.uint8)
    cv2.ellipse(mask, (640, 480), (320, 240), 30.0, 0.0, 360.0, 1, -1)
    inside = np.full_like(big, 170.0)
    if kind == "striped":
        inside[:, (np.arange(1280) // 60) % 2 == 0] = 60.0
    if kind == "textured":
        blocks = rng.uniform(40.0, 220.0, (24, 32, 1)).repeat(3, axis=2)
        inside = cv2.resize(blocks, (1280, 960), interpolation=cv2.INTER_NEAREST)
    big = np.where(mask[..., None].astype(bool), inside, big)
    small = cv2.GaussianBlur(cv2.resize(big, (320, 240), interpolation=cv2.INTER_AREA), (0, 0), 0.6)
    noisy = small + noise * rng.standard_normal(small.shape)
    return noisy.clip(0, 255).astype(np.uint8), cv2.resize(mask, (320, 240), interpolation=cv2.INTER_AREA) > 0


def moved(colour: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Blur by a motion over ``length`` pixels."""
    steps = np.linspace(-length / 2, length / 2, 21)
    shifted = [
        cv2.warpAffine(
            colour.astype(np.float32),
            np.array([[1.0, 0.0, s * math.cos(angle)], [0.0, 1.0, s * math.sin(angle)]]),
            (colour.shape[1], colour.shape[0]),
            borderMode=cv2.BORDER_REPLICATE,
        )
        for s in steps
    ]
    noise = np.random.default_rng(5).standard_normal(colour.shape)
    return (np.mean(shifted, axis=0) + 2.0 * noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["plain", "striped", "textured"])
def test_blur_grows_with_motion_in_any_direction(kind: str) -> None:
    """One limit divides sharp from blurred, whatever the object looks like."""
    colour, mask = picture(kind)
    sharp = blur_score(colour, mask)
    assert 0.2 < sharp < 0.5
    for angle in (0.0, math.pi / 4, 1.2, math.pi / 2):
        scores = [blur_score(moved(colour, length, angle), mask) for length in (3.0, 8.0, 14.0)]
        assert sharp < scores[0] < scores[1] < scores[2]
        assert scores[0] < 0.55 < scores[1]


def test_blur_does_not_depend_on_contrast_or_place() -> None:
    colour, mask = picture("textured", noise=0.0)
    faint = (100.0 + 0.3 * (colour.astype(float) - 100.0)).astype(np.uint8)
    assert blur_score(faint, mask) == pytest.approx(blur_score(colour, mask), abs=0.05)
    moved_away = np.roll(colour, 40, axis=1), np.roll(mask, 40, axis=1)
    assert blur_score(*moved_away) == pytest.approx(blur_score(colour, mask), abs=0.03)


def test_blur_looks_at_the_object_only() -> None:
    """A sharp background does not hide a blurred object."""
    colour, mask = picture("textured")
    board = np.where((np.indices((240, 320)).sum(axis=0) // 6 % 2)[..., None] == 0, 230, 20).astype(np.uint8)
    far = ~cv2.dilate(mask.astype(np.uint8), np.ones((41, 41))).astype(bool)
    blurred = np.where(far[..., None], board, moved(colour, 10.0, 0.3))
    assert blur_score(blurred, mask) > 0.55


def test_blur_of_nothing_is_not_known() -> None:
    colour = np.full((240, 320, 3), 128, np.uint8)
    nothing = np.zeros((240, 320), bool)
    assert math.isnan(blur_score(colour, nothing))
    nothing[100:140, 100:140] = True
    assert math.isnan(blur_score(colour, nothing))


def test_clipped_shares_count_object_pixels() -> None:
    colour = np.full((10, 10, 3), 128, np.uint8)
    mask = np.zeros((10, 10), bool)
    mask[:, :5] = True
    colour[:1, :, 0] = 255  # one channel is enough: its colour is lost
    colour[1:3] = (1, 2, 3)
    colour[3, :, :2] = 0  # not black: one channel is well exposed
    assert clipped_shares(colour, mask) == (pytest.approx(0.1), pytest.approx(0.2))
    assert all(math.isnan(share) for share in clipped_shares(colour, np.zeros_like(mask)))


def test_depth_coverage_takes_zero_and_nan_for_missing() -> None:
    depth = np.full((4, 5), 0.4, np.float32)
    depth[0], depth[1] = 0.0, np.nan
    assert depth_coverage(depth, np.ones((4, 5), bool)) == pytest.approx(0.5)
    assert math.isnan(depth_coverage(depth, np.zeros((4, 5), bool)))


def test_the_boxs_region_is_its_outline() -> None:
    frame = ObjectFrame(SE3.from_rotvec([0, 0, 0.4], [0.5, 0, 0.05]), (0.12, 0.06, 0.1))
    pose = look_at(np.array([0.3, 0.1, 0.3]), frame.base_from_object.translation)
    object_from_camera = frame.base_from_object.inverse() @ pose
    region = box_region(CAMERA, object_from_camera, frame.size)
    rng = np.random.default_rng(0)
    inside = (rng.uniform(-0.5, 0.5, (4000, 3)) * frame.size) @ np.eye(3)
    pixels = np.round(CAMERA.project(object_from_camera.inverse() @ inside)).astype(int)
    assert region[pixels[:, 1], pixels[:, 0]].all()
    covered = np.zeros_like(region, np.uint8)
    cv2.fillConvexPoly(covered, cv2.convexHull(pixels.astype(np.int32)), 1)
    assert region.sum() < 1.25 * covered.sum()
    behind = object_from_camera @ SE3.from_rotvec([0, math.pi, 0], [0, 0, 0])
    assert not box_region(CAMERA, behind, frame.size).any()


def test_a_view_is_near_by_angle_about_the_object() -> None:
    """Distance and angle to the nearest view; an object that was moved or changed is seen anew."""
    frame = ObjectFrame(SE3.from_rotvec([0, 0, 0], [0.5, 0, 0.1]), (0.1, 0.1, 0.1))

    def camera(azimuth: float, radius: float = 0.3, of: ObjectFrame = frame) -> SE3:
        offset = radius * np.array([math.cos(azimuth), math.sin(azimuth), 0.5])
        centre = of.base_from_object.translation
        return look_at(centre + offset, centre)

    first = nearest_view(camera(0.0), frame, [])
    assert all(math.isnan(value) for value in first.values())
    taken = [(frame, camera(1.0)), (frame, camera(0.1)), (frame, camera(2.0))]
    near = nearest_view(camera(0.0), frame, taken)
    assert near["nearest_angle_rad"] == pytest.approx(0.1 / math.sqrt(1.25), rel=0.01)
    assert near["nearest_distance_m"] == pytest.approx(0.3 * 0.1, rel=0.01)
    closer = nearest_view(camera(0.1, radius=0.4), frame, taken)
    assert closer["nearest_angle_rad"] == pytest.approx(0.0, abs=1e-6)
    assert closer["nearest_distance_m"] == pytest.approx(0.1 * math.sqrt(1.25))
    elsewhere = ObjectFrame(SE3.from_rotvec([0, 0, 1.2], [0.4, 0.2, 0.1]), (0.1, 0.1, 0.1))
    turned = nearest_view(camera(0.1, of=elsewhere), elsewhere, [(frame, camera(0.1))])
    assert turned["nearest_angle_rad"] > 1.0
    other = ObjectFrame(frame.base_from_object, (0.2, 0.1, 0.1))
    assert math.isnan(nearest_view(camera(0.1), other, taken)["nearest_angle_rad"])


GOOD = ViewScores(
    **motion_scores(Motion(1e-5, 1e-5, 40)),
    blur=0.4,
    saturated=0.01,
    black=0.02,
    depth_coverage=0.9,
    nearest_angle_rad=0.5,
    nearest_distance_m=0.2,
)
GATES = Gates(
    stillness=StillnessDetector(0.3, 5e-4, 2e-3),
    max_blur=0.55,
    max_saturated=0.25,
    max_black=0.5,
    min_depth_coverage=0.5,
    min_angle_rad=0.09,
    min_distance_m=0.02,
)


def judged(**changes: float) -> list[tuple[str, str, bool]]:
    """Judge good scores with changes."""
    scores = replace(GOOD, **changes)
    return [tuple(rejection) for rejection in GATES.place(scores) + GATES.image(scores)]  # type: ignore[misc]


def test_good_scores_pass_and_unknown_ones_too() -> None:
    assert judged() == []
    unknown = ViewScores()
    assert GATES.place(unknown) + GATES.image(unknown) == []
    assert unknown.equals(ViewScores()) and not unknown.equals(GOOD)
    bad = ViewScores(1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    assert Gates().place(bad) + Gates().image(bad) == []


@pytest.mark.parametrize(
    ("changes", "gate", "sentence", "passing"),
    [
        ({"rest_motion_m": 0.002}, "arm moving", r"moved by 2.00 mm and 0.001 deg in the 0.3 s before", True),
        ({"rest_turn_rad": 0.01}, "arm moving", r"0.573 deg .*allowed: 0.50 mm, 0.115 deg", True),
        ({"blur": 0.72}, "blurred", r"score 0.72, at most 0.55", True),
        ({"saturated": 0.4}, "saturated", r"40% of the object's pixels are saturated \(at most 25%\): shorten", False),
        ({"black": 0.8}, "black", r"80% of the object's pixels are black \(at most 50%\): lengthen", False),
        ({"depth_coverage": 0.2}, "little depth", r"only 20% of the object has measured depth \(at least 50%\)", False),
        (
            {"nearest_angle_rad": 0.05, "nearest_distance_m": 0.015},
            "too close to a view taken",
            r"2.9 deg and 15 mm from here .*5.2 deg about the object or 20 mm",
            False,
        ),
    ],
)
def test_each_gate_says_why(changes: dict[str, float], gate: str, sentence: str, passing: bool) -> None:
    ((name, reason, may_pass),) = judged(**changes)
    assert (name, may_pass) == (gate, passing)
    with pytest.raises(EscherNetError, match=sentence):
        raise EscherNetError(reason)


def test_angle_or_distance_makes_a_view_new() -> None:
    assert judged(nearest_angle_rad=0.0, nearest_distance_m=0.1) == []
    assert judged(nearest_angle_rad=0.1, nearest_distance_m=0.01) == []


def test_image_scores_are_those_of_the_parts() -> None:
    colour, mask = picture("textured")
    depth = np.where(np.arange(320) < 160, 0.4, 0.0)[None].repeat(240, axis=0).astype(np.float32)
    scores = image_scores(colour, depth, mask, mask)
    assert scores["blur"] == blur_score(colour, mask)
    assert (scores["saturated"], scores["black"]) == clipped_shares(colour, mask)
    assert scores["depth_coverage"] == pytest.approx(0.5, abs=0.02)
    without = image_scores(colour, None, None, mask)
    assert math.isnan(without["depth_coverage"]) and without["blur"] == scores["blur"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"max_blur": 1.5}, "max_blur must lie in 0..1, it is 1.5"), ({"min_angle_rad": -0.1}, "must not be negative")],
)
def test_bad_limits_are_named(options: dict[str, float], sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        Gates(**options)  # type: ignore[arg-type]
