# SPDX-License-Identifier: Apache-2.0
"""What the guidance says after every sample."""

from __future__ import annotations

import re

import numpy as np
import pytest

from eschernet_ros.calibration.diversity import diversity
from eschernet_ros.geometry import SE3


def turned(*degrees: tuple[float, float, float]) -> list[SE3]:
    """Board poses after turns about the camera's axes."""
    return [SE3.from_rotvec(np.radians(turn), [0.0, 0.0, 0.4]) for turn in degrees]


def test_first_sample_asks_for_another_view():
    assert diversity(turned((0, 0, 0))).sentence() == (
        "1 sample: turned by 0 deg about the horizontal axis, 0 deg about the vertical axis, 0 deg about the viewing "
        "axis. Next, turn the arm to another view of the board"
    )


@pytest.mark.parametrize(
    ("turns", "in_hand", "to_hand"),
    [
        (
            [(0, 0, 0), (0, 45, 0), (0, 0, 65)],
            r"Missing: 15 deg about the horizontal axis \(40 are wanted\). Next, move the camera up or down",
            "Next, tilt the board forwards or backwards",
        ),
        (
            [(0, 0, 0), (42, 0, 0), (0, 10, 0), (0, 0, 65)],
            "Missing: 16 deg about the vertical axis .* Next, move the camera to the side",
            "Next, swing the board to the left or the right",
        ),
        (
            [(0, 0, 0), (42, 0, 0), (0, 45, 0), (0, 0, 20)],
            "Missing: .* deg about the viewing axis .60 are wanted.. Next, roll the camera",
            "Next, roll the board in the picture",
        ),
    ],
)
def test_the_missing_turn_is_named(turns, in_hand, to_hand):
    assert re.search(in_hand, diversity(turned(*turns)).sentence())
    assert re.search(to_hand, diversity(turned(*turns), eye_in_hand=False).sentence())


def test_enough_turns_ask_for_more_samples_and_then_for_nothing():
    turns = [(0, 0, 0), (42, 0, 0), (0, 45, 0), (0, 0, 70)]
    few = diversity(turned(*turns))
    assert few.sentence().endswith("Every turn is there; 8 more samples would make it good")
    assert not few.complete
    many = diversity(turned(*turns * 3))
    assert many.sentence().endswith("Every turn is there, and there are samples enough")
    assert many.complete


def test_turns_about_one_slanting_axis_are_no_diversity():
    axis = np.array([1.0, 1.0, 1.4]) / np.linalg.norm([1.0, 1.0, 1.4])
    measured = diversity(turned(*(tuple(axis * angle) for angle in np.linspace(0, 100, 12))))
    assert measured.missing == ()
    assert not measured.complete
    assert "But all turns are about one slanting axis" in measured.sentence()
