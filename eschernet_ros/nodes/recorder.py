# SPDX-License-Identifier: Apache-2.0
"""The recorder node: posed views in, a Franka16-style object folder on disk."""

from __future__ import annotations

import queue
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from eschernet_ros.datasets import FrameRecord, Franka16Writer
from eschernet_ros.errors import EscherNetError
from eschernet_ros.msg import PosedView
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.diagnostics import ERROR, OK, Diagnostics, Report
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription

PARAMETERS = (
    Parameter("posed_view_topic", "capture/posed_view", "views to record (PosedView)"),
    Parameter("output_dir", "recordings", "folder of the collection; the object gets a folder of its own in it"),
    Parameter("object_name", "object", "name of the object's folder"),
    Parameter("queue_size", 64, "views waiting for the disk; more are dropped, counted and said", 1, 4096),
)


class RecorderNode(ClosableNode):
    """Writes every view; ``~/flush`` (Trigger) answers once all that was received is on disk."""

    def __init__(self) -> None:
        super().__init__("recorder")
        p = declare(self, PARAMETERS)
        self._writer = Franka16Writer(Path(p["output_dir"]) / p["object_name"])
        self._counts: Counter[str] = Counter()
        self._failure = ""
        self._queue: queue.Queue[PosedView | Future[None] | None] = queue.Queue()
        self._limit = int(p["queue_size"])
        self._thread = self.start_thread(self._write)
        self._views = MonitoredSubscription(self, PosedView, p["posed_view_topic"], self._receive, qos.VIEWS)
        self.create_service(Trigger, "~/flush", self._flush, callback_group=ReentrantCallbackGroup())
        self._diagnostics = Diagnostics(self, self._report)
        self.get_logger().info(f"recording to {self._writer.folder.resolve()}")

    def close(self) -> None:
        """Write what waits, flush it to the disk, and let go of the folder."""
        self._queue.put(None)
        self._thread.join()
        self._writer.close()

    def _receive(self, message: PosedView) -> None:
        if self._queue.qsize() >= self._limit:
            self._counts["dropped: queue full"] += 1
            self.get_logger().error(f"view {message.id} dropped: {self._limit} views wait for the disk")
            return
        self._queue.put(message)

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, PosedView):
                self._record(item)
            else:
                item.set_result(None)

    def _record(self, message: PosedView) -> None:
        try:
            view = messages.from_posed_view(message)
            written = self._writer.add(view.image, FrameRecord.from_view(view), view.mask)
        except EscherNetError as error:
            self._failure = f"view {message.id} not recorded: {error}"
            self._counts["failed"] += 1
            self.get_logger().error(self._failure)
            return
        self._failure = ""
        self._counts["recorded"] += 1
        loss = written.loss
        self.get_logger().info(f"view {message.id} is {written.path.name}")
        if max(loss.aim_deg, abs(loss.roll_deg)) > 1.0 or abs(loss.radius_ratio - 1.0) > 0.05:
            self._counts["beyond the published rule"] += 1
            if self._counts["beyond the published rule"] == 1:
                self.get_logger().warning(f"view {message.id}: {loss.sentence()} Further such views are only counted.")

    async def _flush(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        written: Future[None] = Future()
        self._queue.put(written)
        await wait_for(self, written)
        response.success = not self._failure and not self._counts["dropped: queue full"]
        response.message = (
            self._failure
            or f"{len(self._writer)} frames in {self._writer.folder.resolve()}"
            f" ({self._counts['dropped: queue full']} dropped)"
        )
        return response

    def _report(self) -> Report:
        counts = {**self._counts, "received": self._views.received, "waiting": self._queue.qsize()}
        if self._failure:
            return ERROR, self._failure, counts
        return OK, f"{len(self._writer)} frames in {self._writer.folder}", counts


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros recorder``."""
    run(RecorderNode)


if __name__ == "__main__":
    main()
