# SPDX-License-Identifier: Apache-2.0
"""Evaluates one object: every case of its protocol, every method, every metric."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets import PosedImages
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.baselines import angles_between
from eschernet_ros.evaluation.consistency import consistency, neighbour_pairs
from eschernet_ros.evaluation.lpips import Lpips
from eschernet_ros.evaluation.methods import BASELINES, NEAREST, Given, option_name
from eschernet_ros.evaluation.metrics import to_uint8
from eschernet_ros.evaluation.picture_files import PictureFiles
from eschernet_ros.evaluation.protocol import Protocol
from eschernet_ros.evaluation.results import (
    MODEL,
    Case,
    Consistency,
    Matrix,
    ObjectResult,
    PosedPicture,
    PoseScore,
    ViewScore,
)
from eschernet_ros.evaluation.scene_fit import FitSettings
from eschernet_ros.evaluation.stage_timer import StageTimer
from eschernet_ros.evaluation.view_metrics import measure
from eschernet_ros.evaluation.view_plan import ViewPlan, plan_views
from eschernet_ros.evaluation.wrong_poses import WrongPose

TRUTH = "truth"
"""Name of the true views where they are measured like a method."""

Synthesis = Callable[[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64], int], NDArray]
"""Views [M, H, H, 3] of references [N, H, H, 3], their poses, the target poses and a seed."""


@dataclass(frozen=True, eq=False)
class ObjectRun:
    """How objects are evaluated; the same for all of them.

    Attributes:
        protocol: the rules.
        methods: to compare, in the order of the tables.
        synthesis: the model.
        cape: its camera encoding.
        networks: LPIPS by the name of its network; empty leaves it out.
        fit: settings of the scene fit.
        keep_images: of each case and method so many predicted pictures are kept; None: all.
        progress: is told what is done next.
        timer: adds up the stages.
    """

    protocol: Protocol
    methods: tuple[str, ...]
    synthesis: Synthesis
    cape: str
    networks: Mapping[str, Lpips] = field(default_factory=dict)
    fit: FitSettings = field(default_factory=FitSettings)
    keep_images: int | None = None
    progress: Callable[[str], None] = lambda words: None
    timer: StageTimer = field(default_factory=StageTimer)

    def __call__(self, views: PosedImages, files: PictureFiles, content: str) -> ObjectResult:
        """Evaluate one object and write its pictures.

        Args:
            views: the object's, at the model's image size.
            files: where its pictures go.
            content: hash of what the result depends on, kept with it.

        Raises:
            EscherNetError: the object does not fit the protocol, or the model refuses its views.
        """
        plans, warnings = plan_views(self.protocol, views)
        truth: dict[tuple[int, ...], Consistency] = {}
        kept = _Kept(views, files, self.protocol.targets == "spiral")
        sensitive = self.protocol.counts_with_wrong_poses(len(plan.reference_ids) for plan in plans)
        cases = []
        for plan in plans:
            wrong = self.protocol.wrong_poses if len(plan.reference_ids) in sensitive else ()
            cases.append(self._case(views, plan, kept, files, truth, wrong, warnings))
        return ObjectResult(
            name=views.name,
            pose_source=views.pose_source,
            references=tuple(kept.references[view_id] for view_id in sorted(kept.references)),
            targets=tuple(kept.targets[view_id] for view_id in sorted(kept.targets)),
            cases=tuple(cases),
            content=content,
            warnings=tuple(warnings),
        )

    def _case(
        self,
        views: PosedImages,
        plan: ViewPlan,
        kept: _Kept,
        files: PictureFiles,
        truth: dict[tuple[int, ...], Consistency],
        wrong_poses: tuple[WrongPose, ...],
        warnings: list[str],
    ) -> Case:
        rows = views.positions(plan.reference_ids)
        poses = views.camera_gl_from_world[rows]
        given = Given(
            images=views.images[rows],
            masks=None if views.masks is None else views.masks[rows],
            poses=poses,
            target_poses=plan.target_poses,
            seed=plan.noise_seed,
            fit=self.fit,
        )
        kept.add(plan)
        angles = angles_between(poses, plan.target_poses)
        place = f"seed{plan.seed}/references{len(rows)}"
        found: list[ViewScore] = []
        fits: list[Consistency] = []
        seconds: dict[str, float] = {}
        pairs = neighbour_pairs(plan.target_poses) if self.protocol.consistency else []
        if pairs and self.protocol.targets != "spiral":
            if plan.target_ids not in truth:
                true = views.images[views.positions(plan.target_ids)]
                truth[plan.target_ids] = consistency(TRUTH, true, plan.target_poses, pairs)
            fits.append(truth[plan.target_ids])
        for method in self.methods:
            self.progress(f"{views.name}: {len(rows)} references, seed {plan.seed}, {method}")
            start = time.perf_counter()
            try:
                images = self._model(views, plan, None) if method == MODEL else BASELINES[method](given)
            except EscherNetError as error:
                if method == MODEL:
                    raise
                warnings.append(f"'{views.name}', {len(rows)} references, seed {plan.seed}: no {method}. {error}")
                continue
            seconds[method] = time.perf_counter() - start
            self.timer.add(method, seconds[method])
            nearest = [kept.references[plan.reference_ids[i]].image for i in angles.argmin(axis=1)]
            with self.timer.stage("metrics"):
                numbers = self._measure(views, plan, images)
            with self.timer.stage("write pictures"):
                for number, view_id in enumerate(plan.target_ids):
                    path = None
                    if method == NEAREST:
                        path = nearest[number]
                    elif self.keep_images is None or number < self.keep_images:
                        path = files.write(f"{place}/{option_name(method)}", view_id, images[number])
                    angle = float(np.degrees(angles[number].min()))
                    scored = view_id in plan.scored_ids
                    found.append(ViewScore(method, view_id, scored, angle, path, numbers[number]))
            if self.protocol.consistency:
                with self.timer.stage("consistency"):
                    fits.append(consistency(method, images, plan.target_poses, pairs))
        return Case(
            seed=plan.seed,
            reference_ids=plan.reference_ids,
            rule=plan.rule,
            views=tuple(found),
            poses=self._wrong_poses(views, plan, wrong_poses),
            consistency=tuple(fits),
            seconds=seconds,
        )

    def _model(self, views: PosedImages, plan: ViewPlan, targets: NDArray[np.float64] | None) -> NDArray[np.uint8]:
        """The model's views; its poses are those that the data set's published rule gives its camera encoding."""
        rows, poses = views.positions(plan.reference_ids), model_poses(views, self.cape)
        if targets is None:
            targets = plan.target_poses
            if self.protocol.targets != "spiral":
                targets = poses[views.positions(plan.target_ids)]
        return to_uint8(np.asarray(self.synthesis(views.images[rows], poses[rows], targets, plan.noise_seed)))

    def _measure(self, views: PosedImages, plan: ViewPlan, images: NDArray[np.uint8]) -> list[dict[str, float]]:
        """Metrics of every target; LPIPS of those that are scored."""
        if self.protocol.targets == "spiral":
            return [{} for _ in plan.target_ids]
        rows = views.positions(plan.target_ids)
        masks = [None if views.masks is None else views.masks[row] for row in rows]
        scored = [number for number, view_id in enumerate(plan.target_ids) if view_id in plan.scored_ids]
        return measure(list(images), list(views.images[rows]), masks, self.networks, scored)

    def _wrong_poses(
        self, views: PosedImages, plan: ViewPlan, wrong_poses: tuple[WrongPose, ...]
    ) -> tuple[PoseScore, ...]:
        """The model's scores at poses that are wrong on purpose."""
        if MODEL not in self.methods or not plan.scored_ids:
            return ()
        scores = []
        poses = model_poses(views, self.cape)[views.positions(plan.target_ids)]
        for wrong in wrong_poses:
            self.progress(f"{views.name}: {len(plan.reference_ids)} references, seed {plan.seed}, {wrong}")
            with self.timer.stage("wrong poses"):
                images = self._model(views, plan, wrong.of(poses))
                numbers = self._measure(views, plan, images)
            scored = [
                each for each, view_id in zip(numbers, plan.target_ids, strict=True) if view_id in plan.scored_ids
            ]
            means = {
                name: float(np.mean([each[name] for each in scored if name in each]))
                for name in dict.fromkeys(name for each in scored for name in each)
            }
            scores.append(PoseScore(wrong.kind, wrong.amount, means))
        return tuple(scores)


