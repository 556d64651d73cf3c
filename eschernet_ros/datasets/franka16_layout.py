# SPDX-License-Identifier: Apache-2.0
"""Names of the files of an object's folder (docs/dataset.md)."""

from __future__ import annotations

import re
from pathlib import Path

ANGLES_FILE = "angles.npy"
HEAD_FILE = "recording.json"
JOURNAL_FILE = "frames.jsonl"
OLD_FRAMES_FILE = "frames.json"
"""Records of schema 1, which had neither head nor journal."""

IMAGE, COLOUR, DEPTH, MASK, RGBA = "image", "colour", "depth", "mask", "rgba"

FOLDERS = {
    IMAGE: "images_rgba",
    COLOUR: "colour",
    DEPTH: "depth",
    MASK: "mask",
    RGBA: "rgba",
}
"""Kind of file -> its folder: the published loader's RGBA images of the model's camera, and four at full resolution."""

IMAGES_FOLDER = FOLDERS[IMAGE]
RECOVERED_FOLDER = "recovered"

_FRAME = re.compile(r"frame(\d+)\.png")


def image_name(index: int) -> str:
    """File name of frame ``index``, the same in every folder."""
    return f"frame{index:06d}.png"


def frame_number(path: Path) -> int | None:
    """The number of a frame's file; None when it is not named like one."""
    match = _FRAME.fullmatch(path.name)
    return None if match is None else int(match.group(1))


def frame_file(kind: str, index: int) -> str:
    """Path of a frame's file, relative to the object's folder."""
    return f"{FOLDERS[kind]}/{image_name(index)}"
