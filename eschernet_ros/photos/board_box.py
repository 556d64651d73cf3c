# SPDX-License-Identifier: Apache-2.0
"""The object's box above a board, when nobody measured it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eschernet_ros.calibration.board import Board
from eschernet_ros.geometry import SE3, ObjectFrame


def box_on_board(
    board: Board, size: Sequence[float] | None = None, centre: Sequence[float] | None = None
) -> tuple[ObjectFrame, list[str]]:
    """The object's box in the board's frame turned z up (see `eschernet_ros.photos.board_poses`).

    Args:
        board: the board.
        size: sides of the box (x, y, z), metres; None: a cube half as wide as the board's corners reach.
        centre: of the box, metres; None: standing on the middle of the board.

    Returns:
        The box and what was assumed.

    Raises:
        EscherNetError: a size that is no box.
    """
    notes = []
    if size is None:
        side = float(np.ptp(board.points[:, :2], axis=0).min()) / 2.0
        size = (side, side, side)
        notes.append(f"the object's size is assumed: a cube of {side * 1e3:.0f} mm, half as wide as the board (--size)")
    if centre is None:
        centre = (0.0, 0.0, size[2] / 2.0)
        notes.append("the object is assumed to stand on the middle of the board (--centre)")
    pose = SE3.from_rotation_translation(np.eye(3), np.asarray(centre, dtype=np.float64))
    return ObjectFrame(pose, (size[0], size[1], size[2])), notes
