# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera
from eschernet_ros.simulation import SensorModel, SensorNoise, depth_to_millimetres, expose

CAMERA = PinholeCamera(width=640, height=480, fx=607.0, fy=607.0, cx=319.5, cy=239.5)
WHITE = SensorModel(depth_correlation=0.0, random_loss=0.0, depth_step=1e-6)


def flat(z):
    return np.full((480, 640), z, np.float32)


@pytest.mark.parametrize("z", [0.3, 0.6, 1.5])
@pytest.mark.parametrize("correlation", [0.0, 1.2])
def test_depth_noise_has_the_stereo_formula_s_spread(z, correlation):
    model = SensorModel(depth_correlation=correlation, random_loss=0.0, depth_step=1e-6)
    error = SensorNoise(1, model=model).depth(flat(z), CAMERA) - z
    expected = z * z * 0.08 / (320 / np.tan(np.radians(43.5)) * 0.05)
    independent = error.size / (1 + 4 * np.pi * correlation**2)  # pixels within the blur are alike
    # The standard error of a standard deviation is sigma / sqrt(2 n): five of them.
    assert error.std() == pytest.approx(expected, rel=5 / np.sqrt(2 * independent))
    assert abs(error.mean()) < 5 * expected / np.sqrt(independent)


def test_depth_comes_in_whole_millimetres():
    measured = SensorNoise(2).depth(flat(0.4), CAMERA)
    millimetres = depth_to_millimetres(measured)
    np.testing.assert_allclose(measured, millimetres / 1000.0, atol=1e-6)
    assert millimetres.dtype == np.uint16
    assert len(np.unique(millimetres)) > 2


def test_random_losses_are_as_frequent_as_set():
    share = 0.01
    noise = SensorNoise(3, model=SensorModel(random_loss=share))
    lost = (noise.depth(flat(0.5), CAMERA) == 0).mean()
    assert lost == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / (480 * 640)))


def test_too_near_too_far_and_nothing_are_lost():
    noise = SensorNoise(4, model=WHITE)
    for z in (0.0, 0.1, 0.17, 12.0):
        assert not noise.depth(flat(z), CAMERA).any()


def test_a_near_thing_casts_a_shadow_on_its_left_only():
    depth = flat(0.6)
    depth[:, 300:400] = 0.3
    model = SensorModel(random_loss=0.0, edge_loss=0.0)
    lost = SensorNoise(5, model=model).depth(depth, CAMERA) == 0
    width = 607.0 * 0.05 * (1 / 0.3 - 1 / 0.6)
    assert lost[:, :300].sum(axis=1) == pytest.approx(width, abs=1.5)
    assert lost[:, 300 - int(width) + 2 : 300].all()
    assert not lost[:, 300:].any()


def test_pixels_beside_an_edge_are_lost_as_often_as_set():
    depth = flat(0.6)
    depth[200:, :] = 0.4
    model = SensorModel(random_loss=0.0, edge_loss=0.6)
    lost = SensorNoise(6, model=model).depth(depth, CAMERA) == 0
    assert lost[199:201].mean() == pytest.approx(0.6, abs=5 * np.sqrt(0.24 / 1280))
    assert not lost[:198].any()
    assert not lost[202:].any()


@pytest.mark.parametrize("level", [20, 120, 220])
def test_colour_noise_grows_with_brightness(level):
    image = np.full((480, 640, 3), level, np.uint8)
    error = SensorNoise(7).colour(image).astype(float) - level
    expected = np.sqrt(level * 255 / 7000 + 0.8**2 + 1 / 12)  # rounding adds 1/12
    assert error.std() == pytest.approx(expected, rel=5 / np.sqrt(2 * error.size) + 0.003)
    assert abs(error.mean()) < 5 * expected / np.sqrt(error.size) + 0.002


def test_stamps_jitter_and_never_go_back():
    noise = SensorNoise(8)
    true = np.arange(2000) * 33_333_333
    stamps = np.array([noise.stamp(int(t)) for t in true])
    assert (np.diff(stamps) > 0).all()
    assert (stamps - true).std() == pytest.approx(400_000, rel=5 / np.sqrt(2 * 2000))
    crowded = [noise.stamp(int(stamps[-1]) + i) for i in range(100)]
    assert (np.diff(crowded) > 0).all()


def test_the_same_seed_gives_the_same_noise():
    one, two, other = SensorNoise(9), SensorNoise(9), SensorNoise(10)
    first = one.depth(flat(0.5), CAMERA)
    np.testing.assert_array_equal(first, two.depth(flat(0.5), CAMERA))
    assert (first != other.depth(flat(0.5), CAMERA)).any()


def test_switched_off_nothing_changes():
    off = SensorNoise(11, enabled=False)
    depth, image = flat(0.05), np.full((4, 4, 3), 9, np.uint8)
    np.testing.assert_array_equal(off.depth(depth, CAMERA), depth)
    np.testing.assert_array_equal(off.colour(image), image)
    assert off.stamp(123) == 123


def test_exposure_averages_what_the_camera_sees_in_linear_light():
    def render(q):
        return np.full((2, 2, 3), 255 if q[0] > 0 else 0, np.uint8)

    moving = expose(render, lambda ns: np.array([ns - 100.0]), 100, 1000, samples=8)
    assert np.unique(moving) == pytest.approx(255 * 0.5 ** (1 / 2.2), abs=1)


def test_a_still_arm_is_drawn_once():
    calls = []

    def render(q):
        calls.append(q)
        return np.zeros((2, 2, 3), np.uint8)

    expose(render, lambda ns: np.zeros(7), 0, 10_000_000)
    assert len(calls) == 1


def test_bad_exposures_are_refused():
    with pytest.raises(EscherNetError, match="exposure"):
        expose(lambda q: np.zeros((1, 1, 3), np.uint8), lambda ns: np.zeros(7), 0, -1)


def test_missing_depth_is_zero_millimetres():
    depth = np.array([[np.nan, 0.0, 0.4567, 99.0]], np.float32)
    np.testing.assert_array_equal(depth_to_millimetres(depth), [[0, 0, 457, 65535]])
