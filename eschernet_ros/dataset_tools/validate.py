# SPDX-License-Identifier: Apache-2.0
"""All that can be checked about one object of a data set, and the likely mistake where poses and pictures differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eschernet_ros.checking.findings import Finding, Level
from eschernet_ros.checking.from_dataset import views_recording
from eschernet_ros.dataset_tools.checksums import checksum_findings
from eschernet_ros.dataset_tools.consistency import LEAST_MASKS, best_reading, judge_consistency
from eschernet_ros.dataset_tools.file_checks import file_findings
from eschernet_ros.dataset_tools.numbering import dataset_files, numbered_series, numbering_findings
from eschernet_ros.dataset_tools.readings import Reading, angle_readings, load_angles, matrix_readings
from eschernet_ros.dataset_tools.view_checks import aim_findings, mask_findings, size_findings
from eschernet_ros.datasets import Dataset, DatasetError, PosedImages
from eschernet_ros.datasets.franka16_layout import ANGLES_FILE, IMAGES_FOLDER, RECOVERED_FOLDER, frame_number
from eschernet_ros.datasets.images import read_images
from eschernet_ros.datasets.placement import ObjectPlacement, PlacementRule
from eschernet_ros.datasets.recording_head import COMPLETE, read_head
from eschernet_ros.geometry import SE3, franka16_angles, stack_matrices
from eschernet_ros.geometry.frames import camera_gl_from_world

ZERO_BASED = frozenset({"gso30", "gso3d", "gso100", "objaverse", "franka16"})
CENTRED = ZERO_BASED | {"nerf-synthetic"}
"""Layouts whose world has the object at its origin."""
SCENES = frozenset({"nerfstudio", "colmap"})
"""Layouts of any world: the reader places the object in it, which needs right poses. Here they are read as stored."""
GENERATED = frozenset({"mvdream", "text2img"})
"""Layouts of generated pictures, which have poses by a rule and need not agree with each other."""
AS_IT_STANDS = ObjectPlacement(SE3.identity(), 1.0)
ANGLE_AGREEMENT = 1e-4
"""rad; what is stored in angles.npy may differ so much from the recorded poses."""


@dataclass(frozen=True)
class ObjectValidation:
    """The outcome for one object.

    Attributes:
        name: the object's.
        folder: where it lies.
        views: how many were read; 0 where it could not be read.
        files: how many were opened.
        findings: worst first.
        measure, value: what poses and pictures were compared by, and how well they fit (`Consistency`).
    """

    name: str
    folder: Path
    views: int
    files: int
    findings: tuple[Finding, ...]
    measure: str = "none"
    value: float = float("nan")

    @property
    def level(self) -> Level:
        """The worst finding's."""
        return max((finding.level for finding in self.findings), default=Level.PASS)


def validate_object(dataset: Dataset, name: str, progress: Callable[[str], None] = lambda _: None) -> ObjectValidation:
    """Check one object: every file, numbering, checksums, poses, masks, and whether poses and pictures agree.

    Args:
        dataset: the opened data set.
        name: the object's.
        progress: told what is being done.
    """
    folder = dataset.folders[name]
    files = list(dataset_files(folder))
    progress(f"{name}: opening {len(files)} files")
    counted = [path for path in files if path.parent.name != RECOVERED_FOLDER]  # set aside: not part of the recording
    findings = numbering_findings(numbered_series(folder, counted), dataset.layout in ZERO_BASED)
    findings += file_findings(folder, files)
    findings += checksum_findings(folder)
    findings += _state_findings(folder)
    views, problem = _read(dataset, name)
    if views is None:
        findings.append(Finding(Level.BAD, "unreadable", problem))
        if dataset.layout == "franka16":
            findings += _unreadable_angles(name, folder, progress)
        return ObjectValidation(name, folder, 0, len(files), _sorted(findings))
    if problem:
        findings.append(Finding(Level.SUSPICIOUS, "sizes", problem))
    found, measure, value = _check_views(views, folder, progress)
    return ObjectValidation(name, folder, len(views), len(files), _sorted(findings + found), measure, value)


def _read(dataset: Dataset, name: str) -> tuple[PosedImages | None, str]:
    """The views at their own size, or resized where they differ; and what is wrong with them."""
    placement: PlacementRule | ObjectPlacement = AS_IT_STANDS if dataset.layout in SCENES else "auto"
    try:
        return dataset.read(name, image_size=None, placement=placement), ""
    except DatasetError as error:
        first = str(error)
    if "differ in size" not in first:
        return None, first
    try:
        views = dataset.read(name, placement=placement)
        return views, "the pictures differ in size; the published rule resizes them all."
    except DatasetError as error:
        return None, str(error)


