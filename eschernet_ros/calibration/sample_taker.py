# SPDX-License-Identifier: Apache-2.0
"""Takes calibration samples in a thread of its own: whenever the arm rests at a new place, or on request."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.calibration.board import Board
from eschernet_ros.calibration.diversity import diversity
from eschernet_ros.calibration.sample import CalibrationSample, view_of
from eschernet_ros.capture import PoseBuffer, StillnessDetector, wait_for_pose
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

POSE_WAIT_S = 0.5
"""Longest wait for the pose stream to pass a picture's stamp."""
MAX_GAP_S = 0.2
"""Widest gap between two arm poses that is interpolated; the arm stands still."""

_NEW_PLACE_M = 0.02
_NEW_PLACE_RAD = np.radians(5.0)
_SAME_PLACE_M = 0.002
_SAME_PLACE_RAD = np.radians(0.5)


@dataclass(frozen=True)
class Picture:
    """A picture as it arrives; ``decode`` gives pixels [H, W, 3] RGB and camera, and may raise `EscherNetError`."""

    stamp_ns: int
    decode: Callable[[], tuple[NDArray[np.uint8], PinholeCamera]]


@dataclass(frozen=True, eq=False)
class Taken:
    """A sample as it is taken.

    Attributes:
        sample: the view, with the pose of what the pose stream tells of under ``base_from_flange``.
        picture: [H, W, 3] RGB.
        camera: its intrinsics.
        guidance: what the samples hold by now, and what should come next.
    """

    sample: CalibrationSample
    picture: NDArray[np.uint8]
    camera: PinholeCamera
    guidance: str


class SampleTaker:
    """Watches pictures and arm poses; the newest picture counts, older ones are forgotten.

    Args:
        board: what to look for.
        poses: the arm's pose stream: of the flange, or of the end effector times ``ee_from_flange``.
        on_sample: called in the taker's thread with every sample.
        on_refusal: called there with the sentence why a place gives none, once per place and on every request.
        stillness: when the arm counts as still.
        ee_from_flange: turns poses of the end effector into poses of the flange.
        auto: take samples unasked.
        eye_in_hand: the arrangement, for the guidance.
    """

    def __init__(
        self,
        board: Board,
        poses: PoseBuffer,
        on_sample: Callable[[Taken], None],
        on_refusal: Callable[[str], None],
        *,
        stillness: StillnessDetector | None = None,
        ee_from_flange: SE3 | None = None,
        auto: bool = True,
        eye_in_hand: bool = True,
    ) -> None:
        self._board = board
        self._poses = poses
        self._on_sample = on_sample
        self._on_refusal = on_refusal
        self._stillness = stillness or StillnessDetector(0.4)
        self._ee_from_flange = ee_from_flange or SE3.identity()
        self._auto = auto
        self._eye_in_hand = eye_in_hand
        self._condition = threading.Condition()
        self._newest: Picture | None = None
        self._requests: list[tuple[float, Future[str]]] = []
        self._samples: list[CalibrationSample] = []
        self._camera: PinholeCamera | None = None
        self._refused_at: SE3 | None = None
        self._number = 0
        self._closed = False
        self.counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="sample_taker", daemon=True)
        self._thread.start()

    @property
    def samples(self) -> tuple[CalibrationSample, ...]:
        """Samples taken so far."""
        with self._condition:
            return tuple(self._samples)

    def offer(self, picture: Picture) -> None:
        """Give the newest picture."""
        with self._condition:
            self._newest = picture
            self._condition.notify()

    def request(self, timeout_s: float = 10.0) -> Future[str]:
        """Ask for a sample here and now, also at a place that has one; the future holds the guidance.

        It fails with an `EscherNetError` that says what stood in the way for ``timeout_s``.
        """
        future: Future[str] = Future()
        with self._condition:
            self._requests.append((time.monotonic() + timeout_s, future))
            self._condition.notify()
        return future

    def drop_last(self) -> str | None:
        """Forget the last sample; returns its name, None when there is none."""
        with self._condition:
            return self._samples.pop().name if self._samples else None

    def close(self) -> None:
        """End the thread; open requests fail."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        reason = "no picture came"
        while True:
            with self._condition:
                if self._newest is None and not self._closed:
                    self._condition.wait(0.1)
                picture, self._newest = self._newest, None
                closed = self._closed
                requests = list(self._requests)
            if closed:
                self._answer(None, "the program is ending", time.monotonic() + 1e9)
                return
            guidance = None
            if picture is not None and (requests or self._auto):
                self.counts["pictures"] += 1
                try:
                    guidance = self._consider(picture, bool(requests))
                except EscherNetError as error:
                    reason = str(error)
            self._answer(guidance, reason, time.monotonic())

    def _answer(self, guidance: str | None, reason: str, now: float) -> None:
        """Fulfil the oldest request, or let those fail whose time is over."""
        with self._condition:
            requests = self._requests
            if guidance is not None and requests:
                requests.pop(0)[1].set_result(guidance)
            late = [item for item in requests if item[0] <= now]
            self._requests = [item for item in requests if item[0] > now]
        for _, future in late:
            future.set_exception(EscherNetError(f"no sample was taken: {reason}"))

    def _consider(self, picture: Picture, requested: bool) -> str | None:
        """Take a sample from a picture; None when unasked and there is nothing new.

        Raises:
            EscherNetError: why not; unasked, only once per place.
        """
        lookup = partial(self._poses.lookup, picture.stamp_ns, MAX_GAP_S)
        pose = wait_for_pose(lookup, POSE_WAIT_S).pose @ self._ee_from_flange
        motion = self._stillness.motion(self._poses, picture.stamp_ns)
        if motion.linear > self._stillness.max_linear or motion.angular > self._stillness.max_angular:
            raise EscherNetError(
                f"the arm moved by {motion.linear * 1e3:.1f} mm and {np.degrees(motion.angular):.2f} deg within "
                f"{self._stillness.window_s:g} s; it must stand still"
            )
        if not requested and not self._is_new(pose):
            return None
        try:
            taken = self._take(picture, pose)
        except EscherNetError as error:
            self._refused_at = pose
            self.counts["refused"] += 1
            self._on_refusal(str(error))
            raise
        self._on_sample(taken)
        return taken.guidance

    def _is_new(self, pose: SE3) -> bool:
        near = [(sample.base_from_flange, _NEW_PLACE_M, _NEW_PLACE_RAD) for sample in self.samples]
        if self._refused_at is not None:
            near.append((self._refused_at, _SAME_PLACE_M, _SAME_PLACE_RAD))
        for other, metres, radians in near:
            shift, turn = other.distance_to(pose)
            if shift < metres and turn < radians:
                return False
        return True

    def _take(self, picture: Picture, pose: SE3) -> Taken:
        pixels, camera = picture.decode()
        if self._camera is not None and camera != self._camera:
            raise EscherNetError(
                "the camera's intrinsics changed since the first sample (another resolution?): start again"
            )
        corners = self._board.detect(pixels)
        if corners is None:
            raise EscherNetError(f"the {self._board.description} is not in sight, or not wholly")
        view = view_of(self._board, camera, corners)
        self._camera = camera
        with self._condition:
            self._number += 1
            sample = CalibrationSample(f"{self._number:03d}", pose, view)
            self._samples.append(sample)
            poses = [item.view.camera_from_board for item in self._samples]
        self.counts["samples"] += 1
        return Taken(sample, pixels, camera, diversity(poses, self._eye_in_hand).sentence())
