# SPDX-License-Identifier: Apache-2.0
"""Depth that is recorded is what the driver sent, to the bit; what a driver says of a frame is kept as it is."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from eschernet_ros.capture import parse_frame_metadata
from eschernet_ros.capture.image_messages import colour_from_image, depth_from_image, depth_mm_from_image
from eschernet_ros.errors import EscherNetError


def message(pixels: np.ndarray, encoding: str, padding: int = 0, big: bool = False) -> SimpleNamespace:
    """An image message whose rows end in padding."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(pixels.dtype.newbyteorder(">") if big else pixels.dtype).reshape(height, -1).view(np.uint8)
    data = np.pad(rows, ((0, 0), (0, padding)))
    step = data.shape[1]
    return SimpleNamespace(
        height=height, width=width, encoding=encoding, step=step, is_bigendian=big, data=data.tobytes()
    )


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("padding", [0, 6])
def test_millimetres_stay_as_they_are(big, padding) -> None:
    depth = np.random.default_rng(0).integers(0, 65536, (5, 7), np.uint16)
    sent = message(depth, "16UC1", padding, big)
    found = depth_mm_from_image(sent)
    assert found.dtype == np.uint16 and found.dtype.isnative
    np.testing.assert_array_equal(found, depth)
    np.testing.assert_array_equal(np.rint(depth_from_image(sent) * 1e3), depth)


def test_metres_are_rounded_and_what_is_no_measurement_is_zero() -> None:
    depth = np.array([[0.0, 0.5004, 1.0006, np.nan], [np.inf, -1.0, 65.535, 65.6]], np.float32)
    np.testing.assert_array_equal(
        depth_mm_from_image(message(depth, "32FC1")), np.array([[0, 500, 1001, 0], [0, 0, 65535, 0]], np.uint16)
    )


def test_other_depth_is_refused() -> None:
    with pytest.raises(EscherNetError, match="encoding '8UC1'; understood are 16UC1"):
        depth_mm_from_image(message(np.zeros((2, 2), np.uint8), "8UC1"))


def test_colour_comes_as_rgb_whatever_its_order() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (4, 5, 3), np.uint8)
    np.testing.assert_array_equal(colour_from_image(message(rgb, "rgb8", 3)), rgb)
    np.testing.assert_array_equal(colour_from_image(message(rgb[..., ::-1], "bgr8")), rgb)
    mono = colour_from_image(message(rgb[..., 0], "mono8"))
    np.testing.assert_array_equal(mono, np.repeat(rgb[..., :1], 3, axis=2))


def test_a_drivers_words_are_kept_and_nan_is_no_number() -> None:
    told = parse_frame_metadata(
        '{"frame_number": 7, "gain": 16, "temperature": NaN, "clock_domain": "Global Time"}'
    ).told
    assert told == {"frame_number": 7, "gain": 16, "temperature": None, "clock_domain": "Global Time"}
