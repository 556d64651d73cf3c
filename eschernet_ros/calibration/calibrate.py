# SPDX-License-Identifier: Apache-2.0
"""From samples to a calibration: symmetries, outliers, every solver, refinement, and what is left over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.calibration.board import Board
from eschernet_ros.calibration.diversity import Diversity, check_diversity
from eschernet_ros.calibration.outliers import Outlier, remove_outliers, robust_start
from eschernet_ros.calibration.problem import Estimate, Problem
from eschernet_ros.calibration.refine import NoisyFit, best_board, refine_exact_robot, refine_noisy_robot
from eschernet_ros.calibration.solvers import SOLVERS, SolverError, solve
from eschernet_ros.calibration.symmetry import Turned, resolve_symmetry
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

REFINED = "refined"
REPROJECTION = "reprojection"
METHODS = (REFINED, REPROJECTION, *SOLVERS)
"""``refined``: noisy robot, ``reprojection``: exact robot (see `refine`), and OpenCV's solvers."""

SCALE_DEVIATIONS = 4.0
"""A board size that fits better by this many standard deviations, and by `SCALE_SHARE`, is spoken of."""
SCALE_SHARE = 0.005


@dataclass(frozen=True)
class LeftOut:
    """How well a sample is predicted by a calibration from the others.

    Attributes:
        px: root of the mean squared distance of its corners, the arm's pose taken as exact.
        shift_m, turn_rad: distance and angle between the predicted and the seen board.
    """

    px: float
    shift_m: float
    turn_rad: float


@dataclass(frozen=True, eq=False)
class MethodResult:
    """One method's answer.

    Attributes:
        method: one of `METHODS`.
        estimate: the unknowns; None when the method failed.
        fitted: the same hand-eye with the board where the reprojection error is least.
        rms_px: that error, of all corners, with the arm's poses taken as exact.
        left_out: every sample predicted from the others; None where the method fails without it.
        spread_m, spread_rad: standard deviation of the hand-eye (jackknife over the samples).
        failure: why there is no estimate.
    """

    method: str
    estimate: Estimate | None
    fitted: Estimate | None
    rms_px: float
    left_out: tuple[LeftOut | None, ...]
    spread_m: float = float("inf")
    spread_rad: float = float("inf")
    failure: str = ""

    def left_out_rms(self) -> LeftOut:
        """Over all samples (root of the mean square); infinite when the method failed for one."""
        if not self.left_out or None in self.left_out:
            return LeftOut(float("inf"), float("inf"), float("inf"))
        values = np.array([(item.px, item.shift_m, item.turn_rad) for item in self.left_out if item is not None])
        px, shift, turn = np.sqrt((values**2).mean(axis=0))
        return LeftOut(float(px), float(shift), float(turn))


@dataclass(frozen=True)
class SampleResidual:
    """What is left of one sample with the chosen method.

    Attributes:
        name: of the sample.
        corners: number of corners seen.
        detection_px: of the view's own pose (noise of the corners).
        rms_px: with the calibration and the arm's pose taken as exact.
        shift_m, turn_rad: what the arm would have to be moved by.
        left_out: predicted from the others.
    """

    name: str
    corners: int
    detection_px: float
    rms_px: float
    shift_m: float
    turn_rad: float
    left_out: LeftOut | None


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibration and all that tells how good it is.

    Attributes:
        problem: the samples that were used.
        board: what was looked at.
        method: the chosen one.
        estimate: its unknowns.
        results: every method's answer, by name.
        refined: the fit with a noisy robot, which also tells the arm's noise.
        spread_m, spread_rad: standard deviation of the chosen result (jackknife over the samples).
        samples: residuals of the used samples.
        outliers: samples left out.
        turned: what was done about a symmetric board.
        turns: rotations that the samples hold.
        scale, scale_deviation: factor on the board's size that fits the arm's motion best, and its standard deviation.
        notes: what a user should know, one sentence each.
    """

    problem: Problem
    board: Board
    method: str
    estimate: Estimate
    results: dict[str, MethodResult]
    refined: NoisyFit
    spread_m: float
    spread_rad: float
    samples: tuple[SampleResidual, ...]
    outliers: tuple[Outlier, ...]
    turned: Turned | None
    turns: Diversity
    scale: float
    scale_deviation: float
    notes: tuple[str, ...]

    @property
    def mount_from_camera(self) -> SE3:
        """The camera's optical frame on the flange (eye in hand) or in the base (eye to hand)."""
        return self.estimate.mount_from_camera

    @property
    def result(self) -> MethodResult:
        """The chosen method's answer."""
        return self.results[self.method]


