# SPDX-License-Identifier: Apache-2.0
"""What an evaluation finds: every view's numbers, where its pictures are, and the settings they belong to.

``results_file`` writes and reads this as JSON and CSV, ``summary`` computes the means. A folder of results holds::

    results.json                      an ``Evaluation``
    views.csv, summary.csv            the same numbers as tables
    images/OBJECT/...                 references, true views, masks and predictions, PNG

All paths in here are relative to that folder, with ``/``. Poses are ``camera_gl_from_world`` 4x4, model units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from eschernet_ros.evaluation.stage_timer import StageTime

MODEL = "model"
"""The method's name of what is evaluated; every other method is a baseline."""

FOREGROUND = "_foreground"
"""Ending of the metrics that count only the pixels of the true mask."""

PSNR_LIMIT_DB = 60.0
"""What a view counts that equals the truth: an infinite PSNR has no mean, and JSON has no infinity."""

Matrix = tuple[tuple[float, float, float, float], ...]
"""A 4x4 matrix, row by row."""


@dataclass(frozen=True)
class Metric:
    """One kind of number.

    Attributes:
        title: for tables and axes.
        unit: ``"dB"`` or empty.
        higher_is_better: which way is good.
        digits: behind the point, in tables.
    """

    title: str
    unit: str
    higher_is_better: bool
    digits: int


_FULL = {
    "psnr": Metric("PSNR", "dB", True, 2),
    "ssim": Metric("SSIM", "", True, 3),
    "lpips_alex": Metric("LPIPS (AlexNet)", "", False, 3),
    "lpips_vgg": Metric("LPIPS (VGG)", "", False, 3),
}
METRICS: Mapping[str, Metric] = {
    **_FULL,
    **{
        name + FOREGROUND: Metric(f"{each.title}, object only", each.unit, each.higher_is_better, each.digits)
        for name, each in _FULL.items()
    },
}
"""Every metric's name, full frame first; a view has those that could be measured."""


@dataclass(frozen=True)
class PosedPicture:
    """A view of the data set, or a pose that was asked for.

    Attributes:
        view_id: its number in the data set, or in the list of poses that was asked for.
        pose: ``camera_gl_from_world``.
        image: path of the true picture; None where there is none.
        mask: path of its mask (white is the object); None where there is none.
    """

    view_id: int
    pose: Matrix
    image: str | None = None
    mask: str | None = None


@dataclass(frozen=True)
class ViewScore:
    """One predicted view.

    Attributes:
        method: ``MODEL`` or a baseline.
        view_id: of the target.
        scored: whether it counts in the means: it is no reference, and the protocol scores it.
        angle_deg: from the target's direction to the nearest reference's, seen from the object, degrees.
        image: path of the predicted picture (that of a reference, where the prediction is one); None: not kept.
        metrics: by the names of ``METRICS``; without those that could not be measured (no true picture, no mask, no
            weights of LPIPS). A PSNR is at most ``PSNR_LIMIT_DB``.
    """

    method: str
    view_id: int
    scored: bool
    angle_deg: float
    image: str | None
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class PoseScore:
    """The model asked for poses that are wrong on purpose, scored against the true views.

    Attributes:
        kind: ``"azimuth"``, ``"elevation"``, ``"roll"`` or ``"distance"``.
        amount: by how much: degrees; for ``"distance"`` the factor less one.
        metrics: means over the scored views.
    """

    kind: str
    amount: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Consistency:
    """Whether one method's views fit each other: matches between neighbouring views against their epipolar lines.

    Attributes:
        method: a method, or ``"truth"``: the true views, which say how well this measure can do here.
        pairs: of views that were compared.
        matches: pixels that were matched, over all pairs.
        coverage: share of the object's pixels with a match.
        median_px: median distance from the epipolar line, pixels of a 256 pixel image; None without matches.
        within_2px: share of the matches within 2 such pixels; None without matches.
    """

    method: str
    pairs: int
    matches: int
    coverage: float
    median_px: float | None
    within_2px: float | None


