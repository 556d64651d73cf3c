# SPDX-License-Identifier: Apache-2.0
"""The view sphere shows cameras where they stand, in colours of their scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.report.sphere import (
    CLASSES,
    SpherePoint,
    azimuth_elevation,
    classes,
    projected,
    view_sphere,
)
from eschernet_ros.geometry import look_at_origin, view_directions


def test_degrees_of_a_direction():
    assert azimuth_elevation([1.0, 0.0, 0.0]) == (0.0, 0.0)
    assert azimuth_elevation([0.0, -1.0, 0.0]) == (-90.0, 0.0)
    assert azimuth_elevation([0.0, 0.0, 2.0])[1] == 90.0
    (direction,) = view_directions([look_at_origin(math.radians(120.0), math.radians(50.0), 1.7)])
    assert azimuth_elevation(direction) == pytest.approx((120.0, 40.0))


def test_what_faces_the_onlooker_is_in_the_middle():
    azimuth, elevation = math.radians(-60.0), math.radians(25.0)
    towards = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    x, y, near = projected(towards)
    assert (x, y, near) == pytest.approx((150.0, 150.0, 1.0))
    assert projected(-towards)[2] == pytest.approx(-1.0)
    x, y, _ = projected([0.0, 0.0, 1.0])
    assert (x, y) == pytest.approx((150.0, 150.0 - 138.0 * math.cos(elevation)))  # up is up
    right = np.cross(towards, [0.0, 0.0, 1.0])
    assert projected(-right / np.linalg.norm(right))[0] == pytest.approx(150.0 + 138.0)  # as seen from outside


def test_classes_divide_the_range_evenly_and_0_is_the_worst():
    ranks, ranges = classes([10.0, 11.9, 12.1, 17.9, 20.0], higher_is_better=True)
    assert ranks == [0, 0, 1, 3, 4]
    assert ranges[0] == pytest.approx((10.0, 12.0))
    assert ranges[-1] == pytest.approx((18.0, 20.0))
    ranks, ranges = classes([0.1, 0.34, 0.6], higher_is_better=False)
    assert ranks == [CLASSES - 1, 2, 0]
    assert ranges[0] == pytest.approx((0.6, 0.5))
    assert classes([3.0, 3.0], higher_is_better=True)[0] == [0, 0]
    with pytest.raises(EscherNetError, match="all of them finite"):
        classes([1.0, math.nan], higher_is_better=True)


def test_both_drawings_hold_every_camera(read):
    directions = view_directions([look_at_origin(angle, 1.0, 1.8) for angle in (0.0, 1.5, 3.0)])
    references = [SpherePoint(directions[0], "7", words="reference 7")]
    targets = [SpherePoint(directions[1], rank=4, words="view 1"), SpherePoint(directions[2], words="view 2")]
    globe, unrolled = (read(drawing) for drawing in view_sphere(references, targets, "mug"))
    for drawing in (globe, unrolled):
        assert [node.all("text")[0].text for node in drawing.all("g", "reference")] == ["7"]
        assert {node.all("title")[0].text for node in drawing.all("circle", "target")} == {"view 1", "view 2"}
        assert len(drawing.all("circle", "q4")) == len(drawing.all("circle", "unscored")) == 1
    # azimuth -180..180 on 50..430, elevation -90..90 on 256..12
    azimuth, elevation = azimuth_elevation(directions[1])
    (dot,) = unrolled.all("circle", "q4")
    assert float(dot["cx"]) == pytest.approx(50.0 + 380.0 * (azimuth + 180.0) / 360.0, abs=0.01)
    assert float(dot["cy"]) == pytest.approx(256.0 - 244.0 * (elevation + 90.0) / 180.0, abs=0.01)
    (dot,) = globe.all("circle", "q4")
    assert (float(dot["cx"]), float(dot["cy"])) == pytest.approx(projected(directions[1])[:2], abs=0.01)
    far = [node.all("title")[0].text for node in globe.all("circle", "far") + globe.all("g", "far")]
    expected = [point.words for point in (*targets, *references) if projected(point.direction)[2] < 0.0]
    assert sorted(far) == sorted(expected)


def test_no_camera_is_an_error():
    with pytest.raises(EscherNetError, match="'mug' has no camera"):
        view_sphere([], [], "mug")