class _Kept:
    """The true pictures of an object that some case uses, each written once."""

    def __init__(self, views: PosedImages, files: PictureFiles, spiral: bool) -> None:
        self._views, self._files, self._spiral = views, files, spiral
        self.references: dict[int, PosedPicture] = {}
        self.targets: dict[int, PosedPicture] = {}

    def add(self, plan: ViewPlan) -> None:
        """Keep the references and targets of a case."""
        for view_id in plan.reference_ids:
            if view_id not in self.references:
                self.references[view_id] = self._written("references", view_id)
        for view_id, pose in zip(plan.target_ids, plan.target_poses, strict=True):
            if view_id not in self.targets:
                self.targets[view_id] = (
                    PosedPicture(view_id, _matrix(pose)) if self._spiral else self._written("targets", view_id)
                )

    def _written(self, place: str, view_id: int) -> PosedPicture:
        (row,) = self._views.positions([view_id])
        image = self._files.write(place, view_id, self._views.images[row])
        mask = None
        if self._views.masks is not None:
            mask = self._files.write(f"{place}/masks", view_id, self._views.masks[row])
        return PosedPicture(view_id, _matrix(self._views.camera_gl_from_world[row]), image, mask)


def model_poses(views: PosedImages, cape: str) -> NDArray[np.float64]:
    """The poses that the model is given, [N, 4, 4]: some data sets have others for 4DoF, by the published rule."""
    other = views.metadata.get("camera_gl_from_world_4dof")
    return views.camera_gl_from_world if other is None or cape != "4dof" else np.asarray(other)


def _matrix(pose: NDArray[np.float64]) -> Matrix:
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in pose)
