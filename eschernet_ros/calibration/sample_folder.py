# SPDX-License-Identifier: Apache-2.0
"""Folders of pictures and arm poses: this package's layout, and ViSP's."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from eschernet_ros.calibration.board import Board
from eschernet_ros.calibration.hand_eye_file import (
    EYE_IN_HAND,
    EYE_ON_BASE,
    CalibrationFileError,
    transform_from_plain,
    transform_to_plain,
)
from eschernet_ros.calibration.problem import Problem
from eschernet_ros.calibration.sample import CalibrationSample, view_from_pose, view_of
from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.geometry import SE3, PinholeCamera

SAMPLES_FILE = "samples.yaml"
CAMERA_FILE = "camera.yaml"
FORMAT = "eschernet_ros/hand_eye_samples"
VERSION = 1


@dataclass(frozen=True)
class Entry:
    """One sample of a folder: the arm, and a picture or the board's pose found by another program.

    Attributes:
        name: of the sample.
        base_from_arm: pose of the flange or of the end effector, see `of_flange`.
        of_flange: which of the two.
        picture: path of the picture, or None.
        camera_from_board: the board's pose, or None.
    """

    name: str
    base_from_arm: SE3
    of_flange: bool
    picture: Path | None = None
    camera_from_board: SE3 | None = None


@dataclass(frozen=True)
class SampleFolder:
    """What a folder holds; None where it does not tell.

    Attributes:
        folder: its path.
        layout: ``samples`` (ours) or ``visp``.
        camera: intrinsics.
        entries: the samples.
        eye_in_hand: the arrangement.
        board: short text of the board.
        flange_from_ee: F_T_EE while the samples were taken.
        base_frame, camera_frame: frame ids, empty when unknown.
    """

    folder: Path
    layout: str
    camera: PinholeCamera
    entries: tuple[Entry, ...]
    eye_in_hand: bool | None = None
    board: str | None = None
    flange_from_ee: SE3 | None = None
    base_frame: str = ""
    camera_frame: str = ""

    @property
    def needs_flange_from_ee(self) -> bool:
        """Whether poses of the end effector are among the samples."""
        return any(not entry.of_flange for entry in self.entries)


def read_sample_folder(folder: Path) -> SampleFolder:
    """Read a folder in either layout.

    Raises:
        EscherNetError: not a folder, no known layout, or files that are damaged or missing.
    """
    if not folder.is_dir():
        raise EscherNetError(f"{folder} is no folder; give the folder that holds the pictures and the arm's poses")
    if (folder / SAMPLES_FILE).is_file():
        return _read_ours(folder)
    if any(folder.glob("*pose_rPe_*.yaml")):
        return _read_visp(folder)
    raise EscherNetError(
        f"{folder} holds neither {SAMPLES_FILE} with {CAMERA_FILE} (this package's layout, docs/calibration.md) nor "
        "*pose_rPe_*.yaml with *image-*.png and *camera.xml (ViSP's)"
    )


def problem_of(
    folder: SampleFolder, board: Board, eye_in_hand: bool, flange_from_ee: SE3 | None
) -> tuple[Problem, tuple[str, ...]]:
    """Find the board in every picture.

    Args:
        folder: the samples.
        board: what they show.
        eye_in_hand: the camera is on the flange.
        flange_from_ee: F_T_EE while the samples were taken; needed when they hold poses of the end effector.

    Returns:
        The problem, and the names of the samples without the board.

    Raises:
        EscherNetError: F_T_EE is missing, a picture that cannot be read or has another size than the camera.
    """
    if folder.needs_flange_from_ee and flange_from_ee is None:
        raise EscherNetError(
            f"{folder.folder} holds poses of the end effector, and a calibration is anchored to the flange: give "
            "F_T_EE as it was set on the controller"
        )
    ee_from_flange = SE3.identity() if flange_from_ee is None else flange_from_ee.inverse()
    samples, without = [], []
    for entry in folder.entries:
        arm = entry.base_from_arm if entry.of_flange else entry.base_from_arm @ ee_from_flange
        if entry.camera_from_board is not None:
            view = view_from_pose(board, folder.camera, entry.camera_from_board)
        else:
            assert entry.picture is not None
            corners = board.detect(read_picture(entry.picture, folder.camera))
            if corners is None:
                without.append(entry.name)
                continue
            view = view_of(board, folder.camera, corners)
        samples.append(CalibrationSample(entry.name, arm, view))
    return Problem(tuple(samples), folder.camera, eye_in_hand), tuple(without)


def read_picture(path: Path, camera: PinholeCamera) -> NDArray[np.uint8]:
    """A picture [H, W] grey.

    Raises:
        EscherNetError: it cannot be read, or has another size than the camera.
    """
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"), dtype=np.uint8)
    except (OSError, UnidentifiedImageError) as error:
        raise EscherNetError(f"the picture {path} cannot be read: {first_line(error)}") from error
    if pixels.shape != (camera.height, camera.width):
        raise EscherNetError(
            f"the picture {path} has {pixels.shape[1]}x{pixels.shape[0]} pixels, but the camera's intrinsics are for "
            f"{camera.width}x{camera.height}: they belong to another resolution"
        )
    return pixels


# Our own layout


def write_camera(path: Path, camera: PinholeCamera, name: str) -> None:
    """Write intrinsics as ROS's camera_calibration does."""
    distortion = list(camera.distortion) + [0.0] * (5 - len(camera.distortion))
    document = {
        "image_width": camera.width,
        "image_height": camera.height,
        "camera_name": name,
        "camera_matrix": {"rows": 3, "cols": 3, "data": [float(value) for value in camera.matrix.ravel()]},
        "distortion_model": "plumb_bob" if len(distortion) == 5 else "rational_polynomial",
        "distortion_coefficients": {"rows": 1, "cols": len(distortion), "data": distortion},
    }
    write_atomically(path, yaml.safe_dump(document, sort_keys=False).encode())


