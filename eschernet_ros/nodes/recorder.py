# SPDX-License-Identifier: Apache-2.0
"""The recorder node: posed views or every frame of a camera in, a complete data set folder on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from eschernet_ros.datasets import Franka16Writer, PendingFrame
from eschernet_ros.datasets.collection_index import update_index
from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.futures import wait_for
from eschernet_ros.nodes.parameters import declare
from eschernet_ros.nodes.recorder_inputs import RecorderInput, StreamInput, ViewInput
from eschernet_ros.nodes.recorder_parameters import PARAMETERS as PARAMETERS
from eschernet_ros.nodes.run import ClosableNode, run
from eschernet_ros.recording import RecordingPipeline

MEGABYTE = 1e6

REFUSAL_NAMED_S = 3.0
"""A refused frame is a warning for so long, a refused view for ever: of a stream the first frames often are refused."""


class RecorderNode(ClosableNode):
    """Writes every view, or every frame; ``~/flush`` (Trigger) answers once all that was received is on disk."""

    def __init__(self) -> None:
        super().__init__("recorder")
        p = declare(self, PARAMETERS)
        self._still = p["mode"] == "still"
        self._refusal, self._refused_at = "", 0.0
        self._input: RecorderInput = ViewInput(self, p) if self._still else StreamInput(self, p)
        folder = Path(p["output_dir"]) / p["object_name"]
        self._writer = Franka16Writer(folder, {"mode": p["mode"], **self._input.session})
        self._said: Counter[str] = Counter()
        try:
            self._check_finished()
            self._update_index()
            self._pipeline = RecordingPipeline(
                self._writer,
                queue_size=p["queue_size"],
                workers=p["workers"],
                commit_every_s=0.0 if self._still else p["commit_every_s"],
                compression=p["compression"],
                on_recorded=self._recorded,
                on_refused=self._refused,
                on_stopped=self._stopped,
            )
            self._input.start(self._pipeline.offer)
        except BaseException:
            self._writer.close()
            raise
        self.create_service(Trigger, "~/flush", self._flush, callback_group=ReentrantCallbackGroup())
        self._diagnostics = Diagnostics(self, self._report)
        self.get_logger().info(f"recording to {self._writer.folder.resolve()} ({p['mode']})")

    def close(self) -> None:
        """Write what waits, flush it to the disk, and let go of the folder."""
        self._input.close()
        self._pipeline.close()
        self._writer.close()
        self._update_index()

    def _check_finished(self) -> None:
        """Views cannot be added behind frames whose pictures for the model are still to be made."""
        unfinished = len(self._writer) - self._writer.finished
        if self._still and unfinished:
            raise EscherNetError(
                f"{self._writer.folder} holds {unfinished} frames of a continuous recording that are not finished: run "
                f"`eschernet-ros dataset finish {self._writer.folder}` first, or record another object_name"
            )

    def _update_index(self) -> None:
        """The collection's index; without it the recording is whole all the same."""
        try:
            update_index(self._writer.folder.parent)
        except EscherNetError as error:
            self.get_logger().warning(f"the collection's index is not up to date: {error}")

    def _recorded(self, frames: Sequence[PendingFrame]) -> None:
        for frame in frames:
            if self._still:
                self.get_logger().info(f"view of {frame.record.image_stamp_ns} is frame {frame.index}")
            loss = frame.record.loss
            if max(loss.aim_deg, abs(loss.roll_deg)) > 1.0 or abs(loss.radius_ratio - 1.0) > 0.05:
                self._said["beyond the published rule"] += 1
                if self._said["beyond the published rule"] == 1:
                    self.get_logger().warning(
                        f"frame {frame.index}: {loss.sentence()} Further such frames are only counted."
                    )

    def _refused(self, reason: str) -> None:
        self._refusal, self._refused_at = reason, time.monotonic()
        self.get_logger().error(f"frame not recorded: {reason}", throttle_duration_sec=5.0)

    def _stopped(self, reason: str) -> None:
        self.get_logger().fatal(
            f"recording has stopped after {len(self._writer)} frames, which are safe: {reason} "
            "Mend that, then start the recorder anew; it goes on in the same folder."
        )

    def _dropped(self) -> int:
        return sum(number for name, number in self._pipeline.counts.items() if name.startswith("dropped"))

    def _refusals(self) -> int:
        return sum(number for name, number in self._pipeline.counts.items() if name.startswith("refused"))

    async def _flush(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        await wait_for(self, self._input.settled())
        await wait_for(self, self._pipeline.flush())
        dropped, refused, stopped = self._dropped(), self._refusals(), self._pipeline.stopped
        response.success = not dropped and not stopped and not (refused and self._still)
        lost = f"{dropped} dropped" + (f", {refused} refused" if refused else "")
        response.message = f"{len(self._writer)} frames in {self._writer.folder.resolve()} ({lost})"
        if stopped:
            response.message = f"recording has stopped: {stopped} {response.message}"
        return response

    def _report(self) -> Report:
        pipeline = self._pipeline
        counts: dict[str, Any] = {**self._input.counts(), **pipeline.counts, **self._said}
        counts |= {
            "frames": len(self._writer),
            "unfinished": len(self._writer) - self._writer.finished,
            "waiting": pipeline.waiting,
            "most waiting": pipeline.most_waiting,
            "MB written": pipeline.bytes_written / MEGABYTE,
        }
        if pipeline.stopped:
            return ERROR, f"recording has stopped: {pipeline.stopped}", counts
        if problems := self._input.problems():
            return ERROR, "; ".join(problems), counts
        where = f"{len(self._writer)} frames in {self._writer.folder}"
        dropped, refused = self._dropped(), self._refusals()
        if dropped or refused:
            where += f"; {dropped} dropped, {refused} refused"
        if refused and time.monotonic() - self._refused_at < REFUSAL_NAMED_S:
            return WARN, f"{where}: {self._refusal}", counts
        return WARN if dropped or (refused and self._still) else OK, where, counts


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros recorder``."""
    run(RecorderNode)


if __name__ == "__main__":
    main()
