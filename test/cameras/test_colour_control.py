# SPDX-License-Identifier: Apache-2.0
"""Exposure and white balance on a model of a D435i's RGB sensor, which hides what its automatic control chose."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.cameras import CameraSettingsError, ColourControl, ColourSettings
from eschernet_ros.cameras.colour_control import SETTLE_FRAMES, TOLERANCE

DELAY = 3
"""Frames until a setting shows in the picture; what the control waits must be enough."""
DEFAULTS = {"exposure": 15_600.0, "white_balance": 4600.0}


class Sensor:
    """Manual settings show ``DELAY`` frames later; options keep the manual values while automatic control is on."""

    def __init__(self, light: float = 1.0, warm: float = 1.0, options: tuple[str, ...] = ("exposure", "white_balance")):
        self.values = {**DEFAULTS, "enable_auto_exposure": 0.0, "enable_auto_white_balance": 0.0}
        self._options = [name for option in options for name in (option, f"enable_auto_{option}")]
        self._light, self._warm = light, warm
        self._history = [self._effective()] * DELAY

    def supports(self, option: str) -> bool:
        return option in self._options

    def get(self, option: str) -> float:
        return self.values[option]

    def set(self, option: str, value: float) -> None:
        self.values[option] = value

    def limits(self, option: str) -> tuple[float, float, float]:
        return {"exposure": (100.0, 1e6, 100.0), "white_balance": (2800.0, 6500.0, 10.0)}[option]

    def _effective(self) -> tuple[float, float]:
        """Exposure and white balance; the automatic control exposes to a brightness of 110 and balances to grey."""
        automatic = self.values.get("enable_auto_exposure"), self.values.get("enable_auto_white_balance")
        exposure = 110.0 / (0.02 * self._light) if automatic[0] else self.values["exposure"]
        balance = 4600.0 / self._warm if automatic[1] else self.values["white_balance"]
        return exposure, balance

    def picture(self) -> np.ndarray:
        """Return the next picture [48, 64, 3] uint8."""
        self._history.append(self._effective())
        exposure, balance = self._history.pop(0)
        grey = 0.02 * self._light * exposure
        tint = np.sqrt(self._warm * balance / 4600.0)
        pixel = np.clip([grey * tint, grey, grey / tint], 0, 255)
        return np.broadcast_to(np.round(pixel).astype(np.uint8), (48, 64, 3))


def run(sensor: Sensor, settings: ColourSettings, fps: int = 30) -> tuple[ColourControl, int]:
    """Give pictures until the control is ready; returns it and how many it took."""
    control = ColourControl(sensor, settings, 1e6 / fps)
    for count in range(1, 1000):
        if control.observe(sensor.picture()):
            return control, count
    raise AssertionError("never ready")


@pytest.mark.parametrize("light", [0.2, 0.7, 3.0, 8.0])
@pytest.mark.parametrize("warm", [0.8, 1.0, 1.3])
def test_lock_keeps_the_picture_of_the_automatic_control(light: float, warm: float) -> None:
    """Manual values are found at which the picture is as bright and as warm, whatever the defaults are."""
    sensor = Sensor(light, warm)
    control, count = run(sensor, ColourSettings(warmup_frames=10))
    assert sensor.values["enable_auto_exposure"] == sensor.values["enable_auto_white_balance"] == 0
    assert sensor.values["exposure"] == pytest.approx(110.0 / (0.02 * light), rel=TOLERANCE + 0.02)
    assert sensor.values["white_balance"] == pytest.approx(4600.0 / warm, rel=TOLERANCE + 0.02)
    assert control.warnings == []
    assert f"exposure locked at {sensor.values['exposure']:g} us" in control.state()
    assert f"white balance locked at {sensor.values['white_balance']:g} K" in control.state()
    assert 10 < count < 150
    assert sensor.picture().mean() == pytest.approx(110.0, rel=TOLERANCE + 0.02)


def test_what_cannot_be_met_is_said() -> None:
    """The light is so dim that the automatic control exposed longer than a frame lasts."""
    sensor = Sensor(light=0.1)
    control, _ = run(sensor, ColourSettings(white_balance="auto", warmup_frames=5))
    assert sensor.values["exposure"] <= 1e6 / 30
    (warning,) = control.warnings
    assert "the exposure is locked at" in warning
    assert "or no value from 100 to 33333" in warning


def test_automatic_warms_up_only() -> None:
    """The first picture after the warm-up is used."""
    sensor = Sensor()
    control, count = run(sensor, ColourSettings(exposure="auto", white_balance="auto", warmup_frames=12))
    assert count == 13
    assert sensor.values["enable_auto_exposure"] == sensor.values["enable_auto_white_balance"] == 1
    assert control.state() == "exposure automatic, white balance automatic"


def test_fixed_values_are_set_to_the_sensor_s_step() -> None:
    """And the automatic control is off from the start."""
    sensor = Sensor()
    settings = ColourSettings("fixed", 8049.0, "fixed", 5000.0, warmup_frames=0)
    control, count = run(sensor, settings)
    assert count == 1
    assert (sensor.values["exposure"], sensor.values["white_balance"]) == (8000.0, 5000.0)
    assert control.state() == "exposure fixed at 8000 us, white balance fixed at 5000 K"


def test_a_fixed_value_out_of_range_is_named() -> None:
    """With the sensor's own limits."""
    with pytest.raises(CameraSettingsError, match=r"white balance of 9000 K is outside .*: 2800 to 6500 K"):
        ColourControl(Sensor(), ColourSettings(white_balance="fixed", white_balance_k=9000.0), 33_333.0)


def test_a_sensor_without_the_control() -> None:
    """Automatic is all it can do; anything else is refused."""
    sensor = Sensor(options=("exposure",))
    control, _ = run(sensor, ColourSettings(exposure="auto", white_balance="auto", warmup_frames=1))
    assert "white balance not controllable" in control.state()
    with pytest.raises(CameraSettingsError, match="no control of its white balance, so 'lock' is not possible"):
        ColourControl(sensor, ColourSettings(), 33_333.0)


def test_recordings_are_taken_as_they_are() -> None:
    """The first picture is used."""
    control = ColourControl(None, ColourSettings(), 33_333.0)
    assert control.observe(np.zeros((8, 8, 3), np.uint8))
    assert control.state() == "exposure and white balance as recorded"


def test_the_wait_is_longer_than_the_model_s_delay() -> None:
    """Else the tests above would prove nothing."""
    assert SETTLE_FRAMES >= DELAY > 0
