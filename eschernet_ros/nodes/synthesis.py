# SPDX-License-Identifier: Apache-2.0
"""The synthesis node: posed views are references, wanted viewpoints become images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, PoseArray, PoseStamped
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from eschernet_ros.action import Synthesize
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, model_camera, stack_matrices
from eschernet_ros.msg import PosedView
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.diagnostics import OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.frames import FrameResolver, Scene
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.nodes.topic_monitor import MonitoredSubscription
from eschernet_ros.optional import require
from eschernet_ros.synthesis import (
    Job,
    JobState,
    ReferenceSet,
    ReferenceView,
    SynthesisRequest,
    SynthesisResult,
    SynthesisWorker,
    mosaic,
)

PARAMETERS = (
    Parameter("posed_view_topic", "capture/posed_view", "views to use as references (PosedView)"),
    Parameter(
        "checkpoint",
        "bundled-6dof",
        "bundled-6dof, bundled-4dof, a folder in the published layout, or a hub id (kxic/eschernet-6dof and "
        "kxic/eschernet-4dof are non-commercial)",
    ),
    Parameter("cape", "6dof", "camera positional encoding the checkpoint was trained with", choices=("6dof", "4dof")),
    Parameter("device", "auto", "torch device: auto (cuda where there is one), cpu, cuda, cuda:1, ..."),
    Parameter("dtype", "float32", "precision of the weights", choices=("float32", "bfloat16", "float16", "float64")),
    Parameter(
        "threads",
        0,
        "CPU threads of torch; 0: its own choice. Give it fewer than there are cores where other nodes run beside it",
        0,
        256,
    ),
    Parameter("max_references", 100, "views kept; the oldest makes room", 1, 1000),
    Parameter("queue_size", 8, "action goals that may wait; more are refused", 1, 1000),
    Parameter(
        "fill_to",
        15,
        "denoise at least this many targets together, repeating wanted poses: the model was trained on several. A "
        "checkpoint that says how many belong together is given no more than that",
        0,
        1000,
    ),
    Parameter(
        "topic_steps",
        0,
        "denoising steps for the target_pose topic; 0: what suits the checkpoint (published weights: 50)",
        0,
        1000,
    ),
    Parameter(
        "topic_guidance_scale",
        -1.0,
        "guidance for the target_pose topic; negative: what suits the checkpoint (published weights: 3)",
        -1.0,
        100.0,
    ),
    Parameter("topic_seed", 0, "seed of the noise for the target_pose topic", 0, 2**31 - 1),
    Parameter(
        "reference_timeout_s",
        2.0,
        "longest wait for a view that a request names and that has not arrived yet",
        0.0,
        60.0,
    ),
    Parameter("tf_timeout_s", 0.5, "longest wait for a TF frame at the stamp of a target", 0.0, 10.0),
    Parameter("view_frame", "synthesized_view", "frame_id of view i is this, an underscore, and i"),
)


@dataclass(frozen=True)
class _Prepared:
    """A request with what its results need."""

    request: SynthesisRequest
    reference_ids: tuple[int, ...]
    object_from_views: list[SE3]  # camera optical frames, metres
    frame_id: str
    stamp: Time


class SynthesisNode(ClosableNode):
    """Answers ``~/synthesize`` (action) and ``~/target_pose`` (PoseStamped, newest wins).

    Every view is published on ``~/image``, ``~/camera_info`` and ``~/pose`` (in the object frame) with one stamp,
    and all views of an answer on ``~/mosaic`` and ``~/poses``. ``~/clear_references`` (Trigger) forgets the views.
    """

    def __init__(self) -> None:
        super().__init__("synthesis")
        p = self._parameters_read = declare(self, PARAMETERS)
        self._pipeline = self._load()
        self._references = ReferenceSet(p["max_references"])
        self._scene: Scene | None = None
        self._worker = SynthesisWorker(self._pipeline, p["queue_size"])
        self._pool = ThreadPoolExecutor(1, "prepare")
        self._frames = FrameResolver(self, p["tf_timeout_s"])
        self._jobs: dict[bytes, Job] = {}
        self._image = self.create_publisher(Image, "~/image", qos.RESULTS)
        self._camera_info = self.create_publisher(CameraInfo, "~/camera_info", qos.RESULTS)
        self._pose = self.create_publisher(PoseStamped, "~/pose", qos.RESULTS)
        self._mosaic = self.create_publisher(Image, "~/mosaic", qos.LATCHED)
        self._poses = self.create_publisher(PoseArray, "~/poses", qos.LATCHED)
        self._views = MonitoredSubscription(self, PosedView, p["posed_view_topic"], self._on_view, qos.VIEWS)
        self._targets = MonitoredSubscription(self, PoseStamped, "~/target_pose", self._on_target, qos.NEWEST)
        self.create_service(Trigger, "~/clear_references", self._clear)
        self._action = ActionServer(
            self,
            Synthesize,
            "~/synthesize",
            self._execute,
            cancel_callback=self._cancel,
            callback_group=ReentrantCallbackGroup(),
        )
        self._diagnostics = Diagnostics(self, self._report)

    def close(self) -> None:
        """Cancel what runs and end the threads."""
        self._worker.close()
        self._pool.shutdown(cancel_futures=True)
        self._action.destroy()

    def _load(self) -> Any:
        """Load the pipeline; torch and its friends are imported here, not with the module."""
        from eschernet_ros.model import EscherNetPipeline

        p = self._parameters_read
        if p["threads"]:
            require("torch", "pip install torch", "the EscherNet model").set_num_threads(p["threads"])
        start = time.perf_counter()
        pipeline = EscherNetPipeline.from_pretrained(
            p["checkpoint"], cape=p["cape"], device=p["device"], dtype=p["dtype"]
        )
        self.get_logger().info(
            f"{pipeline.name} ({pipeline.cape}, {pipeline.image_size} px) on {pipeline.device} after "
            f"{time.perf_counter() - start:.1f} s"
        )
        return pipeline

    # --- references ---------------------------------------------------------------------------------------------

    def _on_view(self, message: PosedView) -> None:
        try:
            view = messages.from_posed_view(message)
            scene = Scene.from_message(message, view)
            if self._scene is not None and not scene.same_object(self._scene) and len(self._references):
                self.get_logger().warning(
                    f"view {message.id} shows another object, or it was moved: "
                    f"{len(self._references)} references dropped"
                )
                self._references.clear()
            self._scene = scene  # before the view: who waits for it needs both
            put = self._references.put(ReferenceView(view.index, view.image, view.camera_gl_from_object, view.stamp_ns))
        except EscherNetError as error:
            self.get_logger().error(f"view {message.id} is no reference: {error}")
            return
        if put.replaced:
            self.get_logger().warning(f"view {message.id} replaces an earlier one of the same id")
        if put.dropped_id is not None:
            self.get_logger().warning(
                f"view {put.dropped_id} made room for view {message.id} (parameter max_references)"
            )
        self.get_logger().info(f"view {message.id} is a reference; {len(self._references)} are kept")

    def _clear(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = True
        response.message = f"{len(self._references)} references forgotten"
        self._references.clear()
        return response

    # --- requests -----------------------------------------------------------------------------------------------

    def _prepare(
        self,
        poses: Sequence[Pose],
        frame_id: str,
        stamp: Time,
        ids: Sequence[int],
        steps: int,
        guidance_scale: float,
        seed: int,
    ) -> _Prepared:
        """Turn message values into a request; may wait for TF."""
        if not poses:
            raise EscherNetError("no target pose was given")
        self._references.wait_for(ids, self._parameters_read["reference_timeout_s"])
        scene = self._scene
        if scene is None:
            raise EscherNetError(f"there is no reference view yet: {self._views.explain()}")
        references = self._references.select(list(ids) or None)
        base_from_frame = self._frames.base_from(frame_id, stamp, scene)
        base_from_views = [base_from_frame @ messages.from_pose(pose) for pose in poses]
        request = SynthesisRequest(
            references.images,
            references.poses,
            stack_matrices(scene.object_frame.normalise(pose) for pose in base_from_views),
            steps=steps or None,
            guidance_scale=None if guidance_scale < 0 else guidance_scale,
            seed=seed,
            fill_to=self._parameters_read["fill_to"],
        )
        if messages.to_nanoseconds(stamp) == 0:
            stamp = self.get_clock().now().to_msg()
        object_from_base = scene.object_frame.base_from_object.inverse()
        return _Prepared(
            request,
            references.ids,
            [object_from_base @ pose for pose in base_from_views],
            scene.object_name,
            stamp,
        )

    def _on_target(self, message: PoseStamped) -> None:
        p = self._parameters_read

        def prepare_and_submit() -> None:
            try:
                prepared = self._prepare(
                    [message.pose],
                    message.header.frame_id,
                    message.header.stamp,
                    [],
                    p["topic_steps"],
                    p["topic_guidance_scale"],
                    p["topic_seed"],
                )
                self._worker.submit_latest(prepared.request, on_done=lambda job: self._on_target_done(job, prepared))
            except EscherNetError as error:
                self.get_logger().error(f"target pose not synthesized: {error}")

        self._pool.submit(prepare_and_submit)

    def _on_target_done(self, job: Job, prepared: _Prepared) -> None:
        if job.state is JobState.DONE:
            self._publish(prepared, job.result())
        elif job.state is JobState.FAILED:
            self.get_logger().error(f"target pose not synthesized: {job.error}")

    def _cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        job = self._jobs.get(bytes(goal.goal_id.uuid))
        if job is not None:
            job.cancel()
        return CancelResponse.ACCEPT

    async def _execute(self, goal: ServerGoalHandle) -> Synthesize.Result:
        wanted = goal.request
        result = Synthesize.Result(checkpoint=self._pipeline.name, checkpoint_trained=self._pipeline.trained)
        key = bytes(goal.goal_id.uuid)
        try:
            prepared = await wait_for(
                self,
                self._pool.submit(
                    self._prepare,
                    wanted.targets.poses,
                    wanted.targets.header.frame_id,
                    wanted.targets.header.stamp,
                    wanted.references,
                    wanted.steps,
                    wanted.guidance_scale,
                    wanted.seed,
                ),
            )
            ended: Future[Job] = Future()
            submitted = time.perf_counter()
            job = self._jobs[key] = self._worker.submit(prepared.request, _Progress(goal), ended.set_result)
            if goal.is_cancel_requested:
                job.cancel()
            await wait_for(self, ended)
        except EscherNetError as error:
            result.message = str(error)
            self.get_logger().error(f"synthesis refused: {error}")
            goal.abort()
            return result
        finally:
            self._jobs.pop(key, None)
        if job.state is JobState.DONE:
            outcome = job.result()
            self._fill(result, prepared, outcome)
            waited = time.perf_counter() - submitted
            result.queue_seconds = max(0.0, waited - outcome.timings["total"].total)
            goal.succeed()
        elif job.state is JobState.CANCELLED and goal.is_cancel_requested:
            result.message = "cancelled"
            goal.canceled()
        else:
            result.message = str(job.error) if job.error is not None else "the node is shutting down"
            self.get_logger().error(f"synthesis failed: {result.message}")
            goal.abort()
        return result

    # --- results ------------------------------------------------------------------------------------------------

    def _fill(self, result: Synthesize.Result, prepared: _Prepared, outcome: SynthesisResult) -> None:
        images, infos, poses = self._publish(prepared, outcome)
        result.success = True
        result.views = images
        result.camera_info = infos[0]
        result.poses = poses
        result.references = list(prepared.reference_ids)
        result.steps = outcome.steps
        result.guidance_scale = outcome.guidance_scale
        result.warnings = [*([outcome.notice] if outcome.notice else []), *outcome.warnings]
        seconds = {stage: stage_time.total for stage, stage_time in outcome.timings.items()}
        result.first_step_seconds = seconds.get("first step", 0.0)
        result.other_steps_seconds = seconds.get("other steps", 0.0)
        result.decode_seconds = seconds["decode"]
        result.message = (
            f"{len(images)} views from {len(prepared.reference_ids)} references in {seconds['total']:.1f} s"
        )

    def _publish(
        self, prepared: _Prepared, outcome: SynthesisResult
    ) -> tuple[list[Image], list[CameraInfo], PoseArray]:
        images, infos = [], []
        poses = PoseArray(poses=[messages.to_pose(pose) for pose in prepared.object_from_views])
        poses.header.frame_id = prepared.frame_id
        poses.header.stamp = prepared.stamp
        camera = model_camera(outcome.images.shape[2])
        for index, pixels in enumerate(outcome.images):
            frame = f"{self._parameters_read['view_frame']}_{index}"
            images.append(messages.to_image(pixels, frame, prepared.stamp))
            infos.append(messages.to_camera_info(camera, frame, prepared.stamp))
            self._image.publish(images[-1])
            self._camera_info.publish(infos[-1])
            self._pose.publish(PoseStamped(header=poses.header, pose=poses.poses[index]))
        self._mosaic.publish(messages.to_image(mosaic(outcome.images), "", prepared.stamp))
        self._poses.publish(poses)
        for sentence in [outcome.notice, *outcome.warnings]:
            if sentence:
                self.get_logger().warning(sentence)
        return images, infos, poses

    def _report(self) -> Report:
        counts = self._worker.counts
        values = {
            "references": len(self._references),
            "waiting": self._worker.waiting,
            "done": counts.done,
            "cancelled": counts.cancelled,
            "replaced by a newer target": counts.replaced,
            "failed": counts.failed,
            "checkpoint": self._pipeline.name,
        }
        if self._pipeline.notice:
            return WARN, self._pipeline.notice, values
        return OK, f"{len(self._references)} references, {counts.done} syntheses", values


class _Progress:
    """Feeds steps back to the client; called from the worker's thread."""

    def __init__(self, goal: ServerGoalHandle) -> None:
        self._goal = goal
        self._first: float | None = None

    def __call__(self, step: int, steps: int) -> None:
        now = time.perf_counter()
        if self._first is None:
            self._first = now
        remaining = (now - self._first) / (step - 1) * (steps - step) if step > 1 else -1.0
        feedback: Any = Synthesize.Feedback(
            step=step, steps=steps, progress=step / steps, remaining_seconds=remaining
        )  # Any: rclpy annotates the wire type, and checks for this one
        self._goal.publish_feedback(feedback)


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros synthesis``."""
    run(SynthesisNode)


if __name__ == "__main__":
    main()
