# SPDX-License-Identifier: Apache-2.0
"""Views are taken on request, or at rest at new places, and a refusal says why."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from eschernet_ros.capture import (
    DecodedFrame,
    Exposure,
    Frame,
    Gates,
    NoFrameError,
    PoseBuffer,
    PosedView,
    StillnessDetector,
    ViewAssembler,
    ViewRejectedError,
    ViewTaker,
)
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera, look_at

MS = 1_000_000
CAMERA = PinholeCamera(64, 48, 60.0, 60.0, 31.5, 23.5)
OBJECT = ObjectFrame(SE3.identity(), (0.1, 0.1, 0.1))
GATES = Gates(stillness=StillnessDetector(0.1, 1e-4, 1e-3), min_distance_m=0.02, min_angle_rad=0.1)


def decoded() -> DecodedFrame:
    """Return a grey picture with a square object."""
    mask = np.zeros((48, 64), bool)
    mask[20:28, 28:36] = True
    return DecodedFrame(np.full((48, 64, 3), 128, np.uint8), None, mask, CAMERA)


def frame(stamp_ns: int) -> Frame:
    """Return a good frame."""
    return Frame(stamp_ns, None, decoded)


class Rig:
    """A taker over a pose buffer that the test fills."""

    def __init__(self, gates: Gates = GATES, auto: bool = False, **options: Any) -> None:
        self.poses = PoseBuffer()
        self.views: list[PosedView] = []
        self.seen = threading.Condition()
        assembler = ViewAssembler(
            ee_from_camera_optical=SE3.identity(), object_frame=OBJECT, image_size=32, exposure_s=0.010
        )
        self.taker = ViewTaker(assembler, self.poses, self._on_view, gates=gates, auto=auto, **options)

    def _on_view(self, view: PosedView, _frame: Frame) -> None:
        with self.seen:
            self.views.append(view)
            self.seen.notify_all()

    def stand(self, eye: tuple[float, float, float], start_ns: int, end_ns: int) -> None:
        """Let the arm stand at ``eye``, looking at the object, with poses every 5 ms."""
        pose = look_at(np.array(eye), np.zeros(3), np.array([0.0, 0.0, 1.0]))
        for stamp_ns in range(start_ns, end_ns + 1, 5 * MS):
            self.poses.add(stamp_ns, pose)

    def drain(self) -> None:
        """Wait until the taker has looked at the frame offered last."""
        deadline = time.monotonic() + 5.0
        while self.taker._frame is not None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(0.05)


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Return a rig without automatic views."""
    made = Rig(explain=lambda: "the colour topic has no publisher", pose_timeout_s=0.05)
    yield made
    made.taker.close()


def test_a_request_gets_the_next_frame(rig: Rig) -> None:
    """A frame that came before the request is not used; mid-exposure is half the exposure before the stamp."""
    rig.stand((0.2, 0.0, 0.05), 0, 1000 * MS)
    rig.taker.offer(frame(200 * MS))
    rig.drain()
    future = rig.taker.request()
    rig.taker.offer(frame(500 * MS))
    view = future.result(5.0)
    assert (view.index, view.image_stamp_ns, view.stamp_ns) == (0, 500 * MS, 495 * MS)
    assert [v.index for v in rig.views] == [0]


def test_without_a_frame_the_explanation_is_the_error(rig: Rig) -> None:
    """The caller's knowledge of the topics ends up in the message."""
    with pytest.raises(NoFrameError, match="no publisher"):
        rig.taker.request(timeout_s=0.05).result(5.0)


def test_the_reason_of_the_last_refusal_is_the_error(rig: Rig) -> None:
    """Frames came, but no pose was ever near them."""
    rig.stand((0.2, 0.0, 0.05), 0, 100 * MS)
    future = rig.taker.request(timeout_s=0.4)
    rig.taker.offer(frame(500 * MS))
    with pytest.raises(NoFrameError, match=r"395\.0 ms"):
        future.result(5.0)
    assert rig.taker.counts["rejected: PoseTooNew"] == 1


def test_the_pose_stream_may_lag() -> None:
    """The pose at mid-exposure often arrives after the image: that is waited for."""
    rig = Rig(pose_timeout_s=20.0)
    try:
        rig.stand((0.2, 0.0, 0.05), 0, 100 * MS)
        future = rig.taker.request(timeout_s=60.0)
        rig.taker.offer(frame(120 * MS))
        time.sleep(0.02)
        assert not future.done()
        rig.stand((0.2, 0.0, 0.05), 105 * MS, 200 * MS)
        assert future.result(30.0).stamp_ns == 115 * MS
    finally:
        rig.taker.close()


