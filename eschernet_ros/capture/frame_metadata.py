# SPDX-License-Identifier: Apache-2.0
"""What a RealSense driver says of each frame in JSON (``color/metadata``): exposure time and clock.

Names and units are those of ``BaseRealSenseNode::publishMetadata`` (realsense-ros 4.58) and librealsense's
``rs_frame.h``: ``hw_timestamp`` (end of the exposure) and ``sensor_timestamp`` (its middle) are microseconds of the
camera's clock, ``frame_timestamp`` and ``time_of_arrival`` milliseconds. The difference of the first two is half the
exposure, also while auto-exposure is on. ``actual_exposure`` of the colour sensor counts 100 us, and keeps the manual
value while auto-exposure is on (librealsense issues 2549, 5035, 8243): it is used only when auto-exposure is off.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eschernet_ros.errors import EscherNetError

EXPOSURE_UNIT_S = 100e-6
"""Unit of ``actual_exposure`` of the D400 series' colour sensor."""

MAX_EXPOSURE_S = 0.5
_CLOCK_WRAP_US = 2**32
_CAPACITY = 256


@dataclass(frozen=True)
class FrameMetadata:
    """One frame's metadata.

    Attributes:
        exposure_s: exposure time, or None when the metadata do not tell it.
        clock_domain: ``global_time``, ``system_time``, ``hardware_clock``, or empty when it is not told.
        frame_number: of the driver, or None.
        ros_stamp_ns: stamp of the image message, where the JSON carries it; else None.
        told: everything that the JSON says, by its own names: the camera's stamps by its own clocks among it.
    """

    exposure_s: float | None
    clock_domain: str
    frame_number: int | None
    ros_stamp_ns: int | None
    told: Mapping[str, Any] = field(default_factory=dict)


def parse_frame_metadata(text: str, exposure_unit_s: float = EXPOSURE_UNIT_S) -> FrameMetadata:
    """Read the JSON of one frame.

    Args:
        text: a JSON object with the names above; all are optional.
        exposure_unit_s: unit of ``actual_exposure``.

    Raises:
        EscherNetError: not a JSON object, or a value that is no number where one belongs.
    """
    try:
        data = json.loads(text, parse_constant=lambda name: None)  # NaN is no JSON, and no number
    except json.JSONDecodeError as error:
        raise EscherNetError(f"frame metadata are not JSON ({error}): {text[:80]!r}") from error
    if not isinstance(data, dict):
        raise EscherNetError(f"frame metadata must be a JSON object, they are: {text[:80]!r}")
    number, stamp = _number(data, "frame_number"), _number(data, "ros_stamp_ns")
    return FrameMetadata(
        exposure_s=_exposure(data, exposure_unit_s),
        clock_domain=str(data.get("clock_domain", "")).strip().lower().replace(" ", "_"),
        frame_number=None if number is None else int(number),
        ros_stamp_ns=None if stamp is None else int(stamp),
        told=data,
    )


def _exposure(data: dict[str, Any], unit_s: float) -> float | None:
    end, middle = _number(data, "hw_timestamp"), _number(data, "sensor_timestamp")
    if end is not None and middle is not None:
        exposure = 2.0 * ((end - middle) % _CLOCK_WRAP_US) * 1e-6
        if 0.0 < exposure <= MAX_EXPOSURE_S:
            return exposure
    actual = _number(data, "actual_exposure")
    if actual is not None and not _number(data, "auto_exposure") and 0.0 < actual * unit_s <= MAX_EXPOSURE_S:
        return float(actual * unit_s)
    return None


def _number(data: dict[str, Any], name: str) -> int | float | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EscherNetError(f"'{name}' of the frame metadata must be a number, it is {value!r}")
    return value


class MetadataLog:
    """The newest frames' metadata by image stamp; they come before or after their image. Thread safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._known: OrderedDict[int, FrameMetadata] = OrderedDict()
        self._newest: FrameMetadata | None = None

    def add(self, stamp_ns: int, metadata: FrameMetadata) -> None:
        """Keep the metadata of the frame with this stamp."""
        with self._changed:
            self._known[stamp_ns] = self._newest = metadata
            if len(self._known) > _CAPACITY:
                self._known.popitem(last=False)
            self._changed.notify_all()

    def wait(self, stamp_ns: int, timeout_s: float) -> FrameMetadata | None:
        """Return a frame's metadata; None when they have not come within ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: stamp_ns in self._known, timeout_s)
            return self._known.get(stamp_ns)

    def clear(self) -> None:
        """Forget all, because their images belong to a time that is over."""
        with self._changed:
            self._known.clear()
            self._newest = None

    @property
    def newest(self) -> FrameMetadata | None:
        """What came last, or None."""
        with self._changed:
            return self._newest