def write_samples(folder: SampleFolder) -> None:
    """Write ``camera.yaml`` and ``samples.yaml`` into ``folder.folder``; the pictures are there already.

    Raises:
        EscherNetError: the files cannot be written.
    """
    write_camera(folder.folder / CAMERA_FILE, folder.camera, folder.camera_frame)
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "calibration_type": None if folder.eye_in_hand is None else EYE_IN_HAND if folder.eye_in_hand else EYE_ON_BASE,
        "board": folder.board,
        "base_frame": folder.base_frame,
        "camera_frame": folder.camera_frame,
        "flange_from_ee": None if folder.flange_from_ee is None else transform_to_plain(folder.flange_from_ee),
        "samples": [_plain_entry(entry) for entry in folder.entries],
    }
    text = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110)
    write_atomically(folder.folder / SAMPLES_FILE, text.encode())


def _plain_entry(entry: Entry) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": entry.name}
    if entry.picture is not None:
        plain["image"] = entry.picture.name
    if entry.camera_from_board is not None:
        plain["camera_from_board"] = transform_to_plain(entry.camera_from_board)
    plain["base_from_flange" if entry.of_flange else "base_from_ee"] = transform_to_plain(entry.base_from_arm)
    return plain


def _read_ours(folder: Path) -> SampleFolder:
    path = folder / SAMPLES_FILE
    document = _yaml(path)
    if document.get("format") != FORMAT or document.get("version") != VERSION:
        raise EscherNetError(
            f"{path} has format {document.get('format')!r} version {document.get('version')!r}; {FORMAT} version "
            f"{VERSION} is needed"
        )
    kind = document.get("calibration_type")
    if kind not in (None, EYE_IN_HAND, EYE_ON_BASE):
        raise EscherNetError(f"{path}: calibration_type is {kind!r}; it must be {EYE_IN_HAND} or {EYE_ON_BASE}")
    listed = document.get("samples")
    if not isinstance(listed, list) or not listed:
        raise EscherNetError(f"{path} lists no samples")
    ee = document.get("flange_from_ee")
    try:
        return SampleFolder(
            folder=folder,
            layout="samples",
            camera=read_camera(folder / CAMERA_FILE),
            entries=tuple(_entry(folder, item, number) for number, item in enumerate(listed)),
            eye_in_hand=None if kind is None else kind == EYE_IN_HAND,
            board=document.get("board"),
            flange_from_ee=None if ee is None else transform_from_plain(ee, "flange_from_ee"),
            base_frame=str(document.get("base_frame") or ""),
            camera_frame=str(document.get("camera_frame") or ""),
        )
    except CalibrationFileError as error:
        raise EscherNetError(f"{path}: {error}") from error


def _entry(folder: Path, item: Any, number: int) -> Entry:
    if not isinstance(item, dict):
        raise CalibrationFileError(f"sample {number} must hold keys, it is {item!r}")
    name = str(item.get("name", item.get("image", number)))
    arms = [key for key in ("base_from_flange", "base_from_ee") if key in item]
    if len(arms) != 1:
        raise CalibrationFileError(f"sample {name} must hold either base_from_flange or base_from_ee")
    pose = item.get("camera_from_board")
    if (pose is None) == ("image" not in item):
        raise CalibrationFileError(f"sample {name} must hold either image or camera_from_board")
    return Entry(
        name=name,
        base_from_arm=transform_from_plain(item[arms[0]], f"{arms[0]} of sample {name}"),
        of_flange=arms[0] == "base_from_flange",
        picture=folder / str(item["image"]) if pose is None else None,
        camera_from_board=None if pose is None else transform_from_plain(pose, f"camera_from_board of sample {name}"),
    )


