# SPDX-License-Identifier: Apache-2.0
"""Exposure and white balance of a colour camera: automatic, fixed, or found automatically and then locked.

The RGB sensor of a D435i does not tell what its automatic control chose: options and metadata keep the manual values
(librealsense issues 2549, 5035, 7267), so switching the control off jumps to those. Locking therefore compares
pictures: the manual setting is searched at which they are as bright (as warm) as the automatic one made them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eschernet_ros.cameras.camera import CameraSettingsError
from eschernet_ros.cameras.setting_search import SettingSearch

AUTO, LOCK, FIXED = "auto", "lock", "fixed"
MODES = (AUTO, LOCK, FIXED)

SETTLE_FRAMES = 4
"""Frames until a new setting is in the picture: one that is being exposed, those on their way, and one to spare."""
TOLERANCE = 0.03
"""Share by which brightness or warmth may differ from the automatic picture."""
_SAMPLING = 8  # every eighth pixel of every eighth row is measured


class ColourSensor(Protocol):
    """Options of a sensor by librealsense's names; exposure in microseconds."""

    def supports(self, option: str) -> bool:
        """Return whether the sensor has the option."""

    def get(self, option: str) -> float:
        """Return the value of an option."""

    def set(self, option: str, value: float) -> None:
        """Set an option."""

    def limits(self, option: str) -> tuple[float, float, float]:
        """Return lowest value, highest value and step of an option."""


@dataclass(frozen=True)
class ColourSettings:
    """What exposure and white balance should do.

    Args:
        exposure, white_balance: ``auto``, ``lock`` or ``fixed``.
        exposure_us: for ``fixed``, microseconds.
        white_balance_k: for ``fixed``, kelvin.
        warmup_frames: frames that are thrown away after each start, while automatic controls settle.
    """

    exposure: str = LOCK
    exposure_us: float = 8000.0
    white_balance: str = LOCK
    white_balance_k: float = 4600.0
    warmup_frames: int = 30


class ColourControl:
    """Brings a sensor into the state asked for, frame by frame.

    Args:
        sensor: its options; None: a recording, which has none.
        settings: what to do.
        longest_exposure_us: one frame's time; a longer exposure would lower the rate.

    Raises:
        CameraSettingsError: a fixed value outside the sensor's range, or a control the sensor does not have.
    """

    def __init__(self, sensor: ColourSensor | None, settings: ColourSettings, longest_exposure_us: float) -> None:
        self.warnings: list[str] = []
        self.states: dict[str, str] = {}
        self.ready = False
        self._sensor = sensor
        self._settings = settings
        self._longest_exposure_us = longest_exposure_us
        self._work: Generator[None, np.ndarray, Any]
        if sensor is None:
            self.states["exposure"] = "exposure and white balance as recorded"
            self._work = self._wait(0)
        else:
            self._begin(sensor, "exposure", settings.exposure, settings.exposure_us, "us")
            self._begin(sensor, "white_balance", settings.white_balance, settings.white_balance_k, "K")
            self._work = self._steps(sensor)
        next(self._work, None)

    def observe(self, colour: np.ndarray) -> bool:
        """Take a picture [H, W, 3]; returns whether it is one to use, or still one of the warm-up."""
        if not self.ready:
            try:
                self._work.send(colour)
            except StopIteration:
                self.ready = True
        return self.ready

    def state(self) -> str:
        """Return what exposure and white balance do now, in one line."""
        return ", ".join(self.states.values())

    def _begin(self, sensor: ColourSensor, option: str, mode: str, value: float, unit: str) -> None:
        """Switch the automatic control on, or off and set the value."""
        name = option.replace("_", " ")
        automatic = f"enable_auto_{option}"
        if not sensor.supports(automatic) or not sensor.supports(option):
            if mode != AUTO:
                raise CameraSettingsError(
                    f"the colour sensor has no control of its {name}, so '{mode}' is not possible: set it to '{AUTO}'"
                )
            self.states[option] = f"{name} not controllable"
            return
        if mode == FIXED:
            low, high, step = sensor.limits(option)
            if not low <= value <= high:
                raise CameraSettingsError(
                    f"the fixed {name} of {value:g} {unit} is outside what the colour sensor can do: "
                    f"{low:g} to {high:g} {unit}"
                )
            sensor.set(automatic, 0)
            sensor.set(option, low + round((value - low) / step) * step)
            self.states[option] = f"{name} fixed at {sensor.get(option):g} {unit}"
        else:
            sensor.set(automatic, 1)
            self.states[option] = f"{name} automatic"

    def _wait(self, count: int) -> Generator[None, np.ndarray, np.ndarray]:
        """Let ``count`` frames pass; returns the one after them."""
        for _ in range(count):
            yield
        return (yield)

    def _steps(self, sensor: ColourSensor) -> Generator[None, np.ndarray, None]:
        """Warm up, then lock: the white balance first, because it hardly depends on brightness."""
        colour = yield from self._wait(self._settings.warmup_frames)
        if self._settings.white_balance == LOCK:
            yield from self._lock(sensor, "white_balance", "K", _warmth(colour), _warmth, proportional=False)
            colour = yield from self._wait(SETTLE_FRAMES)
        if self._settings.exposure == LOCK:
            yield from self._lock(sensor, "exposure", "us", _brightness(colour), _brightness, proportional=True)
            yield from self._wait(SETTLE_FRAMES)

    def _lock(
        self,
        sensor: ColourSensor,
        option: str,
        unit: str,
        target: float,
        measure: _Measure,
        *,
        proportional: bool,
    ) -> Generator[None, np.ndarray, None]:
        """Switch the automatic control off and search the value at which the picture measures ``target``."""
        name = option.replace("_", " ")
        low, high, step = sensor.limits(option)
        if option == "exposure":
            high = max(low + step, min(high, self._longest_exposure_us))
        start = sensor.get(option)
        sensor.set(f"enable_auto_{option}", 0)
        search = SettingSearch(
            low=low,
            high=high,
            step=step,
            start=start,
            target=max(target, 1e-6),
            tolerance=TOLERANCE,
            proportional=proportional,
        )
        while not search.done:
            sensor.set(option, search.value)
            search.observe(measure((yield from self._wait(SETTLE_FRAMES))))
        sensor.set(option, search.value)
        self.states[option] = f"{name} locked at {search.value:g} {unit}"
        if not search.found:
            self.warnings.append(
                f"the {name} is locked at {search.value:g} {unit}, where pictures are {100 * search.error:.0f} % off "
                "what the automatic control made of them: the light changed meanwhile, or no value from "
                f"{low:g} to {high:g} {unit} gives that; light the scene steadily, or give a fixed value"
            )


class _Measure(Protocol):
    def __call__(self, colour: np.ndarray, /) -> float: ...


def _brightness(colour: np.ndarray) -> float:
    return float(colour[::_SAMPLING, ::_SAMPLING].mean())


def _warmth(colour: np.ndarray) -> float:
    """Red over blue: grows with the colour temperature set."""
    red, _, blue = colour[::_SAMPLING, ::_SAMPLING].reshape(-1, 3).mean(axis=0)
    return float(red / max(blue, 1e-6))
