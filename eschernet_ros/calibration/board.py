# SPDX-License-Identifier: Apache-2.0
"""Calibration boards: what they look like, how they are found in a picture, and which turns leave them unchanged.

Board frame: x along the columns, y along the rows, z away from the onlooker (x right, y down on the printed sheet);
its origin is the centre of the corners, so that turning a board on itself does not move it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry.se3 import FloatArray
from eschernet_ros.optional import require

LEAST_CORNERS = 6
"""Fewer corners of a ChArUco board do not fix a pose well."""

_CORNER_SHARE = 0.3
"""Half the search window of a corner, over the distance to the next corner: it must not see another one."""
_LARGEST_WINDOW = 11


class Corners(NamedTuple):
    """Corners found in a picture: their numbers on the board [M] and pixels [M, 2]."""

    ids: NDArray[np.int64]
    pixels: FloatArray


class Board(ABC):
    """A flat pattern of known corners."""

    @property
    @abstractmethod
    def points(self) -> FloatArray:
        """Corners [N, 3] in the board frame, metres; z = 0."""

    @property
    @abstractmethod
    def square(self) -> float:
        """Side of a square, metres: the measure that all others are in proportion to."""

    @abstractmethod
    def detect(self, picture: NDArray[np.uint8]) -> Corners | None:
        """Find the corners in a picture [H, W] grey or [H, W, 3] RGB; None when there are too few or none."""

    @cached_property
    def symmetries(self) -> tuple[NDArray[np.int64], ...]:
        """Renumberings [N] of the corners that no picture can tell apart; the first changes nothing."""
        return (np.arange(len(self.points)),)

    @property
    @abstractmethod
    def description(self) -> str:
        """The board in words, with its measures."""


@dataclass(frozen=True)
class Chessboard(Board):
    """A chessboard, counted by its inner corners.

    A picture shows the same corners after half a turn. With an odd sum of ``columns`` and ``rows`` the colours of the
    squares tell the two apart, and `detect` always starts at the end whose first square between corners is black. With
    an even sum they do not: see `symmetries`.

    Args:
        columns, rows: inner corners.
        square_m: side of a square, metres.

    Raises:
        EscherNetError: fewer than 3 corners a side, or a side that is not positive.
    """

    columns: int
    rows: int
    square_m: float

    def __post_init__(self) -> None:
        if self.columns < 3 or self.rows < 3:
            raise EscherNetError(
                f"a chessboard needs at least 3x3 inner corners, not {self.columns}x{self.rows}; count where four "
                "squares meet"
            )
        _check_length("the square of the chessboard", self.square_m)

    @property
    def square(self) -> float:
        """Side of a square, metres."""
        return self.square_m

    @cached_property
    def points(self) -> FloatArray:
        """Corners [N, 3], row by row."""
        return _grid(self.columns, self.rows, self.square_m)

    @cached_property
    def symmetries(self) -> tuple[NDArray[np.int64], ...]:
        """The turns after which geometry and colours are the same."""
        return tuple(turn for turn, same_colours in self._turns if same_colours)

    @property
    def description(self) -> str:
        """In words."""
        return f"chessboard of {self.columns}x{self.rows} inner corners, squares of {self.square_m * 1e3:g} mm"

    @cached_property
    def _turns(self) -> tuple[tuple[NDArray[np.int64], bool], ...]:
        """Turns that map the grid to itself, and whether they also keep the colours."""
        numbers = np.arange(self.columns * self.rows).reshape(self.rows, self.columns)
        turns = [(numbers.ravel(), True), (numbers[::-1, ::-1].ravel(), (self.columns + self.rows) % 2 == 0)]
        if self.columns == self.rows:
            keeps = self.columns % 2 == 0
            turns += [(np.rot90(numbers, k).ravel(), keeps) for k in (1, 3)]
        return tuple(turns)

    def detect(self, picture: NDArray[np.uint8]) -> Corners | None:
        """All corners, or None."""
        cv2 = _cv2()
        grey = _grey(picture)
        size = (self.columns, self.rows)
        found, raw = cv2.findChessboardCorners(
            grey, size, flags=cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
        )
        if not found:
            found, raw = cv2.findChessboardCornersSB(
                grey, size, flags=cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_ACCURACY
            )
        if not found:
            return None
        pixels = _refine(grey, raw.reshape(-1, 2), self._spacing(raw.reshape(-1, 2)))
        return Corners(np.arange(len(pixels)), self._in_order(grey, pixels))

    def _spacing(self, pixels: FloatArray) -> float:
        grid = pixels.reshape(self.rows, self.columns, 2)
        return float(min(np.linalg.norm(np.diff(grid, axis=axis), axis=-1).min() for axis in (0, 1)))

    def _in_order(self, grey: NDArray[np.uint8], pixels: FloatArray) -> FloatArray:
        """Number the corners clockwise as seen, and so that the colours of the squares are those of the board."""
        grid = pixels.reshape(self.rows, self.columns, 2)
        right, down = grid[0, -1] - grid[0, 0], grid[-1, 0] - grid[0, 0]
        if right[0] * down[1] - right[1] * down[0] < 0.0:
            grid = grid[:, ::-1]
        pixels = grid.reshape(-1, 2)
        candidates = [pixels[turn] for turn, same_colours in self._turns if not same_colours]
        if candidates and self._starts_white(grey, grid):
            return candidates[0]
        return pixels

    def _starts_white(self, grey: NDArray[np.uint8], grid: FloatArray) -> bool:
        """Whether the square between the first four corners is brighter than the ones beside it."""
        centres = (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:]) / 4
        column, row = np.rint(centres[..., 0]).astype(int), np.rint(centres[..., 1]).astype(int)
        values = grey[np.clip(row, 0, grey.shape[0] - 1), np.clip(column, 0, grey.shape[1] - 1)].astype(np.float64)
        parity = np.add.outer(np.arange(self.rows - 1), np.arange(self.columns - 1)) % 2
        return bool(values[parity == 0].mean() > values[parity == 1].mean())


@dataclass(frozen=True)
class CharucoBoard(Board):
    """A chessboard with ArUco markers in its white squares; every corner has a number, so it is never ambiguous.

    Args:
        columns, rows: squares (OpenCV counts ChArUco boards so), not inner corners.
        square_m, marker_m: sides, metres.
        dictionary: OpenCV's name, for example ``DICT_5X5_250``.
        legacy: the pattern of boards made with OpenCV before 4.6 (it differs for an even number of rows).

    Raises:
        EscherNetError: sizes that do not fit together, or an unknown dictionary.
    """

    columns: int
    rows: int
    square_m: float
    marker_m: float
    dictionary: str = "DICT_5X5_250"
    legacy: bool = False

    def __post_init__(self) -> None:
        if self.columns < 3 or self.rows < 3:
            raise EscherNetError(f"a ChArUco board needs at least 3x3 squares, not {self.columns}x{self.rows}")
        _check_length("the square of the ChArUco board", self.square_m)
        _check_length("the marker of the ChArUco board", self.marker_m)
        if not self.marker_m < self.square_m:
            raise EscherNetError(
                f"the marker ({self.marker_m * 1e3:g} mm) of a ChArUco board must be smaller than its square "
                f"({self.square_m * 1e3:g} mm); are the two swapped?"
            )
        _dictionary(self.dictionary)

    @property
    def square(self) -> float:
        """Side of a square, metres."""
        return self.square_m

    @cached_property
    def points(self) -> FloatArray:
        """Inner corners [N, 3], row by row, in OpenCV's numbering."""
        return _grid(self.columns - 1, self.rows - 1, self.square_m)

    @property
    def description(self) -> str:
        """In words."""
        return (
            f"ChArUco board of {self.columns}x{self.rows} squares of {self.square_m * 1e3:g} mm, markers of "
            f"{self.marker_m * 1e3:g} mm, {self.dictionary}{', legacy pattern' if self.legacy else ''}"
        )

    def detect(self, picture: NDArray[np.uint8]) -> Corners | None:
        """The corners in sight, or None for fewer than `LEAST_CORNERS` or all in one line."""
        grey = _grey(picture)
        pixels, ids, _, _ = _cv2().aruco.CharucoDetector(self.opencv_board()).detectBoard(grey)
        if ids is None or len(ids) < LEAST_CORNERS:
            return None
        numbers = np.asarray(ids).ravel().astype(np.int64)
        flat = self.points[numbers, :2]
        if np.linalg.matrix_rank(flat - flat.mean(axis=0), tol=0.5 * self.square_m) < 2:
            return None
        return Corners(numbers, np.asarray(pixels, dtype=np.float64).reshape(-1, 2))

    def opencv_board(self) -> object:
        """OpenCV's object, which also draws the board (``generateImage``)."""
        board = _cv2().aruco.CharucoBoard(
            (self.columns, self.rows), self.square_m, self.marker_m, _dictionary(self.dictionary)
        )
        board.setLegacyPattern(self.legacy)
        return board


