# SPDX-License-Identifier: Apache-2.0
"""The coverage node: says while recording from where there are views, and which viewpoint would add most."""

from __future__ import annotations

import math
import threading
from collections import Counter

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from eschernet_ros.coverage import ArmReach, ElevationBand, Suggestion, ViewCoverage, map_picture, suggest_next
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import STANDOFF_RANGE, ObjectFrame
from eschernet_ros.msg import PosedView
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.diagnostics import OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription

PARAMETERS = (
    Parameter("posed_view_topic", "capture/posed_view", "views that are taken (PosedView)"),
    Parameter("object_name", "", "title of the map"),
    Parameter("elevation_min_deg", 0.0, "lowest elevation from which views are wanted, deg", -90.0, 90.0),
    Parameter("elevation_max_deg", 75.0, "highest elevation from which views are wanted, deg", -90.0, 90.0),
    Parameter("cover_angle_deg", 20.0, "a direction is covered by a view so near, deg", 1.0, 90.0),
    Parameter(
        "standoff",
        0.0,
        "distance of the suggested camera from the object's centre, model units; 0: the mean of the views so far, kept "
        "within the trained 1.5 to 2.2",
        0.0,
        10.0,
    ),
    Parameter(
        "max_reach_m", 0.85, "no viewpoint farther than this from the base frame's origin; 0: no limit", 0.0, 10.0
    ),
    Parameter("min_height_m", 0.05, "no viewpoint lower than this above the base frame's origin", -10.0, 10.0),
)


class CoverageNode(ClosableNode):
    """Publishes ``~/map`` (Image) and ``~/next_viewpoint`` (PoseStamped, camera optical frame in the base frame).

    ``~/skip`` (Trigger): the arm cannot get to the suggested viewpoint, suggest another.
    ``~/clear`` (Trigger): begin anew.
    """

    def __init__(self) -> None:
        super().__init__("coverage")
        p = self._parameters_read = declare(self, PARAMETERS)
        self._band = ElevationBand(math.radians(p["elevation_min_deg"]), math.radians(p["elevation_max_deg"]))
        self._reach = ArmReach(p["max_reach_m"], p["min_height_m"])
        self._lock = threading.Lock()
        self._views: dict[int, tuple[str, np.ndarray, float]] = {}  # stamp -> number, direction, stand-off
        self._skipped: list[np.ndarray] = []
        self._newest: PosedView | None = None
        self._object: ObjectFrame | None = None
        self._suggestion: Suggestion | None = None
        self._sentence = ""
        self._counts: Counter[str] = Counter()
        self._changed = threading.Event()
        self._ended = False
        self._map = self.create_publisher(Image, "~/map", qos.LATCHED)
        self._next = self.create_publisher(PoseStamped, "~/next_viewpoint", qos.LATCHED)
        self._thread = self.start_thread(self._draw)
        self._monitor = MonitoredSubscription(self, PosedView, p["posed_view_topic"], self._receive, qos.VIEWS)
        self.create_service(Trigger, "~/skip", self._skip)
        self.create_service(Trigger, "~/clear", self._clear)
        self._diagnostics = Diagnostics(self, self._report)

    def close(self) -> None:
        """Stop drawing."""
        self._ended = True
        self._changed.set()
        self._thread.join()

    def _receive(self, message: PosedView) -> None:
        try:
            size = message.object_size
            object_frame = ObjectFrame(messages.from_pose(message.object_pose), (size.x, size.y, size.z))
            centre = messages.from_pose(message.camera_pose).translation  # in the object frame, metres
            distance = float(np.linalg.norm(centre))
            if not distance > 0.0:
                raise EscherNetError("its camera stands in the object's centre")
        except EscherNetError as error:
            self._counts["unusable"] += 1
            self.get_logger().error(f"view {message.id} not counted: {error}")
            return
        with self._lock:
            if self._object is not None and self._object.size != object_frame.size:
                self.get_logger().warning("the object's box has another size: the views so far are of something else")
                self._views, self._skipped = {}, []
            stamp_ns = messages.to_nanoseconds(message.header.stamp)  # a view that is delivered twice counts once
            self._views[stamp_ns] = (str(message.id), centre / distance, distance * object_frame.scale)
            self._object, self._newest = object_frame, message
        self._changed.set()

    def _skip(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            suggestion = self._suggestion
            if suggestion is not None:
                self._skipped.append(suggestion.direction)
                self._suggestion = None
        response.success = suggestion is not None
        response.message = f"skipped {suggestion.sentence()}" if suggestion else "no viewpoint is suggested"
        self._changed.set()
        return response

    def _clear(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            response.message = f"{len(self._views)} views forgotten"
            self._views, self._skipped, self._suggestion = {}, [], None
        response.success = True
        self._changed.set()
        return response

    def _draw(self) -> None:
        while self._changed.wait() and not self._ended:
            self._changed.clear()
            with self._lock:
                views, skipped = list(self._views.values()), list(self._skipped)
                message, object_frame = self._newest, self._object
            if message is not None and object_frame is not None:
                self._publish(views, skipped, message, object_frame)

    def _publish(
        self,
        views: list[tuple[str, np.ndarray, float]],
        skipped: list[np.ndarray],
        message: PosedView,
        object_frame: ObjectFrame,
    ) -> None:
        p = self._parameters_read
        directions = np.array([direction for _, direction, _ in views]).reshape(-1, 3)
        coverage = ViewCoverage(directions, self._band, math.radians(p["cover_angle_deg"]))
        standoff = p["standoff"] or float(
            np.clip(np.mean([distance for _, _, distance in views] or [1.8]), *STANDOFF_RANGE)
        )
        suggestion = suggest_next(
            coverage,
            object_frame=object_frame,
            standoff=standoff,
            reach=self._reach,
            avoid=np.array(skipped).reshape(-1, 3),
        )
        sentence = coverage.sentence()
        if suggestion is None:
            sentence += (
                f"; no viewpoint of the elevations {self._band} at {standoff:.2f} model units is within the reach of "
                f"{p['max_reach_m']:g} m, above {p['min_height_m']:g} m"
                + (f" and not among the {len(skipped)} skipped" if skipped else "")
            )
        else:
            sentence += f"; next: {suggestion.sentence()}"
        with self._lock:
            self._suggestion, self._sentence = suggestion, sentence
        self.get_logger().info(sentence)
        stamp = message.header.stamp
        picture = map_picture(coverage, suggestion, [number for number, _, _ in views], p["object_name"], True)
        self._map.publish(messages.to_image(picture, message.header.frame_id, stamp))
        if suggestion is not None:
            pose = suggestion.base_from_camera_optical(object_frame, standoff)
            self._next.publish(
                PoseStamped(header=Header(frame_id=message.base_frame, stamp=stamp), pose=messages.to_pose(pose))
            )

    def _report(self) -> Report:
        with self._lock:
            suggestion, sentence, count = self._suggestion, self._sentence, len(self._views)
        counts = {**self._counts, "received": self._monitor.received, "views": count, "skipped": len(self._skipped)}
        if not self._monitor.received:
            return WARN, self._monitor.explain(), counts
        return (OK if suggestion is not None else WARN), sentence, counts


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros coverage``."""
    run(CoverageNode)


if __name__ == "__main__":
    main()