def test_a_bad_frame_does_not_end_the_request(rig: Rig) -> None:
    """An undecodable frame is counted; the next one answers."""

    def undecodable() -> DecodedFrame:
        raise EscherNetError("encoding 'yuv422' is not understood")

    rig.stand((0.2, 0.0, 0.05), 0, 1000 * MS)
    future = rig.taker.request()
    rig.taker.offer(Frame(200 * MS, None, undecodable))
    rig.drain()
    rig.taker.offer(frame(300 * MS))
    assert future.result(5.0).image_stamp_ns == 300 * MS
    assert rig.taker.counts["rejected: EscherNetError"] == 1


def test_requests_at_closing_fail(rig: Rig) -> None:
    """Nobody waits for ever."""
    future = rig.taker.request(timeout_s=60.0)
    rig.taker.close()
    with pytest.raises(NoFrameError, match="closed"):
        future.result(5.0)


def test_rest_at_new_places_is_taken_once() -> None:
    """Moving frames and places already taken are counted, not taken."""
    rig = Rig(auto=True)
    try:
        rig.stand((0.2, 0.0, 0.05), 0, 500 * MS)
        rig.taker.offer(frame(300 * MS))
        with rig.seen:
            assert rig.seen.wait_for(lambda: len(rig.views) == 1, 5.0)
        rig.taker.offer(frame(400 * MS))
        rig.drain()
        assert rig.taker.counts["rejected: too close to a view taken"] == 1
        for step in range(1, 40):  # moving at 0.2 m/s
            eye = (0.2, 0.001 * step, 0.05)
            rig.stand(eye, (500 + 5 * step) * MS, (500 + 5 * step) * MS)
        rig.taker.offer(frame(690 * MS))
        rig.drain()
        assert rig.taker.counts["rejected: arm moving"] == 1
        rig.stand((0.2, 0.04, 0.05), 700 * MS, 1000 * MS)
        rig.taker.offer(frame(900 * MS))
        with rig.seen:
            assert rig.seen.wait_for(lambda: len(rig.views) == 2, 5.0)
        assert [v.image_stamp_ns for v in rig.views] == [300 * MS, 900 * MS]
    finally:
        rig.taker.close()


def dark() -> DecodedFrame:
    """Return a picture in which the object is black."""
    picture = decoded()
    return replace(picture, colour=np.zeros_like(picture.colour))


def test_scores_of_the_place_travel_with_the_view(rig: Rig) -> None:
    """Rest and nearness are measured for every view, also where no gate holds."""
    rig.stand((0.2, 0.0, 0.05), 0, 1000 * MS)
    views = []
    for stamp_ns in (300 * MS, 500 * MS):
        future = rig.taker.request()
        rig.taker.offer(frame(stamp_ns))
        views.append(future.result(5.0))
    first, second = (view.scores for view in views)
    assert (first.rest_motion_m, first.rest_turn_rad) == pytest.approx((0.0, 0.0), abs=1e-7)
    assert math.isnan(first.nearest_angle_rad)
    assert (second.nearest_angle_rad, second.nearest_distance_m) == pytest.approx((0.0, 0.0), abs=1e-7)
    assert (first.saturated, first.black) == (0.0, 0.0)
    assert [view.warnings for view in views] == [(), ()]


def test_without_gates_a_bad_picture_is_taken_with_a_warning() -> None:
    rig = Rig(gates=replace(GATES, max_black=0.5))
    try:
        rig.stand((0.2, 0.0, 0.05), 0, 1000 * MS)
        future = rig.taker.request()
        rig.taker.offer(Frame(500 * MS, None, dark))
        view = future.result(5.0)
        assert view.scores.black == 1.0
        assert any("100% of the object's pixels are black" in warning for warning in view.warnings)
        assert rig.views[0].warnings == view.warnings
    finally:
        rig.taker.close()


def test_gates_on_request_answer_with_the_reason() -> None:
    """A moving arm is waited for; what waiting does not mend ends the request at once, and no number is used up."""
    rig = Rig(gates=replace(GATES, max_black=0.5), gates_on_request=True, pose_timeout_s=0.05)
    try:
        for step in range(60):
            rig.stand((0.2, 0.001 * step, 0.05), 5 * step * MS, 5 * step * MS)
        future = rig.taker.request(timeout_s=0.3)
        rig.taker.offer(frame(250 * MS))
        with pytest.raises(NoFrameError, match=r"the arm moved by .* mm .* before the exposure .*let it rest"):
            future.result(5.0)
        assert rig.taker.counts["rejected: arm moving"] == 1

        rig.stand((0.2, 0.06, 0.05), 300 * MS, 2000 * MS)
        future = rig.taker.request(timeout_s=60.0)
        rig.taker.offer(Frame(800 * MS, None, dark))
        with pytest.raises(ViewRejectedError, match="pixels are black"):
            future.result(5.0)
        future = rig.taker.request(timeout_s=60.0)
        rig.taker.offer(frame(900 * MS))
        assert future.result(5.0).index == 0
        future = rig.taker.request(timeout_s=60.0)
        rig.taker.offer(frame(1000 * MS))
        with pytest.raises(ViewRejectedError, match=r"a view was already taken 0.0 deg and 0 mm from here"):
            future.result(5.0)
        assert rig.taker.counts["rejected: black"] == rig.taker.counts["rejected: too close to a view taken"] == 1
    finally:
        rig.taker.close()


