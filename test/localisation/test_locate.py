# SPDX-License-Identifier: Apache-2.0
"""The object's box from depth: where it is, how large, what it stands on, and what to say when it is not there."""

from __future__ import annotations

import numpy as np
import pytest
from box_scene import CAMERA, TABLE, Box, cameras_around, depth_of

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, look_at
from eschernet_ros.localisation import DepthView, Localisation, depth_view, locate_object, standoff_advice

CARTON = Box((0.45, 0.02, 0.0), (0.12, 0.07, 0.09), yaw_deg=25.0)
CENTRE = (0.45, 0.02, 0.045)
NOISE = 0.0006


def _views(boxes: list[Box], poses: list[SE3], error: SE3 | None = None, noise: float = NOISE) -> list[DepthView]:
    """What the cameras see; with ``error``, each is believed to stand that far (camera frame) from where it is."""
    return [
        depth_view(depth_of(boxes, pose, noise, seed), CAMERA, pose @ (error or SE3.identity()))
        for seed, pose in enumerate(poses)
    ]


def _assert_is(found: Localisation, box: Box, metres: float = 0.0025) -> None:
    np.testing.assert_allclose(
        found.object_frame.base_from_object.translation, box.base_from_box.translation, atol=metres
    )
    np.testing.assert_allclose(sorted(found.object_frame.size[:2]), sorted(box.size[:2]), atol=2 * metres)
    assert found.object_frame.size[2] == pytest.approx(box.size[2], abs=metres)
    assert found.object_frame.scale == pytest.approx(1.0 / max(box.size), rel=0.04)


def test_a_carton_on_a_table() -> None:
    found = locate_object(_views([TABLE, CARTON], cameras_around(CENTRE)))
    _assert_is(found, CARTON)
    turn = np.degrees(found.object_frame.base_from_object.rotvec[2])
    assert turn == pytest.approx(25.0, abs=1.0)
    assert found.object_frame.size[0] > found.object_frame.size[1]
    assert (found.clusters, found.views, found.warnings) == (1, 4, ())
    assert found.plane.tilt < np.radians(0.3)
    assert found.plane.inliers > 1000
    assert found.points > 1000
    assert found.spread < 0.003


def test_the_same_views_give_the_same_box() -> None:
    views = _views([TABLE, CARTON], cameras_around(CENTRE, 2))
    first, second = (locate_object(views).object_frame for _ in range(2))
    np.testing.assert_array_equal(first.base_from_object.matrix, second.base_from_object.matrix)
    assert first.size == second.size


def test_one_view_lacks_the_hidden_side_and_says_so() -> None:
    found = locate_object(_views([TABLE, CARTON], cameras_around(CENTRE, 1)))
    assert any("seen from one side only" in warning for warning in found.warnings)
    assert np.isnan(found.spread)
    assert found.object_frame.size[2] == pytest.approx(0.09, abs=0.003)


def test_from_straight_above_is_not_one_side() -> None:
    above = look_at((0.45, 0.021, 0.5), CENTRE)
    found = locate_object(_views([TABLE, CARTON], [above]))
    assert not any("one side" in warning for warning in found.warnings)
    _assert_is(found, CARTON, 0.004)


def test_a_turntable_is_a_table() -> None:
    """The object stands on a block on the table: the box begins on the block."""
    block = Box((0.45, 0.02, 0.0), (0.22, 0.22, 0.06))
    raised = Box((0.45, 0.02, 0.06), CARTON.size, CARTON.yaw_deg)
    found = locate_object(_views([TABLE, block, raised], cameras_around((0.45, 0.02, 0.1))))
    _assert_is(found, raised)
    assert found.plane.at(0.45, 0.02) == pytest.approx(0.06, abs=0.001)


def test_a_knob_is_part_of_what_it_stands_on() -> None:
    """A flat lid carries it as a table would, but it is small beside what is below."""
    knob = Box((0.45, 0.02, 0.09), (0.02, 0.02, 0.02))
    found = locate_object(_views([TABLE, CARTON, knob], cameras_around(CENTRE)))
    _assert_is(found, Box(CARTON.foot, (0.12, 0.07, 0.11), CARTON.yaw_deg))


def test_of_two_things_the_one_in_view_or_the_one_clicked() -> None:
    other = Box((0.45, 0.2, 0.0), (0.05, 0.05, 0.06))
    views = _views([TABLE, CARTON, other], cameras_around(CENTRE, distance=0.45))
    found = locate_object(views)
    _assert_is(found, CARTON)
    assert found.clusters == 2
    assert any("2 things stand on the table" in warning for warning in found.warnings)
    clicked = locate_object(views, click=(0.45, 0.19, 0.05))
    _assert_is(clicked, other, 0.004)
    assert not any("things stand" in warning for warning in clicked.warnings)


