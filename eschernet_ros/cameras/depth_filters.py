# SPDX-License-Identifier: Apache-2.0
"""librealsense's depth filters, in the order its documentation recommends, and the alignment to colour after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eschernet_ros.cameras.camera import CameraSettingsError

HOLE_FILLING = ("off", "left", "farthest", "nearest")
"""``off``, then librealsense's modes in the order of their numbers."""

MILLIMETRE = 0.001


@dataclass(frozen=True)
class DepthFilterSettings:
    """Which filters run. Names, ranges and meanings: librealsense, ``doc/post-processing-filters.md``.

    Args:
        decimation: side of the square of pixels that becomes one; 1: off. The depth is aligned to the full colour
            picture afterwards, so it keeps fitting it, pixel by pixel.
        min_m, max_m: depth outside is dropped, metres; both 0: off.
        disparity: run spatial and temporal filter on disparity instead of depth.
        spatial: edge-preserving smoothing.
        spatial_alpha, spatial_delta, spatial_magnitude: its weight, its step that counts as an edge, its passes.
        temporal: smoothing over frames; only for a camera and a scene at rest.
        temporal_alpha, temporal_delta, temporal_persistence: its weight, its step, its credits of old depth.
        hole_filling: ``off``, ``left``, ``farthest`` or ``nearest``.
    """

    decimation: int = 1
    min_m: float = 0.0
    max_m: float = 0.0
    disparity: bool = False
    spatial: bool = False
    spatial_alpha: float = 0.5
    spatial_delta: int = 20
    spatial_magnitude: int = 2
    temporal: bool = False
    temporal_alpha: float = 0.4
    temporal_delta: int = 20
    temporal_persistence: int = 3
    hole_filling: str = "off"

    def __post_init__(self) -> None:
        if not 1 <= self.decimation <= 8:
            raise CameraSettingsError(f"the decimation must be 1 (off) to 8, it is {self.decimation}")
        if (self.min_m or self.max_m) and not 0.0 <= self.min_m < self.max_m:
            raise CameraSettingsError(
                f"depth is kept from {self.min_m:g} m to {self.max_m:g} m; the second must be larger (both 0: off)"
            )
        if self.disparity and not (self.spatial or self.temporal):
            raise CameraSettingsError(
                "the disparity transform changes what the spatial and temporal filters do, and both are off: "
                "switch one on, or the disparity transform off"
            )
        if self.hole_filling not in HOLE_FILLING:
            raise CameraSettingsError(
                f"hole filling is '{self.hole_filling}'; it must be one of: {', '.join(HOLE_FILLING)}"
            )


class DepthFilters:
    """The filters and the alignment for one stream of framesets; the temporal filter remembers earlier ones.

    Args:
        rs: the module ``pyrealsense2``.
        settings: which filters run.
    """

    def __init__(self, rs: Any, settings: DepthFilterSettings) -> None:
        self._filters: list[Any] = []
        s, option = settings, rs.option
        if s.decimation > 1:
            self._add(rs.decimation_filter(), {option.filter_magnitude: s.decimation})
        if s.max_m > 0.0:
            self._add(rs.threshold_filter(), {option.min_distance: s.min_m, option.max_distance: s.max_m})
        if s.disparity:
            self._add(rs.disparity_transform(True), {})
        if s.spatial:
            self._add(
                rs.spatial_filter(),
                {
                    option.filter_smooth_alpha: s.spatial_alpha,
                    option.filter_smooth_delta: s.spatial_delta,
                    option.filter_magnitude: s.spatial_magnitude,
                },
            )
        if s.temporal:
            self._add(
                rs.temporal_filter(),
                {
                    option.filter_smooth_alpha: s.temporal_alpha,
                    option.filter_smooth_delta: s.temporal_delta,
                    option.holes_fill: s.temporal_persistence,
                },
            )
        if s.disparity:
            self._add(rs.disparity_transform(False), {})
        if s.hole_filling != "off":
            self._add(rs.hole_filling_filter(), {option.holes_fill: HOLE_FILLING.index(s.hole_filling) - 1})
        self._align = rs.align(rs.stream.color)

    def _add(self, made: Any, options: dict[Any, float]) -> None:
        for option, value in options.items():
            made.set_option(option, value)
        self._filters.append(made)

    def process(self, frameset: Any) -> np.ndarray:
        """Return the depth of a frameset as seen by its colour camera, [H, W] uint16 millimetres."""
        for step in self._filters:
            frameset = step.process(frameset).as_frameset()
        depth = self._align.process(frameset).get_depth_frame()
        return to_millimetres(np.asanyarray(depth.get_data()), depth.get_units())


def to_millimetres(depth: np.ndarray, unit_m: float) -> np.ndarray:
    """Return depth [H, W] uint16 in millimetres: the very same array where that is its unit already.

    Args:
        depth: [H, W] uint16.
        unit_m: metres per count; a depth that does not fit 16 bits becomes 0, no measurement.
    """
    if abs(unit_m - MILLIMETRE) < 1e-9:
        return depth
    millimetres = np.rint(depth * (unit_m / MILLIMETRE))
    return np.where(millimetres > np.iinfo(np.uint16).max, 0.0, millimetres).astype(np.uint16)
