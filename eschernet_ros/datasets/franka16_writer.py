# SPDX-License-Identifier: Apache-2.0
"""Writes recorded frames as a Franka16 object folder that the published loader reads, and loses none.

Order of every frame: the image, then ``frames.json``, then ``angles.npy``; each is written beside its place,
flushed and renamed. A frame counts as recorded once ``frames.json`` names it. Whatever the moment at which
the process dies, opening the folder again makes it whole.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eschernet_ros.datasets.atomic_files import (
    FolderLock,
    remove_temporary_files,
    sync_folder,
    write_atomically,
    write_error,
)
from eschernet_ros.datasets.errors import DatasetError, DatasetWriteError
from eschernet_ros.datasets.franka16_record import (
    ANGLES_FILE,
    FRAMES_FILE,
    IMAGES_FOLDER,
    FrameRecord,
    encode_entry,
    encode_file,
    encode_record,
    image_name,
    read_frames_file,
)
from eschernet_ros.datasets.posed_images import format_ids
from eschernet_ros.datasets.published_loss import PublishedLoss

RECOVERED_FOLDER = "recovered"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WrittenFrame:
    """A frame that is safely recorded.

    Attributes:
        index: its number in the folder.
        path: its image.
        loss: what the published rule makes of its pose; ``loss.sentence()`` says it in words.
    """

    index: int
    path: Path
    loss: PublishedLoss


@dataclass(frozen=True)
class OpenReport:
    """What opening a folder found and repaired.

    Attributes:
        frames: frames that were there already; recording goes on after them.
        temporary_files: interrupted writes that were dropped.
        recovered: images that no entry of ``frames.json`` names, moved to the folder ``recovered``.
        angles_rebuilt: whether ``angles.npy`` had to be made again from ``frames.json``.
    """

    frames: int
    temporary_files: int
    recovered: tuple[Path, ...]
    angles_rebuilt: bool

    def sentences(self) -> list[str]:
        """The report in words; empty for a new folder."""
        words = []
        if self.frames:
            words.append(f"Resumed after {self.frames} recorded frames.")
        if self.temporary_files:
            words.append(f"Dropped {self.temporary_files} half-written temporary files.")
        if self.recovered:
            places = ", ".join(str(path) for path in self.recovered)
            words.append(f"Moved images that were not yet recorded when the last run ended to {places}.")
        if self.angles_rebuilt:
            words.append(f"Rebuilt {ANGLES_FILE} from {FRAMES_FILE}.")
        return words


class Franka16Writer:
    """Appends frames to a Franka16-style object folder; use it as a context manager or call :meth:`close`.

    Thread safe. One writer per folder, also across processes.

    Attributes:
        folder: the object's folder.
        report: what opening it found and repaired.
    """

    def __init__(self, folder: str | Path) -> None:
        """Open ``folder``, made when it does not exist; repair it and resume when a recording is in it.

        Raises:
            DatasetWriteError: when another writer holds the folder, or it cannot be written.
            DatasetError: when the folder holds a Franka16 data set that this writer did not make, or one
                whose ``frames.json`` or images are damaged. Nothing is changed then.
        """
        self.folder = Path(folder).expanduser()
        self._images = self.folder / IMAGES_FOLDER
        self._mutex = threading.Lock()
        self._closed = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(self.folder, error) from error
        self._lock = FolderLock(self.folder)
        try:
            self._lines: list[str] = []
            self._angles: list[tuple[float, float]] = []
            self.report = self._open()
        except OSError as error:
            self._lock.release()
            raise write_error(self.folder, error) from error
        except BaseException:
            self._lock.release()
            raise
        for sentence in self.report.sentences():
            _log.warning("%s: %s", self.folder, sentence)

    def __len__(self) -> int:
        """Number of recorded frames."""
        return len(self._lines)

    def __enter__(self) -> Franka16Writer:
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the writer."""
        self.close()

    def add(self, image: NDArray[np.uint8], record: FrameRecord, mask: NDArray[np.bool_] | None = None) -> WrittenFrame:
        """Record one frame; when this returns, the frame survives a kill of the process.

        Args:
            image: uint8 RGBA [H,W,4], or RGB [H,W,3] with its mask.
            record: everything else that is known of the frame.
            mask: bool [H,W], true on the object, for an RGB image; None: the whole image counts as object.

        Raises:
            DatasetError: when image, mask and record do not fit together.
            DatasetWriteError: when a file cannot be written. The frames before it are safe; the sentence
                says whether this one is.
        """
        content = _encode_png(_rgba(image, mask), record)
        loss = record.loss
        with self._mutex:
            if self._closed:
                raise DatasetWriteError(f"{self.folder} is closed; open a new writer to record on.")
            index = len(self._lines)
            line = encode_entry(encode_record(index, record))
            path = self._images / image_name(index)
            write_atomically(path, content)
            try:
                write_atomically(self.folder / FRAMES_FILE, encode_file([*self._lines, line]))
            except DatasetWriteError:
                with contextlib.suppress(OSError):
                    self._set_aside([path])
                raise
            self._lines.append(line)
            self._angles.append((loss.azimuth, loss.elevation))
            try:
                self._write_angles()
            except DatasetWriteError as error:
                raise DatasetWriteError(
                    f"Frame {index} is recorded, but {error} "
                    "It is made again by the next frame or when the folder is opened the next time."
                ) from error
        return WrittenFrame(index=index, path=path, loss=loss)

    def close(self) -> None:
        """Flush the folder to the disk and let other writers in; harmless when already closed.

        Raises:
            DatasetWriteError: when flushing fails.
        """
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            try:
                sync_folder(self._images)
                sync_folder(self.folder)
                with contextlib.suppress(PermissionError):  # the parent may be somebody else's
                    sync_folder(self.folder.parent)
            except OSError as error:
                raise write_error(self.folder, error) from error
            finally:
                self._lock.release()

    def _open(self) -> OpenReport:
        frames = read_frames_file(self.folder)
        if frames is None:
            self._refuse_foreign()
            dropped = remove_temporary_files(self.folder)
            write_atomically(self.folder / FRAMES_FILE, encode_file([]))
        else:
            self._refuse_missing_images(len(frames.records))
            dropped = remove_temporary_files(self.folder)
        self._images.mkdir(exist_ok=True)
        dropped += remove_temporary_files(self._images)
        records = () if frames is None else frames.records
        self._lines = [encode_entry(encode_record(index, record)) for index, record in enumerate(records)]
        losses = [record.loss for record in records]
        self._angles = [(loss.azimuth, loss.elevation) for loss in losses]
        named = {image_name(index) for index in range(len(records))}
        recovered = self._set_aside(sorted(path for path in self._images.glob("*.png") if path.name not in named))
        rebuilt = not self._angles_are_current()
        if rebuilt:
            self._write_angles()
        return OpenReport(
            frames=len(records),
            temporary_files=dropped,
            recovered=recovered,
            angles_rebuilt=rebuilt and bool(records),
        )

    def _refuse_foreign(self) -> None:
        """A folder without ``frames.json`` is ours only while it holds nothing of the layout."""
        if (self.folder / ANGLES_FILE).exists() or any(self._images.glob("*.png")):
            raise DatasetError(
                f"{self.folder} holds a Franka16 data set without {FRAMES_FILE}, so it was not recorded by "
                "this writer; record into another folder."
            )

    def _refuse_missing_images(self, count: int) -> None:
        missing = [index for index in range(count) if not (self._images / image_name(index)).is_file()]
        if missing:
            raise DatasetError(
                f"{self.folder / FRAMES_FILE} lists the frames {format_ids(missing)}, but their images in "
                f"{IMAGES_FOLDER} are missing; restore them or record into another folder."
            )

    def _set_aside(self, paths: list[Path]) -> tuple[Path, ...]:
        """Move images that are no recorded frames to ``recovered``, replacing nothing there."""
        moved = []
        for path in paths:
            target_folder = self.folder / RECOVERED_FOLDER
            target_folder.mkdir(exist_ok=True)
            target, number = target_folder / path.name, 1
            while target.exists():
                target, number = target_folder / f"{path.stem}.{number}{path.suffix}", number + 1
            path.rename(target)
            moved.append(target)
        return tuple(moved)

    def _angles_are_current(self) -> bool:
        try:
            stored = np.load(self.folder / ANGLES_FILE, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return False
        return np.array_equal(stored, self._angles_array())

    def _angles_array(self) -> NDArray[np.float64]:
        return np.array(self._angles, dtype=np.float64).reshape(-1, 2)

    def _write_angles(self) -> None:
        buffer = io.BytesIO()
        np.save(buffer, self._angles_array())
        write_atomically(self.folder / ANGLES_FILE, buffer.getvalue())


def _rgba(image: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """The image with the mask as its alpha channel."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4):
        raise DatasetError(f"A frame's image must be uint8 [H,W,3] or [H,W,4], not {image.dtype} {list(image.shape)}.")
    if image.shape[2] == 4:
        if mask is not None:
            raise DatasetError("An RGBA image already holds its mask; leave mask out.")
        return image
    if mask is None:
        mask = np.ones(image.shape[:2], dtype=bool)
    if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise DatasetError(f"A frame's mask must be bool {list(image.shape[:2])}, not {mask.dtype} {list(mask.shape)}.")
    return np.dstack([image, np.where(mask, np.uint8(255), np.uint8(0))])


def _encode_png(rgba: NDArray[np.uint8], record: FrameRecord) -> bytes:
    height, width = rgba.shape[:2]
    if (record.camera.width, record.camera.height) != (width, height):
        raise DatasetError(
            f"The frame's image is {width}x{height}, its camera {record.camera.width}x{record.camera.height}."
        )
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()