@dataclass(frozen=True)
class MarkerBoard(Board):
    """One ArUco or AprilTag marker; four corners give a rough pose only, so prefer a board.

    Args:
        side_m: of its black square, metres.
        dictionary: OpenCV's name, for example ``DICT_APRILTAG_36h11``.
        number: of the marker; -1 takes whichever is the only one in sight.

    Raises:
        EscherNetError: a side that is not positive, or an unknown dictionary.
    """

    side_m: float
    dictionary: str = "DICT_APRILTAG_36h11"
    number: int = -1

    def __post_init__(self) -> None:
        _check_length("the marker", self.side_m)
        _dictionary(self.dictionary)

    @property
    def square(self) -> float:
        """Side of the marker, metres."""
        return self.side_m

    @cached_property
    def points(self) -> FloatArray:
        """Corners [4, 3], clockwise from the top left of the upright marker."""
        half = self.side_m / 2
        return np.array([[-half, -half, 0.0], [half, -half, 0.0], [half, half, 0.0], [-half, half, 0.0]])

    @property
    def description(self) -> str:
        """In words."""
        which = "a marker" if self.number < 0 else f"marker {self.number}"
        return f"{which} of {self.dictionary}, {self.side_m * 1e3:g} mm"

    def detect(self, picture: NDArray[np.uint8]) -> Corners | None:
        """The marker's corners; None when it, or the only one, is not in sight."""
        cv2 = _cv2()
        grey = _grey(picture)
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        found, ids, _ = cv2.aruco.ArucoDetector(_dictionary(self.dictionary), parameters).detectMarkers(grey)
        numbers = [] if ids is None else np.asarray(ids).ravel().tolist()
        matching = [i for i, number in enumerate(numbers) if self.number in (-1, number)]
        if len(matching) != 1:
            return None
        return Corners(np.arange(4), np.asarray(found[matching[0]], dtype=np.float64).reshape(4, 2))