def read_camera(path: Path) -> PinholeCamera:
    """Read intrinsics as ROS's camera_calibration writes them.

    Raises:
        EscherNetError: the file is missing, damaged, or of another distortion model than OpenCV's.
    """
    document = _yaml(path)
    model = document.get("distortion_model", "plumb_bob")
    if model not in ("plumb_bob", "rational_polynomial"):
        raise EscherNetError(f"{path}: distortion model '{model}' is not known; rectify the pictures first")
    try:
        matrix = document["camera_matrix"]["data"]
        distortion = document.get("distortion_coefficients", {}).get("data", [])
        return PinholeCamera.from_matrix(
            matrix, document["image_width"], document["image_height"], tuple(float(value) for value in distortion)
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise EscherNetError(
            f"{path} lacks {error}; it must hold image_width, image_height, camera_matrix.data (9 numbers) and "
            "distortion_coefficients.data, as ROS's camera_calibration writes them"
        ) from error


# ViSP


def _read_visp(folder: Path) -> SampleFolder:
    """``*image-N.png``, ``*pose_rPe_N.yaml`` (m; axis times angle) and ``*camera.xml``, as ViSP acquires them."""
    cameras = sorted(folder.glob("*camera.xml"))
    if len(cameras) != 1:
        raise EscherNetError(f"{folder} holds {len(cameras)} files *camera.xml; exactly one is needed")
    entries = []
    numbered = [(int(re.findall(r"\d+", path.stem)[-1]), path) for path in folder.glob("*pose_rPe_*.yaml")]
    for number, path in sorted(numbered):
        pictures = [
            picture
            for picture in folder.glob(f"*image-{number}.*")
            if picture.suffix in (".png", ".jpg", ".jpeg", ".pgm", ".bmp")
        ]
        if len(pictures) != 1:
            raise EscherNetError(f"{path} has {len(pictures)} pictures *image-{number}.*; exactly one is needed")
        values = _yaml(path).get("data")
        try:
            vector = np.asarray(values, dtype=np.float64).reshape(6)
        except (TypeError, ValueError) as error:
            raise EscherNetError(f"{path} must hold 6 numbers under 'data', it holds {values!r}") from error
        entries.append(Entry(str(number), SE3.from_rotvec(vector[3:], vector[:3]), False, pictures[0]))
    first = entries[0].picture
    assert first is not None
    with Image.open(first) as image:
        size = image.size
    return SampleFolder(folder, "visp", _visp_camera(cameras[0], size), tuple(entries))


def _visp_camera(path: Path, size: tuple[int, int]) -> PinholeCamera:
    """The camera for pictures of ``size``; ViSP's radial term ``kud`` is OpenCV's k1."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise EscherNetError(f"{path} cannot be read: {error}") from error
    found: dict[str, PinholeCamera] = {}
    for element in root.iter("camera"):
        try:
            width, height = (int(element.findtext(key, "")) for key in ("image_width", "image_height"))
            for model in element.iter("model"):
                kind = model.findtext("type", "")
                fx, fy, cx, cy = (float(model.findtext(key, "")) for key in ("px", "py", "u0", "v0"))
                k1 = float(model.findtext("kud", "0") or 0.0)
                camera = PinholeCamera(width, height, fx, fy, cx, cy, (k1, 0.0, 0.0, 0.0, 0.0) if k1 else ())
                if (width, height) == size:
                    found[kind] = camera
        except ValueError as error:
            raise EscherNetError(f"{path} holds a camera that cannot be read: {error}") from error
    for kind in ("perspectiveProjWithDistortion", "perspectiveProjWithoutDistortion"):
        if kind in found:
            return found[kind]
    raise EscherNetError(f"{path} holds no perspective camera for pictures of {size[0]}x{size[1]}")


def _yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EscherNetError(f"{path} is missing") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EscherNetError(f"{path} cannot be read: {first_line(error)}") from error
    if not isinstance(document, dict):
        raise EscherNetError(f"{path} holds no keys; it is empty or cut off")
    return document


def with_entries(folder: SampleFolder, entries: tuple[Entry, ...]) -> SampleFolder:
    """The same folder with other samples."""
    return replace(folder, entries=entries)
