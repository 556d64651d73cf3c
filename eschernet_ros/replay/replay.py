# SPDX-License-Identifier: Apache-2.0
"""A recording in, a data set out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path
from typing import Any

import numpy as np

from eschernet_ros.bags import BagError, BagReader, describe_topics, open_bag
from eschernet_ros.datasets import FrameRecord, Franka16Writer, SourceImages
from eschernet_ros.errors import EscherNetError
from eschernet_ros.optional import require
from eschernet_ros.replay.bag_source import BagSource, Delivery
from eschernet_ros.replay.choices import EveryNth, FrameChoice, StillViews, TakenViews
from eschernet_ros.replay.comparison import Comparison
from eschernet_ros.replay.realsense_source import RealSenseSource
from eschernet_ros.replay.replayer import ReplayedView, Replayer
from eschernet_ros.replay.taken_views import live_views
from eschernet_ros.streams import CaptureStreams, Input, used_flange_from_ee

STILL, TAKEN = "still", "taken"


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did.

    Attributes:
        folder: the data set.
        views: how many are in it.
        counts: frames, rejections by gate, drops.
        unmatched: messages of each channel that found no partner of their stamp.
        reasons: of each gate, the last sentence with which it refused a frame.
        notes: what was taken for what.
        warnings: of views, how often each begins so.
        megabytes, seconds: read, and in what time.
        comparison: with the live views, in words; empty when there were none to compare with.
        equal: whether all live views were made again, bit for bit; None when there were none.
    """

    folder: Path
    views: int
    counts: Mapping[str, int]
    unmatched: Mapping[str, int]
    reasons: Mapping[str, str]
    notes: tuple[str, ...]
    warnings: Mapping[str, int]
    megabytes: float
    seconds: float
    comparison: str = ""
    equal: bool | None = None

    def sentences(self) -> list[str]:
        """The report in words."""
        rate = self.megabytes / max(self.seconds, 1e-9)
        words = [
            *self.notes,
            f"{self.counts.get('frames', 0)} frames, {self.views} views in {self.folder}",
            f"read {self.megabytes:.0f} MB in {self.seconds:.1f} s, {rate:.0f} MB/s",
        ]
        words += [
            f"{name}: {count}" for name, count in self.counts.items() if name not in ("frames", "views") and count
        ]
        words += [
            f"{name} without a partner of their stamp: {count}" for name, count in self.unmatched.items() if count
        ]
        words += [f"warning of {count} views: {text}" for text, count in self.warnings.items()]
        return words + ([self.comparison] if self.comparison else [])


@dataclass
class _Sink:
    """Writes views as they come; the folder is made with the first."""

    p: Mapping[str, Any]
    folder: Path
    stack: ExitStack
    streams: CaptureStreams | None = None
    comparison: Comparison | None = None
    writer: Franka16Writer | None = None
    views: int = 0
    warnings: dict[str, int] = field(default_factory=dict)

    def take(self, replayed: ReplayedView) -> None:
        view, decoded, streams = replayed.view, replayed.decoded, self.streams
        assert streams is not None
        if self.writer is None:
            self.writer = self.stack.enter_context(Franka16Writer(self.folder))
        self.views += 1
        for warning in view.warnings:
            kind = warning.split(" (")[0].split(": ")[0]
            kind = "".join("#" if letter.isdigit() else letter for letter in kind)
            self.warnings[kind] = self.warnings.get(kind, 0) + 1
        record = FrameRecord.from_view(
            view,
            base_frame=streams.source.base_frame,
            pose_of=streams.source.pose_of,
            flange_from_ee=used_flange_from_ee(self.p, streams.source.pose_of, streams.flange_from_ee),
            received_ns=replayed.received_ns,
        )
        depth = None if decoded.depth is None else np.round(decoded.depth * 1e3).clip(0, 65535).astype(np.uint16)
        source = SourceImages(decoded.colour, depth, view.source_mask)
        self.writer.add(view.image, record, view.mask, source)
        if self.comparison is not None:
            self.comparison.add(view)