def _state_findings(folder: Path) -> list[Finding]:
    """Whether a recording was brought to its end; nothing for other data."""
    try:
        head = read_head(folder) if folder.is_dir() else None
    except DatasetError as error:
        return [Finding(Level.BAD, "state", str(error))]
    if head is None or (head.state == COMPLETE and not head.stopped):
        return []
    return [Finding(Level.SUSPICIOUS, "state", f"the recording is {head.sentence()}")]


def _check_views(views: PosedImages, folder: Path, progress: Callable[[str], None]) -> tuple[list[Finding], str, float]:
    """Findings on the views, and how well poses and pictures agree."""
    recording = views_recording(views, str(folder))
    names = [frame.name for frame in recording.frames]
    findings, whole = mask_findings(names, views.masks)
    if views.layout in GENERATED:
        note = "generated pictures with poses by a rule: poses and pictures were not compared."
        return [*findings, Finding(Level.PASS, "not compared", note)], "none", float("nan")
    consistency = judge_consistency(
        recording, list(_readings(views, folder)), whole, lambda text: progress(f"{views.name}: {text}")
    )
    findings += consistency.findings
    if views.layout in CENTRED:
        findings += aim_findings(recording.frames, consistency.world_from_camera)
    findings += size_findings(recording.frames, consistency.world_from_camera, views.layout, whole)
    findings += _angles_findings(views, folder)
    return findings, consistency.measure, consistency.value


def _readings(views: PosedImages, folder: Path) -> Iterator[Reading]:
    """Other readings of the poses, by what the layout stores."""
    yield from matrix_readings(views.poses, views.layout)
    if views.layout == "franka16" and "records" not in views.metadata:
        angles = load_angles(folder / ANGLES_FILE)
        if angles is not None and len(angles) == len(views):
            yield from angle_readings(angles)


def _angles_findings(views: PosedImages, folder: Path) -> list[Finding]:
    """Whether the two angles a recording keeps for the published loader are those of its full poses."""
    if views.layout != "franka16" or "records" not in views.metadata:
        return []
    angles = load_angles(folder / ANGLES_FILE)
    if angles is None or len(angles) != len(views):
        rows = "no angles" if angles is None else f"{len(angles)} rows"
        return [
            Finding(
                Level.BAD,
                "angles",
                f"{ANGLES_FILE} holds {rows} for {len(views)} recorded views: the published loader cannot read this "
                "folder. Open it with the recorder once, which repairs it.",
            )
        ]
    expected = franka16_angles(views.poses)
    difference = np.abs((angles - expected + np.pi) % (2.0 * np.pi) - np.pi)
    upright = np.abs(expected[:, 1]) < np.pi / 2 - 1e-3  # straight above, the azimuth means nothing
    wrong = np.flatnonzero((difference[:, 1] > ANGLE_AGREEMENT) | (upright & (difference[:, 0] > ANGLE_AGREEMENT)))
    if not len(wrong):
        return []
    named = ", ".join(str(views.view_ids[row]) for row in wrong[:8]) + (" and more" if len(wrong) > 8 else "")
    return [
        Finding(
            Level.BAD,
            "angles",
            f"{ANGLES_FILE} differs from the recorded poses by up to {np.degrees(difference.max()):.2f} deg in view "
            f"{named}: the published loader would use other poses. Take the file away and open the folder with the "
            "recorder, which makes it again.",
        )
    ]


def _unreadable_angles(name: str, folder: Path, progress: Callable[[str], None]) -> list[Finding]:
    """The likely mistake in angles that the published rule refuses: degrees, exchanged columns."""
    angles = load_angles(folder / ANGLES_FILE)
    images = folder / IMAGES_FOLDER
    numbered = {} if not images.is_dir() else {frame_number(path): path for path in images.iterdir()}
    paths = [path for number, path in sorted((n, p) for n, p in numbered.items() if n is not None)]
    if angles is None or not paths or len(paths) != len(angles):
        return []
    readings = list(angle_readings(angles))
    if not readings:
        return []
    try:
        pixels, masks = read_images(paths, None)
    except DatasetError:
        return []
    views = PosedImages(
        name=name,
        layout="franka16",
        view_ids=tuple(sorted(number for number in numbered if number is not None)),
        images=pixels,
        masks=masks,
        camera_gl_from_world=stack_matrices(camera_gl_from_world(pose) for pose in readings[0].world_from_camera),
        pose_source=f"{ANGLES_FILE}, read otherwise.",
    )
    recording = views_recording(views, str(folder))
    _, whole = mask_findings([frame.name for frame in recording.frames], masks)
    masked = [row for row, is_whole in enumerate(whole) if is_whole]
    if len(masked) < LEAST_MASKS:
        return []
    progress(f"{name}: trying other readings of {ANGLES_FILE}")
    chosen, _ = best_reading(recording.frames, readings, masked)
    if chosen is None:
        return []
    return [
        Finding(
            Level.BAD,
            "likely mistake",
            f"it looks as if {chosen.mistake}: read so, poses and masks agree. {chosen.fix}.",
        )
    ]


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: -finding.level))
