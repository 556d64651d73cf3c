# SPDX-License-Identifier: Apache-2.0
"""Messages carry the library's values there and back, and bad ones are refused with a sentence."""

from __future__ import annotations

import array
import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from made_views import made_view
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image

from eschernet_ros.capture import PosedView, PoseError, PoseSample, ViewScores
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera, model_camera
from eschernet_ros.nodes import messages

numbers = st.floats(-10.0, 10.0)


def random_pose(seed: int) -> SE3:
    """Return a pose that depends on ``seed`` only."""
    generator = np.random.default_rng(seed)
    return SE3.from_rotation_translation(Rotation.random(rng=generator), generator.normal(size=3))


def image_message(pixels: np.ndarray, encoding: str, padding: int = 0) -> Image:
    """Build a message by hand, with ``padding`` bytes at the end of each row."""
    rows = pixels.reshape(pixels.shape[0], -1).view(np.uint8)
    padded = np.hstack([rows, np.full((rows.shape[0], padding), 255, np.uint8)])
    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, step=padded.shape[1])
    message.data = array.array("B", padded.tobytes())
    return message


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_survive(stamp_ns: int) -> None:
    """No nanosecond is lost."""
    assert messages.to_nanoseconds(messages.to_time(stamp_ns)) == stamp_ns
    assert messages.to_nanoseconds(messages.to_duration(stamp_ns)) == stamp_ns


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_poses_survive(seed: int) -> None:
    """Position and orientation come back."""
    pose = random_pose(seed)
    assert messages.from_pose(messages.to_pose(pose)).is_close(pose, 1e-12)


def test_unfilled_pose_is_refused() -> None:
    """A pose message nobody filled in has a zero quaternion in some languages."""
    message = messages.to_pose(SE3.identity())
    message.orientation.w = 0.0
    with pytest.raises(EscherNetError, match="norm"):
        messages.from_pose(message)


