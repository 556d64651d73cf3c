# SPDX-License-Identifier: Apache-2.0
"""What the recorder writes is what the published rule and the package's own reader read."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.datasets import (
    DatasetError,
    FrameRecord,
    Franka16Writer,
    PoseInterpolation,
    open_dataset,
    published_loss,
    read_frames_file,
)
from eschernet_ros.geometry import SE3

angles = st.tuples(
    st.floats(-math.pi, math.pi), st.floats(math.radians(1.0), math.radians(179.0))
)  # azimuth, polar; at the poles an azimuth has no meaning
vectors = st.tuples(*[st.floats(-3.0, 3.0)] * 3)


@settings(deadline=None, max_examples=25)
@given(st.lists(angles, min_size=1, max_size=4))
def test_upright_poses_survive_the_published_rule(record_of, image_of, upright, published_loader, directions):
    poses = [upright(azimuth, polar, 1.5) for azimuth, polar in directions]
    with tempfile.TemporaryDirectory() as folder:
        with Franka16Writer(folder) as writer:
            for number, pose in enumerate(poses):
                image, mask = image_of(number)
                written = writer.add(image, record_of(pose), mask)
                assert written.loss.aim_deg == pytest.approx(0.0, abs=1e-5)
                assert written.loss.roll_deg == pytest.approx(0.0, abs=1e-5)
                assert written.loss.radius_ratio == pytest.approx(1.0)
        images, read = published_loader(Path(folder))
    np.testing.assert_allclose(read, [pose.matrix for pose in poses], atol=1e-9)
    for number, rgba in enumerate(images):
        image, mask = image_of(number)
        np.testing.assert_array_equal(rgba[..., :3], image)
        np.testing.assert_array_equal(rgba[..., 3], np.where(mask, 255, 0))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(vectors, vectors), min_size=1, max_size=3))
def test_any_pose_survives_the_own_reader_exactly(record_of, image_of, transforms):
    poses = [SE3.from_rotvec(turn, np.add(shift, (0.0, 0.0, 6.0))) for turn, shift in transforms]
    records = [record_of(pose, number) for number, pose in enumerate(poses)]
    with tempfile.TemporaryDirectory() as folder:
        with Franka16Writer(folder) as writer:
            for number, record in enumerate(records):
                writer.add(*image_of(number)[:1], record, image_of(number)[1])
        views = open_dataset(folder).read(image_size=None)
        kept = read_frames_file(Path(folder))
    np.testing.assert_array_equal(
        views.camera_gl_from_world, [record.camera_gl_from_object.matrix for record in records]
    )
    assert "frames.jsonl" in views.pose_source
    for number, (record, stored) in enumerate(zip(records, kept.records, strict=True)):
        np.testing.assert_array_equal(stored.base_from_camera_optical.matrix, record.base_from_camera_optical.matrix)
        np.testing.assert_array_equal(
            stored.object_frame.base_from_object.matrix, record.object_frame.base_from_object.matrix
        )
        assert stored.object_frame.size == record.object_frame.size
        assert stored.camera == record.camera
        assert stored.source_camera == record.source_camera
        assert (stored.image_stamp_ns, stored.stamp_ns) == (record.image_stamp_ns, record.stamp_ns)
        assert stored.interpolation == record.interpolation
        np.testing.assert_array_equal(views.images[number], image_of(number)[0])
        np.testing.assert_array_equal(views.masks[number], image_of(number)[1])


@pytest.fixture
def tilted(upright):
    """A camera 2.1 away, turned by 20 deg about its axis after being aimed 6 deg beside the object."""
    aside = SE3.from_rotvec([math.radians(6.0), 0.0, 0.0], [0.0, 0.0, 0.0])
    roll = SE3.from_rotvec([0.0, 0.0, math.radians(20.0)], [0.0, 0.0, 0.0])
    return roll @ aside @ upright(0.4, 1.0, 2.1)


def test_loss_of_the_published_rule_is_measured_returned_and_stored(
    record_of, image_of, tilted, journal_frames, tmp_path
):
    with Franka16Writer(tmp_path) as writer:
        written = writer.add(image_of(0)[0], record_of(tilted), image_of(0)[1])
    assert written.loss.radius_ratio == pytest.approx(2.1 / 1.5)
    assert written.loss.aim_deg == pytest.approx(6.0)
    assert abs(written.loss.roll_deg) == pytest.approx(20.0)
    assert written.loss.direction_deg == pytest.approx(0.0, abs=1e-6)
    stored = journal_frames(tmp_path)[0]["published_loss"]
    assert stored == written.loss.as_dict()
    sentence = written.loss.sentence()
    assert "2.100" in sentence
    assert "6.0 deg in aim" in sentence
    assert "20.0 deg in roll" in sentence


def test_loss_of_a_camera_at_the_origin_is_refused():
    with pytest.raises(ValueError, match="origin"):
        published_loss(SE3.identity())


def test_published_poses_on_request(record_of, image_of, tilted, published_loader, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        writer.add(image_of(0)[0], record_of(tilted), image_of(0)[1])
    views = open_dataset(tmp_path).read(published_poses=True)
    np.testing.assert_allclose(views.camera_gl_from_world, published_loader(tmp_path)[1], atol=1e-9)
    assert "Published rule" in views.pose_source
    assert views.scale is None


def test_folder_without_records_is_read_by_the_published_rule(record_of, image_of, upright, published_loader, tmp_path):
    with Franka16Writer(tmp_path) as writer:
        for number in range(3):
            writer.add(image_of(number)[0], record_of(upright(number, 1.2, 1.9)), image_of(number)[1])
    (tmp_path / "recording.json").unlink()
    views = open_dataset(tmp_path).read()
    np.testing.assert_allclose(views.camera_gl_from_world, published_loader(tmp_path)[1], atol=1e-9)
    assert views.images.shape == (3, 256, 256, 3)
    assert views.metadata == {}


def test_scale_is_known_when_all_frames_share_it(record_of, image_of, upright, object_frame, tmp_path):
    other = replace(object_frame, size=(0.2, 0.2, 0.2))
    pose = upright(0.0, 1.0, 1.7)
    with Franka16Writer(tmp_path) as writer:
        writer.add(image_of(0)[0], record_of(pose), image_of(0)[1])
        assert open_dataset(tmp_path).read().scale == pytest.approx(1 / 0.12)
        base = other.denormalise(pose)
        writer.add(
            image_of(1)[0],
            record_of(
                pose,
                object_frame=other,
                base_from_camera_optical=base,
                camera_gl_from_object=other.normalise(base),
            ),
            image_of(1)[1],
        )
    assert open_dataset(tmp_path).read().scale is None


def test_record_of_a_captured_view(record_of, upright):
    record = record_of(upright(0.2, 1.0, 1.6), warnings=("moving",))
    view = SimpleNamespace(
        image_stamp_ns=record.image_stamp_ns,
        stamp_ns=record.stamp_ns,
        camera=record.camera,
        source_camera=record.source_camera,
        base_from_camera_optical=record.base_from_camera_optical,
        object_frame=record.object_frame,
        camera_gl_from_object=record.camera_gl_from_object,
        pose_sample=SimpleNamespace(
            pose=SE3.from_rotvec([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]),
            gap_ns=5,
            offset_ns=2,
            linear_speed=0.25,
            angular_speed=0.5,
        ),
        frame_from_camera_optical=SE3.from_rotvec([0.0, 0.0, 0.3], [0.0, 0.1, 0.0]),
        warnings=["moving"],
        quality={"exposure_s": 0.008, "exposure_source": "metadata", "blur": math.nan},
    )
    taken = FrameRecord.from_view(view, base_frame="base", pose_of="flange", joints={"j1": 0.5}, received_ns=7)
    assert taken.arm.base_frame == "base" and taken.arm.pose_of == "flange" and taken.arm.joints == {"j1": 0.5}
    expected = view.pose_sample.pose @ view.frame_from_camera_optical
    assert taken.base_from_source_optical.is_close(expected, atol=1e-12)
    assert taken.received_ns == 7
    assert taken.quality == view.quality
    assert taken.interpolation == PoseInterpolation(5, 2, 0.25, 0.5)
    assert taken.warnings == ("moving",)
    assert taken.camera_gl_from_object is record.camera_gl_from_object


def test_unknown_speed_and_missing_extras_are_kept(record_of, image_of, upright, tmp_path):
    unknown = PoseInterpolation(0, 0, math.nan, math.nan)
    pose = upright(0.2, 1.0, 1.6)
    with Franka16Writer(tmp_path) as writer:
        writer.add(image_of(0)[0], record_of(pose, interpolation=unknown, warnings=("blurred",)), image_of(0)[1])
        writer.add(image_of(1)[0], record_of(pose, interpolation=None, source_camera=None), image_of(1)[1])
    first, second = read_frames_file(tmp_path).records
    assert math.isnan(first.interpolation.linear_speed)
    assert math.isnan(first.interpolation.angular_speed)
    assert first.warnings == ("blurred",)
    assert second.interpolation is None
    assert second.source_camera is None


def test_what_the_capture_measured_is_kept(record_of, image_of, upright, tmp_path):
    """Scores that are not known stay so."""
    quality = {"exposure_s": 0.008, "exposure_source": "metadata", "error_pixels": 0.3, "blur": math.nan}
    with Franka16Writer(tmp_path) as writer:
        writer.add(image_of(0)[0], record_of(upright(0.2, 1.0, 1.6), quality=quality), image_of(0)[1])
    (record,) = read_frames_file(tmp_path).records
    assert math.isnan(record.quality["blur"])
    assert {**record.quality, "blur": None} == {**quality, "blur": None}


def test_record_whose_two_poses_disagree_is_refused(record_of, upright):
    with pytest.raises(DatasetError, match=r"object_frame\.normalise"):
        record_of(upright(0.2, 1.0, 1.6), camera_gl_from_object=upright(0.3, 1.0, 1.6))


def test_rgba_image_and_image_without_mask(record_of, image_of, upright, tmp_path):
    image, mask = image_of(0)
    rgba = np.dstack([image, np.where(mask, 255, 0).astype(np.uint8)])
    with Franka16Writer(tmp_path) as writer:
        writer.add(rgba, record_of(upright(0.0, 1.0, 1.6)))
        writer.add(image, record_of(upright(1.0, 1.0, 1.6)))
    views = open_dataset(tmp_path).read(image_size=None)
    np.testing.assert_array_equal(views.masks[0], mask)
    assert views.masks[1].all()


@pytest.mark.parametrize(
    ("image", "mask", "words"),
    [
        (np.zeros((16, 16), np.uint8), None, "uint8"),
        (np.zeros((16, 16, 3)), None, "float64"),
        (np.zeros((16, 16, 4), np.uint8), np.ones((16, 16), bool), "leave mask out"),
        (np.zeros((16, 16, 3), np.uint8), np.ones((8, 8), bool), "mask must be bool"),
        (np.zeros((8, 8, 3), np.uint8), None, "8x8, its camera 16x16"),
    ],
)
def test_image_that_does_not_fit_is_refused_and_nothing_is_written(record_of, upright, tmp_path, image, mask, words):
    with Franka16Writer(tmp_path) as writer:
        with pytest.raises(DatasetError, match=words):
            writer.add(image, record_of(upright(0.0, 1.0, 1.6)), mask)
        assert len(writer) == 0
    assert list((tmp_path / "images_rgba").iterdir()) == []
