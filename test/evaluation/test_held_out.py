# SPDX-License-Identifier: Apache-2.0
"""Views of held-out objects, their scores, and whether a synthesis follows the pose."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import psnr
from eschernet_ros.evaluation.held_out import (
    BASELINES,
    EQUAL_DB,
    draw_views,
    evaluate,
    pose_margin,
    score,
    turned,
)
from eschernet_ros.geometry import SE3, model_camera, spherical_from_pose, view_directions

SIZE = 32
BAND = (-10.0, 70.0)


def coloured_ball(pose: SE3) -> tuple[np.ndarray, np.ndarray]:
    """A ball whose colour at a point tells the point's direction: no two views are the same."""
    camera = model_camera(SIZE)
    rays = camera.rays(camera.pixel_grid()) * (1.0, -1.0, -1.0)
    rays = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)) @ pose.matrix[:3, :3]
    eye = pose.inverse().translation
    along = rays @ eye
    root = along**2 - (eye @ eye - 0.25)
    mask = root > 0.0
    points = eye + rays * (-along - np.sqrt(np.maximum(root, 0.0)))[..., None]
    colours = np.rint(127.5 + 200.0 * np.clip(points, -0.5, 0.5))
    return np.where(mask[..., None], colours, 255).astype(np.uint8), mask


def oracle(images: np.ndarray, reference_poses: np.ndarray, target_poses: np.ndarray) -> np.ndarray:
    """The truth, as floats."""
    return np.stack([coloured_ball(SE3(pose))[0] for pose in target_poses]) / 255.0


def blind(images: np.ndarray, reference_poses: np.ndarray, target_poses: np.ndarray) -> np.ndarray:
    """The first reference, whatever is asked."""
    return np.repeat(images[:1], len(target_poses), axis=0)


@pytest.fixture
def views():
    return draw_views("ball", coloured_ball, np.random.default_rng(3), references=6, targets=5, elevations_deg=BAND)


def test_views_are_what_their_poses_see(views):
    for images, poses in ((views.references, views.reference_poses), (views.truth, views.target_poses)):
        for image, pose in zip(images, poses, strict=True):
            np.testing.assert_array_equal(image, coloured_ball(SE3(pose))[0])
            _, polar, radius = spherical_from_pose(SE3(pose))
            assert BAND[0] <= 90.0 - np.degrees(polar) <= BAND[1]
            assert 1.5 <= radius <= 2.2
    assert views.masks.any(axis=(1, 2)).all()


def test_references_come_well_spread_first(views):
    cosines = np.array([view_directions([SE3(pose)])[0] for pose in views.reference_poses])
    gaps = [np.arccos(np.clip(cosines[n] @ cosines[:n].T, -1, 1)).min() for n in range(1, len(cosines))]
    assert gaps == sorted(gaps, reverse=True)


def test_targets_do_not_depend_on_the_number_of_references(views):
    fewer = draw_views("ball", coloured_ball, np.random.default_rng(3), references=1, targets=5, elevations_deg=BAND)
    np.testing.assert_array_equal(fewer.target_poses, views.target_poses)


def test_an_unseen_object_is_drawn_from_elsewhere():
    calls = []

    def hides(pose):
        image, mask = coloured_ball(pose)
        calls.append(pose)
        return image, mask & (len(calls) % 2 == 0)

    views = draw_views("shy", hides, np.random.default_rng(0), references=2, targets=4, elevations_deg=BAND)
    assert views.masks.any(axis=(1, 2)).all()
    assert len(calls) == 2 * (4 + 3 * 2)


def test_a_perfect_synthesis_scores_the_most_and_beats_every_baseline(views):
    result = evaluate(views, oracle, 3)
    assert result.scores["model"].foreground == [EQUAL_DB] * 5
    assert set(result.scores) == {"model", *BASELINES}
    for method in BASELINES:
        assert result.images[method].shape == views.truth.shape
        assert result.scores[method].mean()[0] < 30.0


def test_scores_are_of_the_true_mask(views):
    images = views.truth.copy()
    images[~views.masks] = 0
    found = score(images, views)
    assert found.foreground == [EQUAL_DB] * 5
    assert found.full == [psnr(image, truth) for image, truth in zip(images, views.truth, strict=True)]
    assert max(found.full) < 10.0


def test_only_the_first_references_are_given(views):
    seen = []

    def synthesize(images, reference_poses, target_poses):
        seen.append((len(images), len(reference_poses), len(target_poses)))
        np.testing.assert_array_equal(images, views.references[: len(images)])
        return oracle(images, reference_poses, target_poses)

    evaluate(views, synthesize, 2)
    assert seen == [(2, 2, 5)]


@pytest.mark.parametrize("count", [0, 7])
def test_a_number_of_references_that_is_not_there(views, count):
    with pytest.raises(EscherNetError, match=f"6 references, not {count}"):
        evaluate(views, oracle, count)


def test_turned_cameras_stand_further_round(views):
    for pose, moved in zip(views.target_poses, turned(views.target_poses, 30.0), strict=True):
        before, after = spherical_from_pose(SE3(pose)), spherical_from_pose(SE3(moved))
        assert np.degrees(after.azimuth - before.azimuth) % 360.0 == pytest.approx(30.0)
        assert after[1:] == pytest.approx(before[1:])


def test_the_margin_tells_who_follows_the_pose(views):
    margins = {}
    for name, synthesize in (("oracle", oracle), ("blind", blind)):
        asked = evaluate(views, synthesize, 3).scores["model"]
        margins[name] = pose_margin(views, coloured_ball, synthesize, 3, asked, (-30.0, 30.0))
    assert margins["blind"].margin == pytest.approx(0.0)
    assert margins["oracle"].margin > 20.0
    assert margins["oracle"].turned == pytest.approx(margins["oracle"].true_turned)
    assert margins["blind"].true_turned == pytest.approx(margins["oracle"].true_turned)
