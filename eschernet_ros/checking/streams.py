# SPDX-License-Identifier: Apache-2.0
"""From streams of stamped pictures and arm poses, recorded or live, to a recording that can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eschernet_ros.calibration import read_hand_eye
from eschernet_ros.capture import mid_exposure_ns
from eschernet_ros.checking.audit import RecordingFacts, measured_ee
from eschernet_ros.checking.bag import BagContents, read_frames, scan_bag
from eschernet_ros.checking.exposure_times import ExposureTimes
from eschernet_ros.checking.frame_choice import spread_over_motion
from eschernet_ros.checking.pose_track import PoseTrack
from eschernet_ros.checking.recording import ArmPoses, CheckFrame, CheckRecording
from eschernet_ros.checking.stream_settings import StreamSettings
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE

MAX_POSE_GAP_NS = 100_000_000


@dataclass(frozen=True, eq=False)
class HandEyeChoice:
    """The hand-eye transform for the poses of a stream.

    Attributes:
        ee_from_camera_optical: in the frame whose poses the stream holds.
        file: the calibration's file; None: given as numbers.
        notes: sentences about how it was made.
    """

    ee_from_camera_optical: SE3
    file: Path | None
    notes: tuple[str, ...]


def choose_hand_eye(settings: StreamSettings, facts: RecordingFacts, track: PoseTrack) -> HandEyeChoice:
    """The hand-eye transform in the frame of the stream's poses.

    A calibration file is anchored to the flange: for poses of the end effector F_T_EE is needed, which is taken from
    the settings, else from the recording, else the Franka hand's.

    Raises:
        CalibrationFileError: the file cannot be used.
    """
    if settings.hand_eye_file is None:
        parent = settings.hand_eye_parent
        given = settings.hand_eye
    else:
        calibration = read_hand_eye(
            settings.hand_eye_file, camera_root_from_camera_optical=settings.camera_root_from_camera_optical
        )
        parent, given = "flange", calibration.flange_from_camera_optical
    notes = []
    if parent != settings.pose_of:
        flange_from_ee = settings.flange_from_ee
        origin = "the settings"
        if flange_from_ee is None:
            samples = measured_ee(facts, track)
            flange_from_ee = samples[0][1] if samples else FLANGE_FROM_HAND_EE
            origin = "the recording" if samples else "the Franka hand (the recording does not tell)"
        given = flange_from_ee.inverse() @ given if parent == "flange" else flange_from_ee @ given
        x, y, z = 1e3 * flange_from_ee.translation
        notes.append(
            f"The hand-eye transform was carried from the {parent} to the {settings.pose_of} with F_T_EE of {origin} "
            f"({x:.1f}, {y:.1f}, {z:.1f} mm)."
        )
    return HandEyeChoice(given, settings.hand_eye_file, tuple(notes))


def stream_stamps(
    stamps_ns: Sequence[int], track: PoseTrack, exposures: ExposureTimes, time_offset_s: float
) -> tuple[list[tuple[int, int]], int]:
    """(image stamp, mid-exposure) of the frames that have a pose, and how many have none."""
    usable = []
    for stamp in stamps_ns:
        middle = mid_exposure_ns(stamp, exposures.of(stamp), time_offset_s)
        if track.covers(middle) and track.gap_ns(middle) <= MAX_POSE_GAP_NS:
            usable.append((stamp, middle))
    return usable, len(stamps_ns) - len(usable)


def stream_recording(
    name: str,
    source: str,
    frames: Sequence[CheckFrame],
    track: PoseTrack,
    hand_eye: HandEyeChoice,
    notes: Sequence[str] = (),
) -> CheckRecording:
    """A recording of frames whose ``stamp_ns`` is their mid-exposure."""
    arm = ArmPoses(track, hand_eye.ee_from_camera_optical)
    stamps = [frame.stamp_ns for frame in frames]
    if not frames or None in stamps:
        raise EscherNetError(f"'{name}' has no frame with a pose")
    return CheckRecording(
        name=name,
        source=source,
        frames=tuple(frames),
        world_from_camera=tuple(arm.cameras_at([stamp for stamp in stamps if stamp is not None])),
        arm=arm,
        notes=(*notes, *hand_eye.notes),
    )


def bag_recording(path: Path, settings: StreamSettings, count: int = 24) -> tuple[CheckRecording, RecordingFacts]:
    """A bag: ``count`` frames spread over the arm's way, and what the bag says of its surroundings.

    Raises:
        EscherNetError: no bag, a topic is missing, or no frame has a pose.
        MissingDependencyError: rosbags is not installed.
    """
    contents = scan_bag(path, settings.topics, settings.exposure_unit_s)
    facts = bag_facts(contents)
    hand_eye = choose_hand_eye(settings, facts, contents.track)
    facts = with_calibration(facts, hand_eye.file)
    stamps = contents.colour_stamps_ns
    if contents.topics.depth:
        with_depth = set(contents.depth_stamps_ns)
        stamps = [stamp for stamp in stamps if stamp in with_depth]
        if not stamps:
            raise EscherNetError(
                f"{path}: no image of {contents.topics.colour} has the stamp of one of {contents.topics.depth}; is the "
                'depth aligned to colour? --depth-topic "" does without'
            )
    unmatched = len(contents.colour_stamps_ns) - len(stamps)
    exposures = ExposureTimes(contents.exposures, settings.exposure_s, settings.metadata_required)
    notes = [*contents.notes, *exposures.notes(stamps)]
    stamps = exposures.usable(stamps)
    usable, without = stream_stamps(stamps, contents.track, exposures, settings.time_offset_s)
    if not usable:
        raise EscherNetError(
            f"{path}: none of {len(stamps)} frames has a pose at its time: the images span "
            f"{_span(stamps)}, the poses {_span(contents.track.stamps_ns.tolist())}; do camera and robot use different "
            "clocks?"
        )
    if unmatched:
        notes.append(f"{unmatched} of {len(contents.colour_stamps_ns)} images have no depth of their stamp.")
    if without:
        notes.append(f"{without} of {len(stamps)} frames have no pose within {MAX_POSE_GAP_NS / 1e6:.0f} ms.")
    chosen = spread_over_motion([middle for _, middle in usable], contents.track, count)
    middles = dict(usable[i] for i in chosen)
    first = contents.colour_stamps_ns[0]
    frames = [
        CheckFrame(f"{(stamp - first) / 1e9:.2f} s", colour, contents.camera, depth, stamp_ns=middles[stamp])
        for stamp, colour, depth in read_frames(contents, list(middles))
    ]
    source = f"{path} (bag, {len(contents.colour_stamps_ns)} images, {len(contents.track)} poses)"
    return stream_recording(path.resolve().name, source, frames, contents.track, hand_eye, notes), facts


def bag_facts(contents: BagContents) -> RecordingFacts:
    """What a bag says beside pictures and poses."""
    return RecordingFacts(
        tf_edges=contents.tf_edges,
        joint_stamps_ns=contents.joint_stamps_ns,
        joints=contents.joints,
        reported_ee=contents.reported_ee,
        start_ns=int(contents.track.stamps_ns[0]),
    )


def with_calibration(facts: RecordingFacts, file: Path | None) -> RecordingFacts:
    """The facts with the calibration file's name and age."""
    if file is None:
        return facts
    return replace(facts, calibration=str(file), calibrated_ns=file.stat().st_mtime_ns)


def end_effector_of(path: Path, settings: StreamSettings) -> SE3 | None:
    """F_T_EE of another bag, as reported or from its joint states; None where the bag does not tell."""
    contents = scan_bag(path, settings.topics)
    samples = measured_ee(bag_facts(contents), contents.track)
    return samples[0][1] if samples else None


def _span(stamps_ns: Sequence[int]) -> str:
    return f"{min(stamps_ns) / 1e9:.3f} to {max(stamps_ns) / 1e9:.3f} s"