@dataclass(frozen=True)
class Case:
    """One object, one seed, one number of references.

    Attributes:
        seed: of the choice of references and of the noise.
        reference_ids: views that were given, in that order.
        rule: a sentence that says how they and the targets were chosen.
        views: method by method, each in the order of the targets.
        poses: scores at wrong poses; empty where that was not asked for.
        consistency: by method; empty where that was not asked for.
        seconds: by method, for all its views.
    """

    seed: int
    reference_ids: tuple[int, ...]
    rule: str
    views: tuple[ViewScore, ...]
    poses: tuple[PoseScore, ...] = ()
    consistency: tuple[Consistency, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def references(self) -> int:
        """How many references were given."""
        return len(self.reference_ids)


@dataclass(frozen=True)
class ObjectResult:
    """One object.

    Attributes:
        name: in the data set.
        pose_source: a sentence that says by which rule its poses were read.
        references: every view that was a reference in some case.
        targets: every view that was asked for in some case. Where the poses asked for are no views of the data set
            (the spiral), their ids are numbers of their own.
        cases: by number of references, then seed.
        content: what the result depends on (pictures, poses, settings, weights), as a hash.
        warnings: sentences about this object.
    """

    name: str
    pose_source: str
    references: tuple[PosedPicture, ...]
    targets: tuple[PosedPicture, ...]
    cases: tuple[Case, ...]
    content: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelInfo:
    """What was evaluated.

    Attributes:
        name: folder or hub id of the checkpoint.
        cape: ``"6dof"`` or ``"4dof"``.
        trained: False for random weights.
        notice: a sentence to repeat wherever its pictures are shown, or None.
        image_size: side of its pictures, pixels.
        steps: of denoising.
        guidance_scale: weight of the references.
        device: where it ran.
        dtype: floating point type.
        content: hash of its weights.
    """

    name: str
    cape: str
    trained: bool
    notice: str | None
    image_size: int
    steps: int
    guidance_scale: float
    device: str
    dtype: str
    content: str


@dataclass(frozen=True)
class Configuration:
    """What was asked for.

    Attributes:
        protocol: its name, for example ``"gso30"``.
        title: of the protocol.
        rule: a sentence that says which views are references, targets, scored.
        data_set: folder of the data set.
        layout: of that folder.
        counts: numbers of references.
        seeds: of the choice of references and of the noise.
        methods: in the order of the tables.
        metrics: names of the metrics that could be measured.
        protocol_settings: the protocol's file, as read.
        skipped: sentences about what was asked for and could not be measured.
    """

    protocol: str
    title: str
    rule: str
    data_set: str
    layout: str
    counts: tuple[int, ...]
    seeds: tuple[int, ...]
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    protocol_settings: Mapping[str, object]
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """The mean of one metric, one method, one number of references.

    Attributes:
        method: whose views.
        references: how many were given.
        metric: of ``METRICS``.
        mean: over objects of the means over seeds and scored views: each object counts the same.
        views: how many numbers it is made of.
        objects: how many objects.
        seeds: how many seeds.
        object_spread: standard deviation over the objects' means; None with one object.
        seed_spread: standard deviation over the seeds' means over all objects; None with one seed.
        low, high: 95 % bootstrap interval of the mean; None with one number.
        interval_over: what was drawn again for it: ``"objects"``, or ``"views"`` where there is one object.
    """

    method: str
    references: int
    metric: str
    mean: float
    views: int
    objects: int
    seeds: int
    object_spread: float | None
    seed_spread: float | None
    low: float | None
    high: float | None
    interval_over: str


@dataclass(frozen=True)
class PublishedNumber:
    """A published number beside ours.

    Attributes:
        source: what published it, for example ``"EscherNet 6DoF"``.
        references: how many were given.
        metric: of ``METRICS``.
        published: its number.
        ours: the model's mean; None where it was not measured.
        difference: ours less the published one; None where either is missing or the protocols do not match.
        mismatch: why the two do not compare, a sentence; None where they do.
    """

    source: str
    references: int
    metric: str
    published: float
    ours: float | None
    difference: float | None
    mismatch: str | None


@dataclass(frozen=True)
class Evaluation:
    """All of one run.

    Attributes:
        configuration: what was asked for.
        model: what was evaluated.
        versions: of this package and the libraries that the numbers depend on.
        machine: processor, cores, memory, GPU.
        created: when it was finished, ISO 8601 in UTC.
        objects: by name.
        summaries: means of every method, number of references and metric.
        published: published numbers beside ours; empty where there are none for the protocol.
        timings: seconds by stage, over all processes.
        shard: which part of the objects this is (``"2/8"``); None for all of them.
        notes: sentences about the run.
    """

    configuration: Configuration
    model: ModelInfo
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    created: str
    objects: tuple[ObjectResult, ...]
    summaries: tuple[Summary, ...]
    published: tuple[PublishedNumber, ...]
    timings: Mapping[str, StageTime]
    shard: str | None = None
    notes: tuple[str, ...] = ()

    def cases(self) -> Iterator[tuple[ObjectResult, Case]]:
        """Every case with its object."""
        for each in self.objects:
            for case in each.cases:
                yield each, case

    def summary(self, method: str, references: int, metric: str) -> Summary | None:
        """The mean of one metric; None where it was not measured."""
        wanted = (method, references, metric)
        found = (each for each in self.summaries if (each.method, each.references, each.metric) == wanted)
        return next(found, None)