def replay(
    path: Path,
    p: Mapping[str, Any],
    folder: Path,
    *,
    views: str | int = STILL,
    poses: Path | None = None,
    views_topic: str = "",
    show_progress: bool = False,
) -> ReplayReport:
    """Replay a recording through the capture and write what it makes as a data set.

    Args:
        path: a bag of ROS 2 or ROS 1, or a recording of librealsense.
        p: parameters of a capture, all of them (`eschernet_ros.streams.values_of`).
        folder: of the object; it must not hold a recording.
        views: ``still``: whenever all gates are open; ``taken``: the frames that the live capture took, as its views in
            the bag tell; n: one frame of n.
        poses: another bag, which holds the arm's poses.
        views_topic: for ``taken``, the topic of the views; empty: the only one.
        show_progress: a progress bar on the terminal.

    Raises:
        EscherNetError: no such bag, a topic that is missing or empty, no frame, or no view: with what is in the bag,
            and what to set.
        MissingDependencyError: rosbags, pyrealsense2 or tqdm is not installed.
    """
    if folder.exists() and any(folder.iterdir()):
        raise EscherNetError(
            f"{folder} is not empty; a replay makes a data set of its own: choose another --output or --object"
        )
    started = time.perf_counter()
    with ExitStack() as stack:
        bag = stack.enter_context(open_bag(path))
        pose_bag = stack.enter_context(open_bag(poses)) if poses is not None else bag
        sink = _Sink(p, folder, stack)
        live = live_views(bag, views_topic) if views == TAKEN else []
        sink.comparison = Comparison(live) if live else None
        replayer = Replayer(p, _choice(views, p, [view.image_stamp_ns for view in live]), sink.take)
        sink.streams = streams = replayer.streams
        sources, frames = _sources(bag, pose_bag, p, replayer)
        for source in sources:
            source.prime()
        total = sum(source.messages for source in sources) + (frames.frames if frames else 0)
        read = 0
        tqdm = require("tqdm", "pip install tqdm", "the progress bar").tqdm
        with tqdm(total=total, desc=path.name, unit="msg", unit_scale=True, disable=not show_progress) as bar:
            for delivery in _merged([*sources, *([frames] if frames else [])]):
                replayer.deliver(delivery.now_ns, delivery.deliver)
                read += delivery.size
                bar.update()
                bar.set_postfix(views=sink.views, refresh=False)
        replayer.finish()
        counts = {**replayer.counts, **streams.counts, **streams.infos.counts}
        counts |= {**streams.source.counts, **streams.exposures.counts}
        counts["poses"] = streams.poses.statistics().added
        if frames is not None:
            counts["frames without depth"] = frames.without_depth
        report = ReplayReport(
            folder=folder,
            views=sink.views,
            counts=counts,
            unmatched=dict(streams.join.dropped),
            reasons=dict(replayer.reasons),
            notes=(*(note for source in sources for note in source.notes), *streams.notes),
            warnings=sink.warnings,
            megabytes=read / 1e6,
            seconds=time.perf_counter() - started,
            comparison=sink.comparison.sentence() if sink.comparison else "",
            equal=_equal(sink.comparison, len(live)) if sink.comparison else None,
        )
        if not sink.views:
            raise BagError(_why_no_view(report, bag, streams))
        return report


def _choice(views: str | int, p: Mapping[str, Any], stamps_ns: list[int]) -> FrameChoice:
    if views == STILL:
        return StillViews()
    if views == TAKEN:
        return TakenViews(stamps_ns)
    return EveryNth(int(views), bool(p["gates.on_request"]))


def _sources(
    bag: BagReader, pose_bag: BagReader, p: Mapping[str, Any], replayer: Replayer
) -> tuple[list[BagSource], RealSenseSource | None]:
    """Who delivers what: the camera's bag, the bag with the poses, librealsense."""
    streams = replayer.streams
    of_arm = [*streams.source.inputs, *([streams.ee_input] if streams.ee_input else [])]
    of_camera = [found for found in streams.inputs if found not in of_arm]
    if not bag.librealsense:
        replayer.metadata_expected = any(bag.count_of({found.topic}) for found in streams.exposures.inputs)
        if pose_bag is bag:
            return [BagSource(bag, streams.inputs)], None
        return [BagSource(bag, of_camera), BagSource(pose_bag, of_arm)], None
    if pose_bag is bag:
        raise BagError(
            f"{bag.path} is a recording of librealsense: it holds the streams of a camera, and no poses of an arm. "
            "Name the bag that holds them with --poses BAG"
        )
    inputs: list[Input] = of_arm + ([streams.object_input] if streams.object_input else [])
    names = ("Color_0/image/data",)
    held = sum(topic.count for topic in bag.topics if any(name in topic.name for name in names))
    with_depth = bool(p["depth_topic"])
    frames = RealSenseSource(bag.path, streams, held, with_depth, p["metadata.exposure_unit_us"] * 1e-6)
    return [BagSource(pose_bag, inputs)], frames


def _merged(sources: list[BagSource | RealSenseSource]) -> Iterator[Delivery]:
    """What all sources deliver, in the order of time."""
    return merge(*(source.deliveries() for source in sources), key=lambda delivery: delivery.now_ns)


def _equal(comparison: Comparison, count: int) -> bool:
    return comparison.images == comparison.masks == count


def _why_no_view(report: ReplayReport, bag: BagReader, streams: CaptureStreams) -> str:
    """Why nothing came of a recording."""
    listed = describe_topics(bag.topics)
    if not report.counts.get("frames"):
        dropped = ", ".join(f"{count} of {name}" for name, count in report.unmatched.items() if count)
        waiting = f" ({dropped} found no partner)" if dropped else ""
        return (
            f"{bag.path} holds no frame: no colour image has a depth image of its stamp{waiting}. Is the depth "
            f"aligned to colour (align_depth.enable:=true), or is it another camera's? -p depth_topic:='' does "
            f"without. {listed}"
        )
    statistics = streams.poses.statistics()
    problems = "; ".join(streams.source.problems())
    if not statistics.added:
        return (
            f"{bag.path}: {report.counts['frames']} frames, but no pose of the arm could be used: "
            f"{problems or 'see the counts'} ({_counted(report)}). {listed}"
        )
    if streams.assembler is None:
        missing = "the object" if streams.object_frame is None else "F_T_EE"
        return f"{bag.path}: {missing} was never told, so there is no view. {listed}"
    reasons = "; ".join(f"{gate}: {sentence}" for gate, sentence in report.reasons.items())
    return (
        f"{bag.path}: none of {report.counts['frames']} frames became a view ({_counted(report)}). The last reasons: "
        f"{reasons or 'no frame was asked for'}. --views 1 takes every frame that has a pose, whatever the gates say"
    )


def _counted(report: ReplayReport) -> str:
    return ", ".join(f"{name} {count}" for name, count in report.counts.items() if count)