def parse_board(text: str) -> Board:
    """A board from its short text.

    ``chessboard:9x6:0.0236`` (inner corners, square), ``charuco:5x7:0.034:0.028:DICT_5X5_250`` (squares, square,
    marker, dictionary, and ``:legacy`` for OpenCV's old pattern), ``marker:0.048:DICT_APRILTAG_36h11:0``
    (side, dictionary, number). Lengths in metres.

    Raises:
        EscherNetError: anything else.
    """
    kind, *words = text.split(":")
    try:
        if kind == "chessboard":
            size, square = words
            columns, rows = map(int, size.split("x"))
            return Chessboard(columns, rows, float(square))
        if kind == "charuco":
            legacy = words[-1:] == ["legacy"]
            size, square, marker, dictionary = words[: len(words) - legacy]
            columns, rows = map(int, size.split("x"))
            return CharucoBoard(columns, rows, float(square), float(marker), dictionary, legacy)
        if kind == "marker":
            side, dictionary, *number = words
            return MarkerBoard(float(side), dictionary, int(number[0]) if number else -1)
    except EscherNetError:
        raise
    except ValueError as error:
        raise EscherNetError(f"the board '{text}' cannot be read ({error}); {_FORMS}") from error
    raise EscherNetError(f"the board '{text}' is of no known kind; {_FORMS}")


def board_text(board: Board) -> str:
    """The short text of a board, as `parse_board` reads it."""
    if isinstance(board, Chessboard):
        return f"chessboard:{board.columns}x{board.rows}:{board.square_m!r}"
    if isinstance(board, CharucoBoard):
        legacy = ":legacy" if board.legacy else ""
        return f"charuco:{board.columns}x{board.rows}:{board.square_m!r}:{board.marker_m!r}:{board.dictionary}{legacy}"
    if isinstance(board, MarkerBoard):
        return f"marker:{board.side_m!r}:{board.dictionary}:{board.number}"
    raise EscherNetError(f"a board of type {type(board).__name__} has no short text")


_FORMS = (
    "the forms are chessboard:COLUMNSxROWS:SQUARE (inner corners), "
    "charuco:COLUMNSxROWS:SQUARE:MARKER:DICTIONARY[:legacy] (squares) and marker:SIDE:DICTIONARY[:NUMBER], in metres"
)


def _grid(columns: int, rows: int, square: float) -> FloatArray:
    x, y = np.meshgrid(np.arange(columns) - (columns - 1) / 2, np.arange(rows) - (rows - 1) / 2)
    return np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3) * square


def _check_length(name: str, value: float) -> None:
    if not 1e-3 <= value <= 2.0:
        raise EscherNetError(f"{name} must be between 1 mm and 2 m, it is {value:g} m; lengths are in metres")


def _dictionary(name: str) -> object:
    aruco = _cv2().aruco
    number = getattr(aruco, name, None)
    if number is None or not name.startswith("DICT_"):
        names = ", ".join(sorted(key for key in dir(aruco) if key.startswith("DICT_")))
        raise EscherNetError(f"there is no marker dictionary '{name}'; OpenCV has {names}")
    return aruco.getPredefinedDictionary(number)


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if picture.ndim == 3:
        picture = np.asarray(_cv2().cvtColor(np.ascontiguousarray(picture), _cv2().COLOR_RGB2GRAY), dtype=np.uint8)
    return np.ascontiguousarray(picture)


def _refine(grey: NDArray[np.uint8], pixels: FloatArray, spacing: float) -> FloatArray:
    """Corners to a fraction of a pixel (saddle points, `cv2.cornerSubPix`)."""
    cv2 = _cv2()
    half = int(np.clip(round(_CORNER_SHARE * spacing), 2, _LARGEST_WINDOW))
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-4)
    refined = cv2.cornerSubPix(
        grey, np.ascontiguousarray(pixels, dtype=np.float32).reshape(-1, 1, 2), (half, half), (-1, -1), criteria
    )
    return np.asarray(refined, dtype=np.float64).reshape(-1, 2)


def _cv2() -> ModuleType:
    return require("cv2", 'pip install "opencv-python-headless<5"', "finding calibration boards")
