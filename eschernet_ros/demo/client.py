# SPDX-License-Identifier: Apache-2.0
"""A client of the graph with plain blocking calls; what a user's own script would do."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import rclpy
from geometry_msgs.msg import Pose, PoseArray
from rclpy.action import ActionClient
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future as RosFuture
from std_srvs.srv import Trigger

from eschernet_ros.action import MoveCamera, Synthesize
from eschernet_ros.errors import EscherNetError
from eschernet_ros.msg import PosedView
from eschernet_ros.nodes import qos
from eschernet_ros.processes import Graph


class GraphClient:
    """Calls services and actions of the graph from the main thread, while a thread of its own spins.

    Every wait is bounded, ends early when a process of the graph dies, and can be interrupted with Ctrl-C.
    """

    def __init__(self, graph: Graph, name: str = "demo") -> None:
        self._graph = graph
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name, context=self._context)
        self.views: dict[int, PosedView] = {}
        self.viewpoints: PoseArray | None = None
        self.node.create_subscription(PosedView, "capture/posed_view", self._on_view, qos.VIEWS)
        self.node.create_subscription(PoseArray, "bench/viewpoints", self._on_viewpoints, qos.LATCHED)
        self._take_view: Any = self.node.create_client(Trigger, "capture/take_view")
        self._flush: Any = self.node.create_client(Trigger, "recorder/flush")
        self._move: Any = ActionClient(self.node, MoveCamera, "bench/move_camera")
        self._synthesize: Any = ActionClient(self.node, Synthesize, "synthesis/synthesize")
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._left: RosFuture[None] = RosFuture()
        self._thread = threading.Thread(target=self._spin, name="client", daemon=True)
        self._thread.start()

    def __enter__(self) -> GraphClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left.set_result(None)  # executor.shutdown() takes apart what the thread may be waiting with
        self._thread.join()
        self._executor.shutdown()
        self._move.destroy()
        self._synthesize.destroy()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin_until_future_complete(self._left)

    def _on_view(self, message: PosedView) -> None:
        self.views[message.id] = message

    def _on_viewpoints(self, message: PoseArray) -> None:
        self.viewpoints = message

    def between_callbacks(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run ``function`` in the thread that spins, and return its result.

        Publishers and subscriptions are destroyed that way: rclpy's executor fails when one goes while it prepares to
        wait.
        """
        task = self._executor.create_task(function, *arguments)
        self.wait(task.done, 30.0, f"the call of {function.__name__}")
        return task.result()

    def wait(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until ``condition()`` is true.

        Raises:
            EscherNetError: after ``timeout_s``, or when a process of the graph has ended.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            self._graph.check()
            if time.monotonic() > deadline:
                raise EscherNetError(
                    f"{what} did not happen within {timeout_s:g} s; the logs are in {self._graph.folder / 'log'}"
                )
            time.sleep(0.01)

    def wait_until_ready(self, timeout_s: float = 120.0) -> PoseArray:
        """Wait for every server of the main job, and return the bench's viewpoints."""
        for name, client in (
            ("capture/take_view", self._take_view),
            ("recorder/flush", self._flush),
        ):
            self.wait(client.service_is_ready, timeout_s, f"the start of service {name}")
        for name, action in (
            ("bench/move_camera", self._move),
            ("synthesis/synthesize", self._synthesize),
        ):
            self.wait(action.server_is_ready, timeout_s, f"the start of action {name}")
        self.wait(lambda: self.viewpoints is not None, timeout_s, "the bench's list of viewpoints")
        assert self.viewpoints is not None
        return self.viewpoints

    def move_camera(self, pose: Pose, frame_id: str, timeout_s: float = 60.0) -> MoveCamera.Result:
        """Move the bench's camera to ``pose`` and wait until it rests there."""
        goal = MoveCamera.Goal()
        goal.target.header.frame_id = frame_id
        goal.target.pose = pose
        return self._act(self._move, goal, timeout_s, "moving the camera")

    def start_moving(self, pose: Pose, frame_id: str, timeout_s: float = 10.0) -> Any:
        """Move as :meth:`move_camera` does, but return as soon as the goal is accepted: a future of the result."""
        goal = MoveCamera.Goal()
        goal.target.header.frame_id = frame_id
        goal.target.pose = pose
        self.wait(self._move.server_is_ready, timeout_s, "the start of the action for moving the camera")
        accepted = self._move.send_goal_async(goal)
        self.wait(accepted.done, timeout_s, "the answer to the goal of moving the camera")
        return accepted.result().get_result_async()

    def take_view(self, timeout_s: float = 30.0) -> PosedView:
        """Take a view and return it."""
        known = set(self.views)
        self._call(self._take_view, timeout_s, "taking a view")
        self.wait(lambda: bool(set(self.views) - known), timeout_s, "the arrival of the view taken")
        return self.views[max(set(self.views) - known)]

    def flush_recorder(self, timeout_s: float = 30.0, frames: int = 0) -> str:
        """Wait until everything is on disk, and return what the recorder says.

        Args:
            timeout_s: longest wait.
            frames: as many must have come: the last view may still be on its way to the recorder.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            said = self._call(self._flush, timeout_s, "flushing the recorder")
            if int(said.split(" ", 1)[0]) >= frames:
                return said
            if time.monotonic() > deadline:
                raise EscherNetError(f"of {frames} views the recorder has {said} after {timeout_s:g} s; see its log")
            time.sleep(0.1)

    def synthesize(
        self,
        targets: PoseArray,
        references: Sequence[int],
        on_feedback: Callable[[Synthesize.Feedback], None] = lambda feedback: None,
        timeout_s: float = 600.0,
        **options: Any,
    ) -> Synthesize.Result:
        """Request views through the action; ``options`` are fields of its goal (steps, guidance_scale, seed)."""
        goal = Synthesize.Goal(targets=targets, references=list(references), **options)
        return self._act(
            self._synthesize, goal, timeout_s, "synthesizing", lambda message: on_feedback(message.feedback)
        )

    def _call(self, client: Any, timeout_s: float, what: str) -> str:
        # a request that is sent before is lost without a word
        self.wait(client.service_is_ready, timeout_s, f"the start of the service for {what}")
        future = client.call_async(Trigger.Request())
        self.wait(future.done, timeout_s, what)
        response = future.result()
        if not response.success:
            raise EscherNetError(f"{what} failed: {response.message}")
        return str(response.message)

    def _act(self, client: Any, goal: Any, timeout_s: float, what: str, on_feedback: Any = None) -> Any:
        self.wait(client.server_is_ready, timeout_s, f"the start of the action for {what}")
        accepted = client.send_goal_async(goal, feedback_callback=on_feedback)
        self.wait(accepted.done, timeout_s, f"the answer to the goal of {what}")
        handle = accepted.result()
        if not handle.accepted:
            raise EscherNetError(f"the goal of {what} was rejected")
        ended = handle.get_result_async()
        try:
            self.wait(ended.done, timeout_s, what)
        except BaseException:
            handle.cancel_goal_async()
            raise
        result = ended.result().result
        if not result.success:
            raise EscherNetError(f"{what} failed: {result.message}")
        return result
