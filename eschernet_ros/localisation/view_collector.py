# SPDX-License-Identifier: Apache-2.0
"""Keeps the depth of every place where the arm has rested, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from eschernet_ros.capture import NS_PER_S, PoseBuffer, StillnessDetector, wait_for_pose
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.localisation.depth_view import MAX_RANGE_M, DepthView, depth_view

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DepthFrame:
    """A depth image as it arrives.

    Attributes:
        stamp_ns: the driver's stamp.
        decode: returns depth [H, W] float metres and its camera; called for the few frames that are kept.
    """

    stamp_ns: int
    decode: Callable[[], tuple[np.ndarray, PinholeCamera]]


@dataclass(frozen=True)
class CollectorSettings:
    """When a frame is kept.

    Attributes:
        min_distance_m, min_angle_rad: a new place differs from all kept ones by at least one of them.
        most_views: the oldest goes when there are more.
        max_range_m: points farther from the camera are left out.
        time_offset_s: added to stamps before poses are looked up.
        max_gap_s: widest gap in the pose stream that is interpolated across.
        pose_timeout_s: longest wait for the pose stream to reach a frame's stamp.
    """

    min_distance_m: float = 0.05
    min_angle_rad: float = 0.15
    most_views: int = 24
    max_range_m: float = MAX_RANGE_M
    time_offset_s: float = 0.0
    max_gap_s: float = 0.1
    pose_timeout_s: float = 0.25


class ViewCollector:
    """Collects depth views while the arm rests. Frames are offered as they come; only the newest waits.

    Args:
        ee_from_camera_optical: hand-eye transform, for the frame whose poses the buffer holds; None: see `use`.
        poses: history of ``base_from_ee``.
        stillness: decides whether the arm rests at a frame's stamp.
        settings: when a frame is kept.
    """

    def __init__(
        self,
        ee_from_camera_optical: SE3 | None,
        poses: PoseBuffer,
        stillness: StillnessDetector,
        settings: CollectorSettings | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._hand_eye = ee_from_camera_optical
        self._poses = poses
        self._stillness = stillness
        self._settings = settings or CollectorSettings()
        self._changed = threading.Condition()
        self._views: list[DepthView] = []
        self._frame: DepthFrame | None = None
        self._closed = False
        self._refused = ""
        self._thread = threading.Thread(target=self._run, name="view-collector", daemon=True)
        self._thread.start()

    @property
    def views(self) -> tuple[DepthView, ...]:
        """What was kept, the oldest first."""
        with self._changed:
            return tuple(self._views)

    @property
    def refused(self) -> str:
        """Why the last frame that was no view was none; empty when the last one was."""
        return self._refused

    def use(self, ee_from_camera_optical: SE3) -> None:
        """Take another hand-eye transform from now on; the views kept stay."""
        self._hand_eye = ee_from_camera_optical

    def offer(self, frame: DepthFrame) -> None:
        """Give the newest frame; never blocks."""
        with self._changed:
            self.counts["frames"] += 1
            self._frame = frame
            self._changed.notify()

    def clear(self) -> int:
        """Forget all views; returns how many there were."""
        with self._changed:
            count = len(self._views)
            self._views.clear()
            return count

    def camera_now(self) -> SE3 | None:
        """The camera's pose in the base frame at the newest pose; None before the first, or without a hand-eye one."""
        newest, hand_eye = self._poses.statistics().newest_ns, self._hand_eye
        if newest is None or hand_eye is None:
            return None
        return self._poses.lookup(newest, self._settings.max_gap_s).pose @ hand_eye

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._frame is None and not self._closed:
                    self._changed.wait()
                frame, self._frame = self._frame, None
                if self._closed or frame is None:
                    return
            try:
                self._refused = self._keep(frame)
            except EscherNetError as error:
                self.counts[f"rejected: {type(error).__name__}"] += 1
                self._refused = str(error)
            except Exception:  # the thread must outlive one bad frame
                self.counts["failures"] += 1
                _log.exception("frame %d ns could not be handled", frame.stamp_ns)

    def _keep(self, frame: DepthFrame) -> str:
        """Keep a frame of a new place at rest; returns why it is not kept, or nothing."""
        stamp_ns = frame.stamp_ns + round(self._settings.time_offset_s * NS_PER_S)
        hand_eye = self._hand_eye
        if hand_eye is None:
            return "the camera's place on the arm is not known yet"
        lookup = partial(self._poses.lookup, stamp_ns, self._settings.max_gap_s)
        camera = wait_for_pose(lookup, self._settings.pose_timeout_s).pose @ hand_eye
        if self._hand_eye is not hand_eye:
            self.counts["frames while the camera's place changed"] += 1
            return "the camera's place on the arm changed"
        if not self._stillness.is_still(self._poses, stamp_ns):
            self.counts["frames while moving"] += 1
            return "the arm moves, or has not rested long enough"
        for view in self.views:
            metres, radians = view.base_from_camera_optical.distance_to(camera)
            if metres < self._settings.min_distance_m and radians < self._settings.min_angle_rad:
                self.counts["frames at a place already seen"] += 1
                return ""
        view = depth_view(*frame.decode(), camera, self._settings.max_range_m)
        with self._changed:
            self._views.append(view)
            if len(self._views) > self._settings.most_views:
                del self._views[0]
                self.counts["views dropped for newer ones"] += 1
        self.counts["views"] += 1
        return ""
