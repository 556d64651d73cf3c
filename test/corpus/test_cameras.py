# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from eschernet_ros.corpus.cameras import random_camera
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import aim_deviation, spherical_from_pose


def test_cameras_fill_the_band_evenly():
    rng = np.random.default_rng(1)
    cameras = [random_camera(rng, (-20.0, 60.0)) for _ in range(2000)]
    azimuth, polar, radius = np.array([spherical_from_pose(camera) for camera in cameras]).T
    elevation = 90 - np.degrees(polar)
    assert elevation.min() >= -20.000001
    assert elevation.max() <= 60.000001
    share = (np.sin(np.radians(elevation)) > (np.sin(np.radians(-20)) + np.sin(np.radians(60))) / 2).mean()
    assert share == pytest.approx(0.5, abs=0.04)  # uniform on the sphere, not in degrees
    assert 1.5 <= radius.min() < 1.52
    assert 2.18 < radius.max() <= 2.2
    assert abs(np.exp(1j * azimuth).mean()) < 0.06


def test_cameras_look_at_the_origin_without_roll():
    rng = np.random.default_rng(2)
    for _ in range(50):
        deviation = aim_deviation(random_camera(rng))
        assert deviation.aim == pytest.approx(0.0, abs=1e-6)
        assert deviation.roll == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("pole", [-90.0, 90.0])
def test_the_poles_are_cameras_too(pole):
    camera = random_camera(np.random.default_rng(3), (pole, pole))
    centre = camera.inverse().translation
    assert np.hypot(*centre[:2]) < 1e-6
    assert np.sign(centre[2]) == np.sign(pole)


@pytest.mark.parametrize("band", [(10.0, -10.0), (-91.0, 0.0), (0.0, 90.5), (float("nan"), 1.0)])
def test_bands_that_are_none_are_refused(band):
    with pytest.raises(EscherNetError, match="elevation"):
        random_camera(np.random.default_rng(0), band)