@pytest.mark.parametrize(
    ("encoding", "channels", "order"),
    [
        ("rgb8", 3, [0, 1, 2]),
        ("bgr8", 3, [2, 1, 0]),
        ("rgba8", 4, [0, 1, 2]),
        ("bgra8", 4, [2, 1, 0]),
        ("mono8", 1, [0, 0, 0]),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_colour_encodings(encoding: str, channels: int, order: list[int], padding: int) -> None:
    """Every encoding becomes RGB, with or without row padding."""
    pixels = np.random.default_rng(1).integers(0, 256, (4, 6, channels), np.uint8)
    result = messages.colour_from_image(image_message(pixels, encoding, padding))
    np.testing.assert_array_equal(result, pixels[..., order])


def test_depth_encodings() -> None:
    """REP 118: 16UC1 is millimetres, 32FC1 metres; NaN means no measurement, as 0 does."""
    millimetres = np.array([[0, 1234]], np.uint16)
    np.testing.assert_allclose(
        messages.depth_from_image(image_message(millimetres, "16UC1", 2)), [[0.0, 1.234]], rtol=1e-6
    )
    big = image_message(millimetres.astype(">u2"), "16UC1")
    big.is_bigendian = 1
    np.testing.assert_allclose(messages.depth_from_image(big), [[0.0, 1.234]], rtol=1e-6)
    metres = np.array([[np.nan, 0.5]], np.float32)
    np.testing.assert_allclose(messages.depth_from_image(image_message(metres, "32FC1")), [[0.0, 0.5]])


@pytest.mark.parametrize("dtype", ["uint8", "bool", "uint16"])
def test_images_survive(dtype: str) -> None:
    """What to_image writes, the readers read."""
    generator = np.random.default_rng(2)
    stamp = Time(sec=3, nanosec=5)
    if dtype == "uint8":
        colour = generator.integers(0, 256, (5, 7, 3), np.uint8)
        message = messages.to_image(colour[:, ::-1], "camera", stamp)
        np.testing.assert_array_equal(messages.colour_from_image(message), colour[:, ::-1])
    elif dtype == "bool":
        mask = generator.random((5, 7)) > 0.5
        message = messages.to_image(mask, "camera", stamp)
        np.testing.assert_array_equal(messages.mask_from_image(message), mask)
    else:
        depth = generator.integers(0, 65536, (5, 7), np.uint16)
        message = messages.to_image(depth, "camera", stamp)
        np.testing.assert_allclose(messages.depth_from_image(message), depth * 1e-3, rtol=1e-6)
    assert (message.header.frame_id, message.header.stamp) == ("camera", stamp)
    assert isinstance(message.data, array.array)


def test_bad_images_are_named() -> None:
    """The sentence has the encoding or the sizes in it."""
    pixels = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(EscherNetError, match="bayer_rggb8"):
        messages.colour_from_image(image_message(pixels, "bayer_rggb8"))
    with pytest.raises(EscherNetError, match="8UC3"):
        messages.depth_from_image(image_message(pixels, "8UC3"))
    with pytest.raises(EscherNetError, match="rgb8"):
        messages.mask_from_image(image_message(pixels, "rgb8"))
    short = image_message(pixels, "rgb8")
    short.height = 5
    with pytest.raises(EscherNetError, match="72 bytes"):
        messages.colour_from_image(short)
    with pytest.raises(EscherNetError, match="float32"):
        messages.to_image(np.zeros((4, 4), np.float32), "camera", Time())


@pytest.mark.parametrize("distortion", [(), (0.1, -0.2, 0.001, 0.002, 0.05), (0.1,) * 8])
def test_cameras_survive(distortion: tuple[float, ...]) -> None:
    """Intrinsics and distortion come back; the model named fits the number of coefficients."""
    camera = PinholeCamera(640, 480, 607.1, 606.9, 321.5, 238.2, distortion)
    message = messages.to_camera_info(camera, "camera", Time())
    assert messages.from_camera_info(message) == camera
    assert message.distortion_model == ("rational_polynomial" if len(distortion) == 8 else "plumb_bob")
    assert message.p[:3] == pytest.approx(message.k[:3])


def test_unusable_cameras_are_named() -> None:
    """An uncalibrated driver publishes zeros; a fisheye model is not OpenCV's pinhole."""
    with pytest.raises(EscherNetError, match="calibrated"):
        messages.from_camera_info(CameraInfo(width=640, height=480))
    fisheye = messages.to_camera_info(model_camera(64), "fish", Time())
    fisheye.distortion_model, fisheye.d = "equidistant", [0.1, 0.0, 0.0, 0.0]
    with pytest.raises(EscherNetError, match="equidistant"):
        messages.from_camera_info(fisheye)


def test_unknown_scores_stay_unknown() -> None:
    """NaN in the message is NaN in the library."""
    back = messages.from_posed_view(made_view(0, 20.0))
    assert back.scores.equals(ViewScores())
    assert all(math.isnan(value) for value in back.pose_error)
    assert math.isnan(back.exposure_s) and back.exposure_source == ""


def test_posed_views_survive() -> None:
    """A PosedView message holds all of the library's view."""
    generator = np.random.default_rng(3)
    view = PosedView(
        index=7,
        stamp_ns=1_700_000_000_123_456_789,
        image_stamp_ns=1_700_000_000_127_456_789,
        image=generator.integers(0, 256, (32, 32, 3), np.uint8),
        mask=generator.random((32, 32)) > 0.5,
        camera=model_camera(32),
        source_camera=PinholeCamera(640, 480, 607.0, 607.0, 320.0, 240.0, (0.1, 0.0, 0.0, 0.0, 0.0)),
        base_from_camera_optical=random_pose(1),
        object_frame=ObjectFrame(random_pose(2), (0.1, 0.2, 0.05)),
        pose_sample=PoseSample(random_pose(4), 1_700_000_000_123_456_789, 5_000_000, 1_000_000, 0.25, 0.5),
        exposure_s=0.008,
        exposure_source="metadata",
        pose_error=PoseError(0.001, 0.002, 0.7, 0.25, 1.5),
        scores=ViewScores(0.0001, 0.0002, 0.4, 0.01, 0.02, 0.9, 0.3, 0.1),
        warnings=("one", "two"),
    )
    info = messages.to_camera_info(view.source_camera, "camera_color_optical_frame", messages.to_time(5))
    message = messages.to_posed_view(
        view,
        object_frame="object",
        base_frame="base",
        hand_eye=random_pose(5),
        source_info=info,
        pose_of="flange",
    )
    back = messages.from_posed_view(message)
    np.testing.assert_array_equal(back.image, view.image)
    np.testing.assert_array_equal(back.mask, view.mask)
    assert back.base_from_camera_optical.is_close(view.base_from_camera_optical, 1e-12)
    assert back.object_frame.base_from_object.is_close(view.object_frame.base_from_object, 1e-12)
    assert back.pose_sample.pose.is_close(view.pose_sample.pose, 1e-12)
    assert back.pose_sample[1:] == view.pose_sample[1:]
    for name in (
        *("index", "stamp_ns", "image_stamp_ns", "camera", "source_camera", "warnings"),
        *("exposure_s", "exposure_source", "pose_error", "scores"),
    ):
        assert getattr(back, name) == getattr(view, name)
    assert (message.header.frame_id, message.base_frame, message.pose_of) == ("object", "base", "flange")
    assert message.scale == pytest.approx(5.0)
    assert message.image.header.frame_id == "camera_color_optical_frame"