def test_unknown_rest_is_not_rest() -> None:
    """A pose stream that has just begun does not tell whether the arm rested."""
    rig = Rig(gates_on_request=True)
    try:
        rig.stand((0.2, 0.0, 0.05), 450 * MS, 1000 * MS)
        future = rig.taker.request(timeout_s=0.3)
        rig.taker.offer(frame(500 * MS))
        with pytest.raises(NoFrameError, match="before the oldest of"):
            future.result(5.0)
        assert rig.taker.counts["rejected: PoseTooOld"] == 1
    finally:
        rig.taker.close()


def test_an_unasked_picture_is_tried_again_only_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """A gate that looks at pixels costs decoding: not at every frame, and the reason is said once."""
    rig = Rig(gates=replace(GATES, max_black=0.5), auto=True)
    decodings = []

    def counted() -> DecodedFrame:
        decodings.append(time.monotonic())
        return dark()

    try:
        rig.stand((0.2, 0.0, 0.05), 0, 1000 * MS)
        end = time.monotonic() + 1.3
        stamp_ns = 300 * MS
        while time.monotonic() < end:
            rig.taker.offer(Frame(stamp_ns, None, counted))
            stamp_ns += MS
            time.sleep(0.01)
        rig.drain()
        assert 2 <= len(decodings) <= 4
        assert min(np.diff(decodings)) > 0.4
        assert rig.taker.counts["rejected: black"] == len(decodings)
        assert len([r for r in caplog.records if "pixels are black" in r.getMessage()]) == 1
        assert not rig.views
    finally:
        rig.taker.close()


def test_a_frame_brings_its_own_exposure(rig: Rig) -> None:
    """Mid-exposure follows the driver's exposure; a missing one is a warning, a required one a reason."""
    rig.stand((0.2, 0.0, 0.05), 0, 1000 * MS)
    future = rig.taker.request()
    rig.taker.offer(replace(frame(500 * MS), exposure=lambda: Exposure(0.030)))
    view = future.result(5.0)
    assert (view.stamp_ns, view.exposure_s, view.exposure_source) == (485 * MS, 0.030, "metadata")
    future = rig.taker.request()
    rig.taker.offer(replace(frame(500 * MS), exposure=lambda: Exposure(None, "no metadata came: exposure_s was used")))
    view = future.result(5.0)
    assert (view.stamp_ns, view.exposure_s, view.exposure_source) == (495 * MS, 0.010, "parameter")
    assert view.warnings == ("no metadata came: exposure_s was used",)

    def required() -> Exposure:
        raise EscherNetError("no frame metadata arrive, and metadata.required is set")

    future = rig.taker.request(timeout_s=0.3)
    rig.taker.offer(replace(frame(500 * MS), exposure=required))
    with pytest.raises(NoFrameError, match=r"metadata.required is set"):
        future.result(5.0)


def test_an_object_that_moved_is_seen_anew() -> None:
    """Views are compared in the object's frame."""
    rig = Rig(auto=True)
    try:
        rig.stand((0.2, 0.0, 0.05), 0, 1000 * MS)
        rig.taker.offer(frame(300 * MS))
        with rig.seen:
            assert rig.seen.wait_for(lambda: len(rig.views) == 1, 5.0)
        turned = ObjectFrame(SE3.from_rotvec([0.0, 0.0, 1.0], [0.0, 0.0, 0.0]), OBJECT.size)
        rig.taker.use(ViewAssembler(ee_from_camera_optical=SE3.identity(), object_frame=turned, image_size=32))
        rig.taker.offer(frame(400 * MS))
        with rig.seen:
            assert rig.seen.wait_for(lambda: len(rig.views) == 2, 5.0)
        assert rig.views[1].scores.nearest_angle_rad > 0.9
    finally:
        rig.taker.close()


def test_refused_frames_that_keep_coming_do_not_outlast_the_deadline() -> None:
    """Each frame waits for its pose until the next one is there; the request is answered all the same, in its time."""
    rig = Rig(pose_timeout_s=0.2)
    stop = threading.Event()

    def keep_offering() -> None:
        stamp_ns = 500 * MS
        while not stop.wait(0.02):
            stamp_ns += 20 * MS
            rig.taker.offer(frame(stamp_ns))

    offering = threading.Thread(target=keep_offering)
    offering.start()
    try:
        rig.stand((0.2, 0.0, 0.05), 0, 100 * MS)
        with pytest.raises(NoFrameError, match="newest"):
            rig.taker.request(timeout_s=0.5).result(20.0)
    finally:
        stop.set()
        offering.join()
        rig.taker.close()