def test_things_that_touch_are_one() -> None:
    """Depth cannot tell them apart; the box holds both."""
    left, right = Box((0.45, -0.03, 0.0), (0.06, 0.06, 0.06)), Box((0.45, 0.03, 0.0), (0.06, 0.06, 0.06))
    found = locate_object(_views([TABLE, left, right], cameras_around((0.45, 0.0, 0.03))))
    assert found.clusters == 1
    assert max(found.object_frame.size) == pytest.approx(0.12, abs=0.005)


def test_a_flat_thing_is_found_and_a_sheet_is_not() -> None:
    flat = Box((0.45, 0.02, 0.0), (0.12, 0.07, 0.02))
    _assert_is(locate_object(_views([TABLE, flat], cameras_around((0.45, 0.02, 0.01)))), flat)
    sheet = Box((0.45, 0.02, 0.0), (0.12, 0.07, 0.002))
    with pytest.raises(EscherNetError, match=r"nothing stands on the table: planes were found at z = -?0.00. m"):
        locate_object(_views([TABLE, sheet], cameras_around((0.45, 0.02, 0.01))))


def test_a_tilted_base_frame_is_named_with_its_angle() -> None:
    """A hand-eye rotation that is 5 deg wrong tilts the table in the base frame."""
    turn = SE3.from_rotvec([np.radians(5.0), 0.0, 0.0], [0.0, 0.0, 0.0])
    tilted = [
        DepthView(turn @ view.points, view.noise, turn @ view.base_from_camera_optical)
        for view in _views([TABLE, CARTON], cameras_around(CENTRE))
    ]
    found = locate_object(tilted)
    (warning,) = found.warnings
    assert "tilted by 5.0 deg" in warning
    assert "hand-eye" in warning
    np.testing.assert_allclose(sorted(found.object_frame.size), sorted(CARTON.size), atol=0.004)
    up = found.object_frame.base_from_object.matrix[:3, 2]
    np.testing.assert_allclose(up, turn.matrix[:3, 2], atol=0.005)
    level = locate_object(tilted, up="base").object_frame
    np.testing.assert_allclose(level.base_from_object.matrix[:3, 2], (0.0, 0.0, 1.0), atol=1e-9)


def test_a_wrong_hand_eye_transform_shows_between_the_views() -> None:
    """A shift sideways pulls the surfaces apart; a rotation tilts the table of every view in another direction."""
    poses = cameras_around(CENTRE)
    right = locate_object(_views([TABLE, CARTON], poses))
    assert right.tilt_spread < np.radians(0.3)
    shifted = locate_object(_views([TABLE, CARTON], poses, SE3.from_rotvec([0, 0, 0], [0.008, 0.0, 0.0])))
    assert shifted.spread > 0.004
    assert shifted.spread > 2.0 * right.spread
    assert any("views disagree by up to" in warning for warning in shifted.warnings)
    turned = locate_object(_views([TABLE, CARTON], poses, SE3.from_rotvec([np.radians(1.2), 0, 0], [0, 0, 0])))
    assert turned.tilt_spread == pytest.approx(np.radians(1.2), abs=np.radians(0.4))
    assert any("rotation of the hand-eye calibration is suspect" in warning for warning in turned.warnings)


def test_without_anything_to_find_there_is_a_sentence() -> None:
    pose = cameras_around(CENTRE, 1)[0]
    with pytest.raises(EscherNetError, match="no view of the object yet"):
        locate_object([])
    empty = depth_view(np.zeros((240, 320), np.float32), CAMERA, pose)
    with pytest.raises(EscherNetError, match=r"1 view.* hold 0 depth points"):
        locate_object([empty])
    with pytest.raises(EscherNetError, match="nothing stands on the table"):
        locate_object(_views([TABLE], cameras_around(CENTRE)))
    wall = Box((0.8, 0.0, -0.5), (0.02, 2.0, 2.0))
    with pytest.raises(EscherNetError, match=r"no table was found among .* within 12 deg of horizontal"):
        locate_object(_views([wall], [look_at((0.3, 0.0, 0.3), (0.8, 0.0, 0.3))]))
    with pytest.raises(EscherNetError, match=r"click at \(0.450, 0.500, 0.000\) m .* is 0.4. m from the nearest thing"):
        locate_object(_views([TABLE, CARTON], cameras_around(CENTRE)), click=(0.45, 0.5, 0.0))


def test_the_standoff_is_judged_in_model_units() -> None:
    frame = locate_object(_views([TABLE, CARTON], cameras_around(CENTRE))).object_frame
    longest = max(frame.size)
    value, advice = standoff_advice(frame, look_at((0.45, 0.02 - 1.8 * longest, 0.045), CENTRE))
    assert value == pytest.approx(1.8, abs=0.05)
    assert advice == ""
    value, advice = standoff_advice(frame, look_at((0.45, 0.02 - 4.0 * longest, 0.045), CENTRE))
    assert value == pytest.approx(4.0, abs=0.1)
    assert f"go to {1.5 * longest:.2f} to {2.2 * longest:.2f} m" in advice
