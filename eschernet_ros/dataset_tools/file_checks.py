# SPDX-License-Identifier: Apache-2.0
"""Does every file open? Pictures are decoded to the end, arrays and JSON read, stored transforms are rigid."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from PIL import Image, UnidentifiedImageError

from eschernet_ros.checking.findings import Finding, Level
from eschernet_ros.geometry import SE3, PoseError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})


def file_findings(
    folder: Path, files: Sequence[Path], progress: Callable[[int], None] = lambda _: None
) -> list[Finding]:
    """A finding for every file that is empty, does not open, or holds a transform that is none.

    Args:
        folder: the object's; names are told relative to it.
        files: to be opened; kinds not known here are only looked at for being empty.
        progress: told how many files are done.
    """
    findings = []
    for number, path in enumerate(files):
        problem = file_problem(path)
        if problem:
            name = path.name if path == folder else path.relative_to(folder).as_posix()
            findings.append(Finding(Level.BAD, "file", f"{name} {problem}"))
        progress(number + 1)
    return findings


def file_problem(path: Path) -> str:
    """What is wrong with one file, as the rest of a sentence that begins with its name; empty: nothing."""
    try:
        if path.stat().st_size == 0:
            return "is empty: writing it was interrupted; restore it."
        suffix = path.suffix.lower()
        if suffix in PICTURES:
            return _picture_problem(path)
        if suffix == ".npy":
            return _array_problem(path)
        if suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}."
    except UnicodeDecodeError:
        return "is no text file, as JSON is; restore it."
    except json.JSONDecodeError as error:
        return f"is no valid JSON (line {error.lineno}: {error.msg}); restore it."
    return ""


def _picture_problem(path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a very large picture is none of this check's business
        try:
            with Image.open(path) as opened:
                opened.load()
        except UnidentifiedImageError:
            return "is no picture, or a damaged one; restore it."
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            return f"cannot be decoded ({error}); restore it."
    return ""


def _array_problem(path: Path) -> str:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, BadZipFile) as error:
        return f"is no array ({error}); restore it."
    if not isinstance(array, np.ndarray):
        return "is an archive of arrays; one array is needed."
    if array.dtype.kind not in "fiub":
        return f"holds {array.dtype}, no numbers."
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return f"holds {int((~np.isfinite(array)).sum())} numbers that are not finite."
    if array.shape in ((3, 4), (4, 4)):
        try:
            SE3.from_matrix(array.astype(np.float64))
        except PoseError as error:
            return f"holds no rigid transform: {error}."
    return ""
