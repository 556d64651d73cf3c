# SPDX-License-Identifier: Apache-2.0
"""Calibrations of made-up rigs whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from board_pictures import CAMERA, looks_at_board

from eschernet_ros.calibration.board import CharucoBoard, Chessboard, board_text
from eschernet_ros.calibration.calibrate import METHODS, calibrate
from eschernet_ros.calibration.diversity import TooFewRotationsError
from eschernet_ros.calibration.outliers import remove_outliers
from eschernet_ros.calibration.problem import Estimate, Problem
from eschernet_ros.calibration.refine import refine_exact_robot, refine_noisy_robot
from eschernet_ros.calibration.sample import renumbered
from eschernet_ros.calibration.solvers import SOLVERS, SolverError, solve
from eschernet_ros.calibration.symmetry import resolve_symmetry
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

BOARDS = [Chessboard(9, 6, 0.024), CharucoBoard(7, 5, 0.03, 0.022, "DICT_5X5_100")]


@pytest.mark.parametrize("eye_in_hand", [True, False], ids=["eye in hand", "eye to hand"])
@pytest.mark.parametrize("board", BOARDS, ids=board_text)
def test_from_drawn_pictures(make_rig, board, eye_in_hand):
    rig = make_rig(board, eye_in_hand=eye_in_hand, count=9, pictures=True)
    result = calibrate(rig.problem, board)
    millimetres, degrees = rig.error(result.mount_from_camera)
    assert millimetres < 0.2
    assert degrees < 0.05
    assert result.outliers == ()
    assert result.result.rms_px < 0.12
    assert all(sample.left_out is not None and sample.left_out.px < 0.4 for sample in result.samples)


@pytest.mark.parametrize("method", SOLVERS)
@pytest.mark.parametrize("eye_in_hand", [True, False], ids=["eye in hand", "eye to hand"])
def test_every_solver_finds_the_truth_without_noise(make_rig, method, eye_in_hand):
    rig = make_rig(eye_in_hand=eye_in_hand, pixel_noise=0.0)
    millimetres, degrees = rig.error(solve(rig.problem, method).mount_from_camera)
    assert millimetres < 1e-2
    assert degrees < 1e-3


def test_exact_robot_refinement_has_the_least_reprojection_error(make_rig):
    rig = make_rig(arm_turn_deg=0.1, arm_shift_mm=0.5, pixel_noise=0.3)
    results = calibrate(rig.problem, rig.board).results
    least = results["reprojection"].rms_px
    assert all(results[method].rms_px > least for method in SOLVERS)


def test_with_an_exact_arm_both_refinements_agree(make_rig):
    rig = make_rig(pixel_noise=0.3)
    start = solve(rig.problem, "park")
    noisy, exact = refine_noisy_robot(rig.problem, start), refine_exact_robot(rig.problem, start)
    metres, radians = noisy.estimate.mount_from_camera.distance_to(exact.mount_from_camera)
    assert metres < 5e-5
    assert np.degrees(radians) < 0.01
    assert noisy.noise.turn < np.radians(0.02)
    assert noisy.noise.shift < 1e-4


def test_noise_of_the_arm_is_found_and_its_model_pays(make_rig):
    """Over many rigs with an arm that is 0.2 deg and 1 mm off, the noisy-robot refinement is the best of all."""
    squares: dict[str, list[float]] = {"refined": [], "reprojection": [], "park": []}
    turns, shifts, deviations = [], [], []
    for seed in range(10):
        rig = make_rig(arm_turn_deg=0.2, arm_shift_mm=1.0, pixel_noise=0.2, seed=seed)
        start = solve(rig.problem, "park")
        fit = refine_noisy_robot(rig.problem, start)
        turns.append(fit.noise.turn)
        shifts.append(fit.noise.shift)
        found = {
            "refined": fit.estimate,
            "reprojection": refine_exact_robot(rig.problem, start),
            "park": start,
        }
        for name, estimate in found.items():
            squares[name].append(rig.error(estimate.mount_from_camera)[0] ** 2)
        step = rig.truth.translation - fit.estimate.mount_from_camera.translation
        deviations.append(step @ np.linalg.solve(fit.covariance[3:6, 3:6], step) / 3.0)
    rms = {name: float(np.sqrt(np.mean(values))) for name, values in squares.items()}
    assert rms["refined"] < 0.8 * rms["reprojection"]
    assert rms["refined"] < rms["park"]
    assert np.degrees(np.mean(turns)) == pytest.approx(0.2, rel=0.25)
    assert 1e3 * np.mean(shifts) == pytest.approx(1.0, rel=0.25)
    assert 0.4 < np.mean(deviations) < 2.5  # the covariance says how far off it is


@pytest.mark.parametrize("eye_in_hand", [True, False], ids=["eye in hand", "eye to hand"])
def test_outliers_are_named_and_left_out(make_rig, eye_in_hand):
    rig = make_rig(eye_in_hand=eye_in_hand, arm_turn_deg=0.05, arm_shift_mm=0.3, count=14)
    samples = list(rig.problem.samples)
    slips = {3: SE3.from_rotvec([0, 0, 0], [0.012, 0, 0]), 9: SE3.from_rotvec([0.06, 0, 0], [0, 0, 0])}
    for index, slip in slips.items():
        samples[index] = replace(samples[index], base_from_flange=samples[index].base_from_flange @ slip)
    result = calibrate(replace(rig.problem, samples=tuple(samples)), rig.board)
    assert [outlier.name for outlier in result.outliers] == ["004", "010"]
    assert result.outliers[0].shift_m == pytest.approx(0.012, abs=0.002)
    assert np.degrees(result.outliers[1].turn_rad) == pytest.approx(3.4, abs=0.4)
    assert any(note.startswith("sample 004 was left out: arm and picture disagree by 1") for note in result.notes)
    millimetres, degrees = rig.error(result.mount_from_camera)
    assert millimetres < 0.7
    assert degrees < 0.1
    spoilt = calibrate(replace(rig.problem, samples=tuple(samples)), rig.board, keep_outliers=True)
    assert rig.error(spoilt.mount_from_camera)[0] > 2 * millimetres


def test_clean_samples_are_kept(make_rig):
    for seed in range(4):
        rig = make_rig(arm_turn_deg=0.2, arm_shift_mm=1.0, pixel_noise=0.3, seed=100 + seed)
        kept, outliers = remove_outliers(rig.problem)
        assert (len(kept), outliers) == (12, ())


@pytest.mark.parametrize("board", [Chessboard(8, 6, 0.024), Chessboard(6, 6, 0.024)], ids=board_text)
@pytest.mark.parametrize("eye_in_hand", [True, False], ids=["eye in hand", "eye to hand"])
def test_symmetric_boards_are_turned_to_agree(make_rig, board, eye_in_hand):
    rig = make_rig(board, eye_in_hand=eye_in_hand, count=10, arm_turn_deg=0.1, arm_shift_mm=0.5)
    turned = {1, 4, 5}
    rng = np.random.default_rng(0)
    samples = [
        replace(s, view=renumbered(s.view, board.symmetries[rng.integers(1, len(board.symmetries))], board, CAMERA))
        if index in turned
        else s
        for index, s in enumerate(rig.problem.samples)
    ]
    result = calibrate(replace(rig.problem, samples=tuple(samples)), board)
    assert result.turned is not None
    assert result.turned.names == ("002", "005", "006")
    assert result.turned.unclear == ()
    millimetres, degrees = rig.error(result.mount_from_camera)
    assert millimetres < 1.5
    assert degrees < 0.2
    angle = 180 if len(board.symmetries) == 2 else 90
    sentence = f"a turn of {angle} deg; by the arm's motion, 3 samples were turned to agree: 002, 005, 006"
    assert any(sentence in note for note in result.notes)


def test_symmetric_board_in_drawn_pictures(make_rig):
    board = Chessboard(8, 6, 0.024)
    rng = np.random.default_rng(5)
    # half of the pictures upside down: OpenCV starts at the upper end in all of them
    poses = [
        pose @ SE3.from_rotvec([0, 0, np.pi * (index % 2)], [0, 0, 0])
        for index, pose in enumerate(looks_at_board(10, rng))
    ]
    rig = make_rig(board, pictures=True, poses=poses)
    result = calibrate(rig.problem, board)
    assert result.turned is not None and len(result.turned.names) in (4, 5)
    assert rig.error(result.mount_from_camera)[0] < 0.2


def test_symmetry_the_motion_does_not_tell_is_named(make_rig):
    """Two views from one place: nothing was turned, so both ends of the board fit."""
    pose = SE3.from_rotvec([0.2, 0.1, 0.0], [0.0, 0.0, 0.4])
    rig = make_rig(Chessboard(8, 6, 0.024), poses=[pose])
    sample = rig.problem.samples[0]
    # the arm turned by 90 deg, the board as the camera saw it did not: either end is as wrong
    other = replace(
        sample, name="x", base_from_flange=sample.base_from_flange @ SE3.from_rotvec([0, 0, np.pi / 2], [0] * 3)
    )
    _, turned = resolve_symmetry(Problem((sample, other), CAMERA), rig.board)
    assert turned is not None
    assert turned.unclear == ("x",)
    assert "It does not tell for x: use a board with an odd sum" in turned.sentence(rig.board)


def test_wrong_square_size_is_noticed(make_rig):
    rig = make_rig(Chessboard(9, 6, 0.024), arm_turn_deg=0.05, arm_shift_mm=0.3)
    wrong = Chessboard(9, 6, 0.025)
    samples = tuple(
        replace(
            s,
            view=replace(
                s.view,
                points=s.view.points * 25 / 24,
                camera_from_board=SE3.from_rotation_translation(
                    s.view.camera_from_board.rotation, s.view.camera_from_board.translation * 25 / 24
                ),
            ),
        )
        for s in rig.problem.samples
    )
    result = calibrate(replace(rig.problem, samples=samples), wrong)
    assert result.scale == pytest.approx(24 / 25, abs=0.005)
    assert any("the arm's motion fits squares of 2" in note and "not the 25.00 mm" in note for note in result.notes)
    right = refine_noisy_robot(rig.problem, solve(rig.problem, "park"), with_scale=True)
    assert abs(right.scale - 1.0) < 4 * right.scale_deviation


def _turned(axis: int, count: int = 6) -> list[SE3]:
    poses = []
    for index in range(count):
        turn = np.zeros(3)
        turn[axis] = np.radians(12.0 * index - 30.0)
        poses.append(SE3.from_rotvec(turn, [0.002 * index, 0.0, 0.4]))
    return poses


@pytest.mark.parametrize(
    ("axis", "only", "missing"),
    [
        (0, "the horizontal axis only", "the vertical and the viewing axis are missing"),
        (1, "the vertical axis only", "the horizontal and the viewing axis are missing"),
        (2, "the viewing axis only", "the horizontal and the vertical axis are missing"),
    ],
)
def test_turns_about_one_axis_are_refused_by_name(make_rig, axis, only, missing):
    rig = make_rig(poses=_turned(axis))
    with pytest.raises(TooFewRotationsError, match=f"the camera was turned about {only} .*turns about {missing}"):
        calibrate(rig.problem, rig.board)


def test_shifts_without_turns_are_refused(make_rig):
    poses = [SE3.from_rotvec([0.0, 0.0, 0.01 * i], [0.03 * i, 0.0, 0.4]) for i in range(5)]
    rig = make_rig(poses=poses, eye_in_hand=False)
    with pytest.raises(
        TooFewRotationsError, match=r"the board was turned by at most 2\.\d deg .* are missing. For example, t"
    ):
        calibrate(rig.problem, rig.board)


def test_three_samples_are_too_few(make_rig):
    rig = make_rig(count=3)
    with pytest.raises(TooFewRotationsError, match=r"3 samples with the board in sight are too few: at least 4"):
        calibrate(rig.problem, rig.board)


def test_any_method_may_be_the_result(make_rig):
    rig = make_rig(count=6)
    assert METHODS[:2] == ("refined", "reprojection")
    for method in ("reprojection", "tsai"):
        result = calibrate(rig.problem, rig.board, method)
        assert result.method == method
        assert result.mount_from_camera.is_close(result.results[method].estimate.mount_from_camera)
        assert np.isfinite([result.spread_m, result.spread_rad]).all()
    with pytest.raises(EscherNetError, match="no method 'best'; there are refined, reprojection, tsai"):
        calibrate(rig.problem, rig.board, "best")


def test_solver_errors(make_rig):
    rig = make_rig(count=2)
    with pytest.raises(SolverError, match="2 samples are too few for park"):
        solve(rig.problem, "park")
    with pytest.raises(EscherNetError, match="no solver 'kabsch'"):
        solve(rig.problem, "kabsch")


def test_discrepancy_is_what_the_arm_would_have_to_be_moved_by(make_rig):
    for eye_in_hand in (True, False):
        rig = make_rig(eye_in_hand=eye_in_hand, pixel_noise=0.0, count=5)
        estimate = rig.problem.mean_board(rig.truth)
        np.testing.assert_allclose(rig.problem.discrepancy(estimate), 0.0, atol=1e-7)
        slip = SE3.from_rotvec([0.001, 0.002, -0.001], [0.0004, -0.0002, 0.0003])
        samples = tuple(replace(s, base_from_flange=s.base_from_flange @ slip.inverse()) for s in rig.problem.samples)
        left = replace(rig.problem, samples=samples).discrepancy(estimate)
        np.testing.assert_allclose(left, np.tile([0.001, 0.002, -0.001, 0.0004, -0.0002, 0.0003], (5, 1)), atol=1e-6)
        assert isinstance(estimate, Estimate)
