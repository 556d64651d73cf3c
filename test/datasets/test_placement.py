# SPDX-License-Identifier: Apache-2.0
"""Where the object is in a scene: the rules, and what they refuse."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from foreign_scenes import look, ring
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.datasets import DatasetError, ObjectPlacement, object_frame_text
from eschernet_ros.datasets.placement import choose_placement, mean_up, nearest_to_axes, read_object_frame
from eschernet_ros.geometry import SE3

Z = np.array([0.0, 0.0, 1.0])


def cameras(world_from_camera) -> list[SE3]:
    """World-to-camera poses."""
    return [SE3.from_matrix(np.linalg.inv(pose)) for pose in world_from_camera]


def place(folder, poses, points=None, rule="auto", up=Z):
    return choose_placement(folder, cameras(poses), up, "as given", lambda: points, rule)


@settings(deadline=None, max_examples=25)
@given(
    st.tuples(*[st.floats(-5.0, 5.0)] * 3),
    st.lists(st.tuples(st.floats(-3.1, 3.1), st.floats(-1.2, 1.2), st.floats(0.3, 5.0)), min_size=2, max_size=6),
)
def test_centre_of_cameras_that_look_at_one_point(centre, directions):
    spread = [np.array([math.cos(a) * math.cos(e), math.sin(a) * math.cos(e), math.sin(e)]) for a, e, _ in directions]
    widest = max(np.linalg.norm(np.cross(a, b)) for a in spread for b in spread)
    poses = [look(np.add(centre, d * r), centre) for d, (_, _, r) in zip(spread, directions, strict=True)]
    found = nearest_to_axes(cameras(poses))
    if widest > 0.3:
        np.testing.assert_allclose(found, centre, atol=1e-6)
    if widest < 0.02:
        assert found is None


def test_rule_of_the_axes(tmp_path):
    centre = np.array([0.4, -0.3, 1.0])
    poses = ring(5, 0.8, centre)
    up = np.array([0.1, 0.0, 1.0])
    placed = place(tmp_path, poses, up=up)
    world_from_object = placed.world_from_object.matrix
    np.testing.assert_allclose(world_from_object[:3, 3], centre, atol=1e-9)
    np.testing.assert_allclose(world_from_object[:3, 2], up / np.linalg.norm(up), atol=1e-12)
    assert world_from_object[1, 0] == pytest.approx(0.0)  # the object's x is the world's, made horizontal
    assert world_from_object[0, 0] > 0.99
    for pose in cameras(poses):
        assert np.linalg.norm(placed.normalise(pose).inverse().translation) == pytest.approx(1.85)
    assert placed.scale is None
    assert "(the object's size is unknown); up: as given" in placed.source


def test_upright_x_axis_gives_way_to_y(tmp_path):
    placed = place(tmp_path, ring(3), up=np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(placed.world_from_object.matrix[:3, :3], np.eye(3)[:, [1, 2, 0]], atol=1e-12)


def test_parallel_axes_cameras_outwards_and_one_place_are_refused(tmp_path):
    side_by_side = [look([x, -2.0, 0.0], [x, 0.0, 0.0]) for x in (0.0, 0.1, 0.2)]
    with pytest.raises(DatasetError, match=r"optical axes of the 3 cameras of .* are parallel.*object_frame\.json"):
        place(tmp_path, side_by_side)
    with pytest.raises(DatasetError, match=r"axes of the 1 cameras"):
        place(tmp_path, ring(1))
    outwards = [look(0.2 * direction, direction) for direction in np.eye(3)[:2]]
    with pytest.raises(DatasetError, match=r"2 of 2 cameras of .* look away.*another convention"):
        place(tmp_path, outwards)
    turning = [look([0.0, 0.0, 0.0], target) for target in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])]
    with pytest.raises(DatasetError, match=r"look away|in one place"):
        place(tmp_path, turning)


def test_rule_of_the_points(tmp_path):
    rng = np.random.default_rng(0)
    points = np.array([1.0, 2.0, 3.0]) + [0.2, 0.6, 0.4] * rng.uniform(-0.5, 0.5, (5000, 3))
    points[:20] += 50.0  # outliers
    placed = place(tmp_path, ring(3), points)
    np.testing.assert_allclose(placed.world_from_object.translation, [1.0, 2.0, 3.0], atol=0.01)
    assert placed.unit == pytest.approx(0.6, rel=0.06)
    assert "box of 5000 points" in placed.source
    assert "optical axes" in place(tmp_path, ring(3), points[:19]).source
    with pytest.raises(DatasetError, match=r"All points of .* are one point"):
        place(tmp_path, ring(3), np.ones((30, 3)))


def test_file_comes_first_and_can_be_demanded(tmp_path):
    with pytest.raises(DatasetError, match=r"has no object_frame\.json"):
        place(tmp_path, ring(3), rule="file")
    frame = SE3.from_rotvec([0.0, 0.0, 0.5], [1.0, 2.0, 3.0])
    (tmp_path / "object_frame.json").write_text(object_frame_text(frame, (0.1, 0.3, 0.2), 0.5))
    placed = place(tmp_path, ring(3), np.zeros((50, 3)))
    assert placed.world_from_object.is_close(frame)
    assert (placed.unit, placed.metres_per_unit) == (0.3, 0.5)
    assert placed.scale == pytest.approx(1 / 0.15)
    assert "optical axes" in place(tmp_path, ring(3), rule="axes").source
    given_place = ObjectPlacement(SE3.identity(), 2.0)
    assert place(tmp_path, ring(3), rule=given_place) is given_place
    with pytest.raises(
        DatasetError, match="no rule 'middle' for the object's place; known are auto, file, points, axes"
    ):
        place(tmp_path, ring(3), rule="middle")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"size": [1, 1, 1]}, "is no object frame: it needs world_from_object"),
        ([], "holds a JSON list; an object is needed"),
        ({"world_from_object": (2 * np.eye(4)).tolist(), "size": [1, 1, 1]}, "is no object frame .*bottom row"),
        ({"world_from_object": np.eye(4).tolist(), "size": [1, 0, 1]}, "not three positive lengths"),
        ({"world_from_object": np.eye(4).tolist(), "size": 1}, "not three positive lengths"),
        (
            {"world_from_object": np.eye(4).tolist(), "size": [1, 1, 1], "metres_per_unit": -1},
            "positive length, it is -1",
        ),
        ({"world_from_object": "x", "size": [1, 1, 1]}, "is no object frame"),
    ],
)
def test_damaged_object_frame_is_named(tmp_path, content, words):
    (tmp_path / "object_frame.json").write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=words):
        read_object_frame(tmp_path)
    (tmp_path / "object_frame.json").write_text("{")
    with pytest.raises(DatasetError, match=r"object_frame\.json cannot be read"):
        read_object_frame(tmp_path)


def test_mean_up():
    np.testing.assert_allclose(mean_up(cameras(ring(8))), Z, atol=0.2)
    upside_down = [pose @ np.diag([-1.0, -1.0, 1.0, 1.0]) for pose in ring(2)]
    np.testing.assert_allclose(mean_up(cameras([*ring(2), *upside_down])), Z, atol=1e-9)
