# SPDX-License-Identifier: Apache-2.0
"""Boards that look the same after a turn: which samples were numbered from the other end, told by the arm's motion.

Between two samples the arm and the board (seen by the camera) turn by the same angle, wherever the camera is mounted.
A board numbered from the other end breaks that. If all samples are numbered from the other end, nothing is lost: only
the board's own pose turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.calibration.board import Board
from eschernet_ros.calibration.problem import Problem
from eschernet_ros.calibration.sample import renumbered
from eschernet_ros.calibration.solvers import LEAST_SAMPLES, SolverError, solve
from eschernet_ros.geometry.se3 import FloatArray

CLEAR_RAD = np.radians(3.0)
"""A turn counts as found when the next best one fits worse by this angle."""

_PASSES = 5


@dataclass(frozen=True)
class Turned:
    """What was done about a symmetric board.

    Attributes:
        ways: number of turns that leave the board the same.
        names: samples that were renumbered to agree with the first one.
        unclear: samples whose turn the arm's motion does not tell.
    """

    ways: int
    names: tuple[str, ...]
    unclear: tuple[str, ...]

    def sentence(self, board: Board) -> str:
        """What a user should know about it."""
        angle = 180 if self.ways == 2 else 90
        text = f"the {board.description} looks the same after a turn of {angle} deg; "
        if self.names:
            text += f"by the arm's motion, {_samples(len(self.names))} turned to agree: {', '.join(self.names)}"
        else:
            text += "by the arm's motion, all samples agree"
        if self.unclear:
            text += (
                f". It does not tell for {', '.join(self.unclear)}: use a board with an odd sum of inner corners, or "
                "a ChArUco board"
            )
        return text


def resolve_symmetry(problem: Problem, board: Board) -> tuple[Problem, Turned | None]:
    """Renumber the corners of samples so that all agree; None for a board that has no symmetry."""
    turns = board.symmetries
    if len(turns) == 1 or len(problem) < 2:
        return problem, None
    alternatives = [[renumbered(s.view, turn, board, problem.camera) for turn in turns] for s in problem.samples]
    rotations = np.stack([[view.camera_from_board.matrix[:3, :3] for view in views] for views in alternatives])
    labels, margins = _grow(problem.robot[:, :3, :3], rotations)

    def labelled(chosen: list[int]) -> Problem:
        samples = (replace(s, view=views[i]) for s, views, i in zip(problem.samples, alternatives, chosen, strict=True))
        return replace(problem, samples=tuple(samples))

    if len(problem) >= LEAST_SAMPLES:
        for _ in range(_PASSES):
            better, margins = _vote(problem, rotations, labels, labelled(labels), margins)
            if better == labels:
                break
            labels = better
    # all samples numbered from the other end is as good: keep what most of them were
    labels = _fewest_changes(labels, rotations)
    names = tuple(name for name, label in zip(problem.names, labels, strict=True) if label)
    unclear = tuple(name for name, margin in zip(problem.names, margins, strict=True) if margin < CLEAR_RAD)
    return labelled(labels), Turned(len(turns), names, unclear)


def _samples(count: int) -> str:
    return "1 sample was" if count == 1 else f"{count} samples were"


def _grow(robot: FloatArray, rotations: FloatArray) -> tuple[list[int], list[float]]:
    """Labels [N] along the most telling pairs, and by what angle each one's second choice fits worse."""
    count, ways = rotations.shape[:2]
    arm = _angles(np.swapaxes(robot[:, None], -1, -2) @ robot[None])
    misfit = np.empty((count, count, ways, ways))
    for a in range(ways):
        for b in range(ways):
            board = _angles(rotations[:, None, a] @ np.swapaxes(rotations[None, :, b], -1, -2))
            misfit[:, :, a, b] = np.abs(arm - board)
    labels, margins = [0] * count, [np.inf] * count
    known = [0]
    while len(known) < count:
        best = (-1.0, 0, 0)
        for i in known:
            for j in set(range(count)) - set(known):
                costs = misfit[i, j, labels[i]]
                first, second = np.sort(costs)[:2]
                if second - first > best[0]:
                    best = (float(second - first), j, int(np.argmin(costs)))
        margin, j, label = best
        labels[j], margins[j] = label, margin
        known.append(j)
    return labels, margins


def _vote(
    problem: Problem, rotations: FloatArray, labels: list[int], current: Problem, margins: list[float]
) -> tuple[list[int], list[float]]:
    """Labels by a solution with the present ones: the turn nearest to where arm and solution put the board."""
    try:
        estimate = solve(current, "park")
    except SolverError:
        return labels, margins
    better, wider = [], []
    for i in range(len(problem)):
        predicted = current.predicted_board(i, estimate).matrix[:3, :3]
        costs = _angles(predicted.T @ rotations[i])
        order = np.argsort(costs)
        better.append(int(order[0]))
        wider.append(float(costs[order[1]] - costs[order[0]]))
    return better, wider


def _fewest_changes(labels: list[int], rotations: FloatArray) -> list[int]:
    """The same relative turns with the most common label called 0."""
    common = int(np.bincount(labels).argmax())
    turns = [rotations[0, 0].T @ rotations[0, k] for k in range(rotations.shape[1])]
    back = turns[common].T
    result = []
    for label in labels:
        wanted = turns[label] @ back
        result.append(int(np.argmin([_angles(wanted.T @ turn) for turn in turns])))
    return result


def _angles(matrices: FloatArray) -> FloatArray:
    flat = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).magnitude()
    return np.asarray(flat).reshape(matrices.shape[:-2])
