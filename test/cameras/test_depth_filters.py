# SPDX-License-Identifier: Apache-2.0
"""librealsense's filters keep the depth fitting the colour picture, and do what they are named for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from realsense_recording import DEPTH_MM, Recording

from eschernet_ros.cameras import CameraSettingsError, DepthFilterSettings
from eschernet_ros.cameras.depth_filters import DepthFilters, to_millimetres


@pytest.fixture(scope="module")
def framesets(rs: Any, recording: Recording) -> list[Any]:
    """Return framesets of colour and depth, read one by one so that none is lost."""
    pipeline, config = rs.pipeline(), rs.config()
    config.enable_device_from_file(str(recording.path), False)
    config.enable_stream(rs.stream.color)
    config.enable_stream(rs.stream.depth)
    config.resolve(pipeline).get_device().as_playback().set_real_time(False)
    pipeline.start(config)
    found = []
    while len(found) < 5:
        arrived, frameset = pipeline.try_wait_for_frames(5000)
        assert arrived
        if frameset.get_color_frame() and frameset.get_depth_frame():
            frameset.keep()
            found.append(frameset)
    pipeline.stop()
    return found


def aligned(rs: Any, frameset: Any, settings: DepthFilterSettings | None = None) -> np.ndarray:
    """Return the depth through the filters."""
    return DepthFilters(rs, settings or DepthFilterSettings()).process(frameset).copy()


def test_without_filters_it_is_librealsense_s_own_alignment(rs: Any, framesets: list[Any]) -> None:
    """Bit by bit."""
    for frameset in framesets:
        expected = np.asanyarray(rs.align(rs.stream.color).process(frameset).get_depth_frame().get_data())
        np.testing.assert_array_equal(aligned(rs, frameset), expected)
        assert expected.dtype == np.uint16
        assert expected.shape == (240, 320)
        assert set(np.unique(expected // 100 * 100)) == {0, *range(DEPTH_MM, DEPTH_MM + 400, 100)}


@pytest.mark.parametrize("decimation", [2, 3, 8])
def test_decimation_keeps_the_alignment(rs: Any, framesets: list[Any], decimation: int) -> None:
    """The size stays that of the colour picture, and away from the edges every pixel keeps its depth."""
    plain = aligned(rs, framesets[0])
    coarse = aligned(rs, framesets[0], DepthFilterSettings(decimation=decimation))
    assert coarse.shape == plain.shape
    window = 2 * decimation + 1
    patches = np.lib.stride_tricks.sliding_window_view(plain, (window, window))
    inside = np.zeros(plain.shape, bool)
    inside[decimation:-decimation, decimation:-decimation] = (patches == patches[..., :1, :1]).all(axis=(2, 3))
    inside &= plain > 0
    assert inside.mean() > 0.4
    assert (coarse[inside] == plain[inside]).mean() > 0.98


def test_threshold(rs: Any, framesets: list[Any]) -> None:
    """What is nearer or farther has no depth."""
    plain = aligned(rs, framesets[0])
    kept = aligned(rs, framesets[0], DepthFilterSettings(min_m=0.79, max_m=0.95))
    assert set(np.unique(kept)) <= {0, *range(790, 951)}
    assert 0.2 < (kept > 0).mean() < (plain > 0).mean()


@pytest.mark.parametrize("mode", ["left", "farthest", "nearest"])
def test_hole_filling(rs: Any, framesets: list[Any], mode: str) -> None:
    """The hole of the scene closes with the depth around it."""
    hole = (slice(90, 114), slice(92, 122))
    assert not aligned(rs, framesets[0])[hole].any()
    around = aligned(rs, framesets[0])[80, 100]
    assert around > 0
    np.testing.assert_array_equal(aligned(rs, framesets[0], DepthFilterSettings(hole_filling=mode))[hole], around)


def test_spatial_and_temporal_smooth(rs: Any, framesets: list[Any]) -> None:
    """The scene comes nearer by 1 mm a frame, which the temporal filter lags behind; on disparity too."""
    for disparity in (False, True):
        settings = DepthFilterSettings(spatial=True, temporal=True, temporal_alpha=0.2, disparity=disparity)
        filters = DepthFilters(rs, settings)
        last = [filters.process(frameset).copy() for frameset in framesets][-1]
        plain = aligned(rs, framesets[-1])
        both = (last > 0) & (plain > 0)
        difference = last[both].astype(int) - plain[both]
        assert both.mean() > 0.5
        assert -4 <= np.median(difference) < 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"decimation": 9}, "decimation must be 1 .* it is 9"),
        ({"min_m": 2.0, "max_m": 1.0}, "from 2 m to 1 m; the second must be larger"),
        ({"disparity": True}, "the spatial and temporal filters do, and both are off"),
        ({"hole_filling": "right"}, "hole filling is 'right'; it must be one of: off, left, farthest, nearest"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], sentence: str) -> None:
    """Each with its values."""
    with pytest.raises(CameraSettingsError, match=sentence):
        DepthFilterSettings(**settings)


def test_other_units() -> None:
    """A D405 counts 0.1 mm, a D400 may count micrometres; beyond 16 bits there is no measurement."""
    depth = np.array([[0, 4, 10_000, 65_535]], np.uint16)
    assert to_millimetres(depth, 0.001) is depth
    np.testing.assert_array_equal(to_millimetres(depth, 0.0001), [[0, 0, 1000, 6554]])
    np.testing.assert_array_equal(to_millimetres(depth, 0.01), [[0, 40, 0, 0]])
    assert to_millimetres(depth, 0.01).dtype == np.uint16