def calibrate(problem: Problem, board: Board, method: str = REFINED, *, keep_outliers: bool = False) -> Calibration:
    """Calibrate.

    Args:
        problem: the samples.
        board: what they show.
        method: whose answer is the result, one of `METHODS`; all are computed and compared.
        keep_outliers: use every sample.

    Raises:
        TooFewRotationsError: the samples do not hold the turns that are needed.
        EscherNetError: an unknown method, or one that fails on these samples.
    """
    if method not in METHODS:
        raise EscherNetError(f"there is no method '{method}'; there are {', '.join(METHODS)}")
    check_diversity([s.view.camera_from_board for s in problem.samples], problem.eye_in_hand)
    problem, turned = resolve_symmetry(problem, board)
    outliers: tuple[Outlier, ...] = ()
    if not keep_outliers:
        problem, outliers = remove_outliers(problem)
    turns = check_diversity([s.view.camera_from_board for s in problem.samples], problem.eye_in_hand)
    start, _ = robust_start(problem)
    refined = refine_noisy_robot(problem, start)
    scaled = refine_noisy_robot(problem, start, with_scale=True)
    results = {name: _result(problem, name, refined, start) for name in METHODS}
    chosen = results[method]
    if chosen.estimate is None:
        raise EscherNetError(f"the method '{method}' failed on these samples: {chosen.failure}")
    return Calibration(
        problem=problem,
        board=board,
        method=method,
        estimate=chosen.estimate,
        results=results,
        refined=refined,
        spread_m=chosen.spread_m,
        spread_rad=chosen.spread_rad,
        samples=tuple(_residual(problem, i, chosen) for i in range(len(problem))),
        outliers=outliers,
        turned=turned,
        turns=turns,
        scale=scaled.scale,
        scale_deviation=scaled.scale_deviation,
        notes=tuple(_notes(board, outliers, turned, turns, scaled)),
    )


def _estimator(method: str, refined: NoisyFit) -> Callable[[Problem], Estimate]:
    """The method as a function of the samples; the refinements start from the fit to all of them."""
    if method == REFINED:
        return lambda part: refine_noisy_robot(part, refined.estimate, refined.noise).estimate
    if method == REPROJECTION:
        return lambda part: refine_exact_robot(part, refined.estimate)
    return lambda part: solve(part, method)


def _result(problem: Problem, method: str, refined: NoisyFit, start: Estimate) -> MethodResult:
    estimator = _estimator(method, refined)
    try:
        # the exact robot's least error may lie on either side: take the better of two starts
        candidates = [estimator(problem)]
        if method == REPROJECTION:
            candidates.append(refine_exact_robot(problem, start))
        fitted, estimate = min(
            ((best_board(problem, candidate), candidate) for candidate in candidates),
            key=lambda pair: problem.rms_px(pair[0]),
        )
    except SolverError as error:
        return MethodResult(method, None, None, float("inf"), (), failure=str(error))
    without = [_try(estimator, problem.without(i)) for i in range(len(problem))]
    left_out = tuple(_left_out(problem, i, other) for i, other in enumerate(without))
    spread_m, spread_rad = _jackknife(without)
    return MethodResult(method, estimate, fitted, problem.rms_px(fitted), left_out, spread_m, spread_rad)


def _try(estimator: Callable[[Problem], Estimate], problem: Problem) -> Estimate | None:
    try:
        return estimator(problem)
    except SolverError:
        return None


def _left_out(problem: Problem, index: int, estimate: Estimate | None) -> LeftOut | None:
    """How well an estimate from the other samples predicts this one."""
    if estimate is None:
        return None
    residuals = problem.pixel_residuals(index, estimate)
    seen = problem.samples[index].view.camera_from_board
    shift, turn = seen.distance_to(problem.predicted_board(index, estimate))
    px = float(np.sqrt((residuals**2).sum(axis=1).mean())) if np.isfinite(residuals).all() else float("inf")
    return LeftOut(px, shift, turn)


def _residual(problem: Problem, index: int, chosen: MethodResult) -> SampleResidual:
    assert chosen.estimate is not None and chosen.fitted is not None
    view = problem.samples[index].view
    left = problem.subset([index]).discrepancy(chosen.estimate)[0]
    residuals = problem.pixel_residuals(index, chosen.fitted)
    return SampleResidual(
        name=problem.names[index],
        corners=len(view.ids),
        detection_px=view.rms_px,
        rms_px=float(np.sqrt((residuals**2).sum(axis=1).mean())),
        shift_m=float(np.linalg.norm(left[3:])),
        turn_rad=float(np.linalg.norm(left[:3])),
        left_out=chosen.left_out[index],
    )


def _jackknife(without: list[Estimate | None]) -> tuple[float, float]:
    """Standard deviation of position (metres) and orientation (radians), from estimates without each sample."""
    poses = [estimate.mount_from_camera for estimate in without if estimate is not None]
    if len(poses) < len(without):
        return float("inf"), float("inf")
    positions = np.stack([pose.translation for pose in poses])
    rotations = Rotation.concatenate([pose.rotation for pose in poses])
    turns = (rotations.mean().inv() * rotations).as_rotvec()
    factor = (len(poses) - 1) / len(poses)
    shift = float(np.sqrt(factor * ((positions - positions.mean(axis=0)) ** 2).sum()))
    return shift, float(np.sqrt(factor * (turns**2).sum()))


def _notes(
    board: Board, outliers: tuple[Outlier, ...], turned: Turned | None, turns: Diversity, scaled: NoisyFit
) -> list[str]:
    notes = [outlier.sentence() for outlier in outliers]
    if turned is not None:
        notes.append(turned.sentence(board))
    if turns.missing or not turns.complete:
        notes.append(turns.sentence())
    beyond = abs(scaled.scale - 1.0)
    if beyond > SCALE_DEVIATIONS * scaled.scale_deviation and beyond > SCALE_SHARE:
        notes.append(
            f"the arm's motion fits squares of {board.square * scaled.scale * 1e3:.2f} mm (standard deviation "
            f"{board.square * scaled.scale_deviation * 1e3:.2f} mm), not the {board.square * 1e3:.2f} mm that were "
            "given: measure the board, and check the camera's focal length. A wrong size moves the camera along its "
            "viewing axis"
        )
    return notes
