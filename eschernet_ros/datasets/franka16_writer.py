# SPDX-License-Identifier: Apache-2.0
"""Writes recorded frames as a Franka16 object folder that the published loader reads, and loses none.

Order of every frame: its pictures, flushed to the disk, then its line in the journal, then its row in ``angles.npy``. A
frame is recorded once its line is in the journal. Whatever the moment at which the process dies, opening the folder
again makes it whole. Every step costs the same however many frames there are.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros import __version__
from eschernet_ros.datasets.angles_file import AnglesFile
from eschernet_ros.datasets.atomic_files import FolderLock, remove_temporary_files, sync_folder, write_error
from eschernet_ros.datasets.errors import DatasetError, DatasetWriteError
from eschernet_ros.datasets.frame_files import (
    SourceImages,
    StoredFile,
    encode_images,
    model_image,
    source_images,
    sync_file,
    write_frame_file,
)
from eschernet_ros.datasets.frame_journal import FrameJournal
from eschernet_ros.datasets.franka16_frames import SESSION, FramesFile, finished_line, frame_line, read_frames_file
from eschernet_ros.datasets.franka16_layout import (
    ANGLES_FILE,
    FOLDERS,
    HEAD_FILE,
    IMAGE,
    IMAGES_FOLDER,
    JOURNAL_FILE,
    OLD_FRAMES_FILE,
    RECOVERED_FOLDER,
    frame_file,
    frame_number,
)
from eschernet_ros.datasets.franka16_record import FrameRecord, encode_line
from eschernet_ros.datasets.posed_images import format_ids
from eschernet_ros.datasets.published_loss import PublishedLoss
from eschernet_ros.datasets.recording_head import (
    COMPLETE,
    RECORDING,
    UNFINISHED,
    RecordingHead,
    read_head,
    utc_now,
    write_head,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WrittenFrame:
    """A frame that is safely recorded.

    Attributes:
        index: its number in the folder.
        path: its image for the model.
        loss: what the published rule makes of its pose; ``loss.sentence()`` says it in words.
    """

    index: int
    path: Path
    loss: PublishedLoss


@dataclass(frozen=True, eq=False)
class PendingFrame:
    """A frame whose files are written, and which is not recorded yet.

    Attributes:
        index: its number in the folder.
        record: what is known of it.
        files: its files by kind.
    """

    index: int
    record: FrameRecord
    files: Mapping[str, StoredFile]


@dataclass(frozen=True, eq=False)
class FinishedFrame:
    """Pictures that were made of a recorded frame later; they are written, but not in the journal yet.

    Attributes:
        index: the frame.
        files: the new files by kind.
        quality: scores that came with them.
        warnings: sentences that came with them.
    """

    index: int
    files: Mapping[str, StoredFile]
    quality: Mapping[str, float | str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenReport:
    """What opening a folder found and repaired.

    Attributes:
        frames: frames that were there already; recording goes on after them.
        temporary_files: interrupted writes that were dropped.
        recovered: pictures that no line of the journal names, moved to the folder ``recovered``.
        angles_rebuilt: whether ``angles.npy`` had to be made again from the journal.
        torn_bytes: length of a half-written last line of the journal that was cut off.
    """

    frames: int
    temporary_files: int
    recovered: tuple[Path, ...]
    angles_rebuilt: bool
    torn_bytes: int = 0

    def sentences(self) -> list[str]:
        """The report in words; empty for a new folder."""
        words = []
        if self.frames:
            words.append(f"Resumed after {self.frames} recorded frames.")
        if self.temporary_files:
            words.append(f"Dropped {self.temporary_files} half-written temporary files.")
        if self.torn_bytes:
            words.append(f"Cut a half-written line of {self.torn_bytes} bytes off {JOURNAL_FILE}.")
        if self.recovered:
            words.append(
                f"Moved {len(self.recovered)} pictures of frames that were not yet recorded when the last run ended to "
                f"{self.recovered[0].parent}{' and beside it' if len({p.parent for p in self.recovered}) > 1 else ''}."
            )
        if self.angles_rebuilt:
            words.append(f"Rebuilt {ANGLES_FILE} from {JOURNAL_FILE}.")
        return words


class Franka16Writer:
    """Appends frames to a Franka16-style object folder; use it as a context manager or call :meth:`close`.

    :meth:`add` records a whole frame. Many frames a second are recorded in two steps, by several threads: their files
    with :meth:`write_files`, then several frames at once with :meth:`commit`; such frames may lack the picture for the
    model, which :meth:`finish` adds later. Thread safe. One writer per folder, also across processes.

    Attributes:
        folder: the object's folder.
        report: what opening it found and repaired.
    """

    def __init__(self, folder: str | Path, session: Mapping[str, Any] | None = None) -> None:
        """Open ``folder``, made when it does not exist; repair it and resume when a recording is in it.

        Args:
            folder: the object's folder.
            session: what the journal is to say of this recorder beside time and version.

        Raises:
            DatasetWriteError: when another writer holds the folder, or it cannot be written.
            DatasetError: when the folder holds a Franka16 data set that this writer did not make, one of schema 1, or
                one whose records or pictures are damaged. Nothing is changed then.
        """
        self.folder = Path(folder).expanduser()
        self._session: Mapping[str, Any] | None = session or {}
        self._images = self.folder / IMAGES_FOLDER
        self._made = {IMAGE}
        self._mutex = threading.Lock()
        self._closed = False
        self._journal: FrameJournal | None = None
        self._angles: AnglesFile | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(self.folder, error) from error
        self._lock = FolderLock(self.folder)
        try:
            self.report = self._open()
        except OSError as error:
            self._release()
            raise write_error(self.folder, error) from error
        except BaseException:
            self._release()
            raise
        for sentence in self.report.sentences():
            _log.warning("%s: %s", self.folder, sentence)

    def __len__(self) -> int:
        """Number of recorded frames."""
        return self._frames

    @property
    def finished(self) -> int:
        """The first so many frames have their picture for the model."""
        return self._finished

    def __enter__(self) -> Franka16Writer:
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the writer."""
        self.close()

    def add(
        self,
        image: NDArray[np.uint8],
        record: FrameRecord,
        mask: NDArray[np.bool_] | None = None,
        source: SourceImages | None = None,
    ) -> WrittenFrame:
        """Record one frame; when this returns, the frame survives a kill of the process.

        Args:
            image: uint8 RGBA [H,W,4], or RGB [H,W,3] with its mask.
            record: everything else that is known of the frame.
            mask: bool [H,W], true on the object, for an RGB image; None: the whole image counts as object.
            source: the pictures at full resolution; None: they are not recorded.

        Raises:
            DatasetError: when image, mask, source and record do not fit together, or earlier frames are unfinished.
            DatasetWriteError: when a file cannot be written. The frames before it are safe; the sentence
                says whether this one is.
        """
        pictures = model_image(image, mask)
        check_sizes(pictures[IMAGE], record, source)
        loss = record.loss
        contents = encode_images(pictures) | (
            {} if source is None else encode_images(source_images(source), compression="fast")
        )
        with self._mutex:
            index = self._frames
            self._commit([PendingFrame(index, record, self.write_files(index, contents))])
        return WrittenFrame(index=index, path=self.folder / frame_file(IMAGE, index), loss=loss)

    def write_files(self, index: int, contents: Mapping[str, bytes]) -> dict[str, StoredFile]:
        """Write files of a frame that will be committed as number ``index``; several threads may at once.

        Raises:
            DatasetWriteError: a file cannot be written; those of this frame are removed.
        """
        stored = {}
        try:
            for kind, content in contents.items():
                self._make_folder(kind)
                stored[kind] = write_frame_file(self.folder, frame_file(kind, index), content)
        except DatasetWriteError:
            self.remove_files(frame_file(kind, index) for kind in contents)
            raise
        return stored

    def _make_folder(self, kind: str) -> None:
        """Make the folder of a kind of file when the first one comes."""
        if kind in self._made:
            return
        try:
            (self.folder / FOLDERS[kind]).mkdir(exist_ok=True)
            sync_folder(self.folder)
        except OSError as error:
            raise write_error(self.folder / FOLDERS[kind], error) from error
        self._made.add(kind)

    def remove_files(self, paths: Iterable[str]) -> None:
        """Remove files, relative to the folder, of a frame that will not be committed, so that their room is free."""
        for path in paths:
            with contextlib.suppress(OSError):
                (self.folder / path).unlink()

    def commit(self, frames: Sequence[PendingFrame]) -> None:
        """Record frames whose files are written; when this returns, they survive a kill and a power cut.

        Raises:
            DatasetError: they do not follow the frames before, or they have pictures for the model although frames
                before them have none.
            DatasetWriteError: when they cannot be recorded; none of them is then, and their files are removed.
        """
        with self._mutex:
            self._commit(frames)

    def finish(self, frames: Sequence[FinishedFrame]) -> None:
        """Name pictures that were made of recorded frames; in the order of the frames.

        Raises:
            DatasetError: another frame is the next unfinished one.
            DatasetWriteError: when that cannot be written; the pictures are removed.
        """
        with self._mutex:
            self._check_open()
            if not frames:
                return
            for offset, frame in enumerate(frames):
                if frame.index != self._finished + offset or IMAGE not in frame.files:
                    raise DatasetError(
                        f"Frame {frame.index} of {self.folder} cannot be finished now: the next is "
                        f"{self._finished + offset}, with a file in {IMAGES_FOLDER}."
                    )
            lines = [finished_line(f.index, f.files, f.quality, f.warnings) for f in frames]
            self._append(lines, [f.files for f in frames])
            self._grow_angles([self._unfinished.popleft() for _ in frames])

    def stop(self, reason: str) -> None:
        """Say in the folder why recording ended unasked; where a full disk prevents even that, it stays unsaid."""
        with self._mutex, contextlib.suppress(DatasetWriteError):
            self._stopped = reason
            write_head(self.folder, self._head(RECORDING))

    def close(self) -> None:
        """Write the folder's state, flush it to the disk and let other writers in; harmless when already closed.

        Raises:
            DatasetWriteError: when that fails.
        """
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            try:
                write_head(self.folder, self._head(COMPLETE if self._finished == self._frames else UNFINISHED))
                sync_folder(self._images)
                sync_folder(self.folder)
                with contextlib.suppress(PermissionError):  # the parent may be somebody else's
                    sync_folder(self.folder.parent)
            except OSError as error:
                raise write_error(self.folder, error) from error
            finally:
                self._release()

    def _check_open(self) -> None:
        if self._closed:
            raise DatasetWriteError(f"{self.folder} is closed; open a new writer to record on.")

    def _commit(self, frames: Sequence[PendingFrame]) -> None:
        """As :meth:`commit`; the mutex is held."""
        self._check_open()
        if not frames:
            return
        finished = 0
        for offset, frame in enumerate(frames):
            if frame.index != self._frames + offset:
                raise DatasetError(f"Frame {frame.index} cannot be recorded before frame {self._frames + offset}.")
            if IMAGE in frame.files:
                finished += 1
                if self._finished + finished != frame.index + 1:
                    self.remove_files(file.path for f in frames for file in f.files.values())
                    raise DatasetError(
                        f"{self.folder} holds frames that are not finished (from frame {self._finished} on): run "
                        "`eschernet-ros dataset finish` on it before other frames are added, or record elsewhere."
                    )
        lines = [frame_line(frame.index, frame.record, frame.files) for frame in frames]
        if self._session is not None:
            opened = {"kind": SESSION, "package_version": __version__, "opened_utc": self._opened_utc}
            lines.insert(0, encode_line({**opened, **self._session}))
        self._append(lines, [frame.files for frame in frames])
        self._session = None
        self._frames += len(frames)
        angles = [_angles_of(frame.record) for frame in frames]
        self._unfinished.extend(angles[finished:])
        if finished:
            self._grow_angles(angles[:finished])

    def _append(self, lines: Sequence[str], files: Sequence[Mapping[str, StoredFile]]) -> None:
        """Flush files, then append their lines to the journal; nothing is left of them when that fails."""
        assert self._journal is not None
        paths = [file.path for of_frame in files for file in of_frame.values()]
        try:
            for path in paths:
                sync_file(self.folder / path)
            for name in sorted({Path(path).parent.name for path in paths}):
                sync_folder(self.folder / name)
            self._journal.append(lines)
        except DatasetWriteError:
            self.remove_files(paths)
            raise
        except OSError as error:
            self.remove_files(paths)
            raise write_error(self.folder, error) from error

    def _grow_angles(self, rows: Sequence[tuple[float, float]]) -> None:
        """Append the rows of the frames that are finished now."""
        first = self._finished
        self._finished += len(rows)
        try:
            if self._angles is None:  # appending failed the last time
                frames = read_frames_file(self.folder)
                assert frames is not None
                known = [_angles_of(record) for record in frames.records[: self._finished]]
                self._angles = AnglesFile(self.folder / ANGLES_FILE, _array(known))
            else:
                self._angles.append(_array(rows))
        except DatasetWriteError as error:
            self._angles = None
            which = f"Frame {first} is" if len(rows) == 1 else f"Frames {first}..{self._finished - 1} are"
            raise DatasetWriteError(
                f"{which} recorded, but {error} "
                "It is made again by the next frame or when the folder is opened the next time."
            ) from error

    def _head(self, state: str) -> RecordingHead:
        return RecordingHead(state, self._frames, self._finished, self._stopped, self._created_utc)

    def _release(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._lock.release()

    def _open(self) -> OpenReport:
        self._refuse_foreign()
        frames = read_frames_file(self.folder)
        if frames is not None:
            self._refuse_missing(frames)
        head = read_head(self.folder)
        dropped = remove_temporary_files(self.folder)
        self._images.mkdir(exist_ok=True)
        self._journal = FrameJournal(self.folder / JOURNAL_FILE)
        self._opened_utc = utc_now()
        self._created_utc = self._opened_utc if head is None else head.created_utc
        self._stopped = ""
        records = () if frames is None else frames.records
        self._frames = len(records)
        self._finished = 0 if frames is None else frames.finished
        angles = [_angles_of(record) for record in records]
        self._unfinished = deque(angles[self._finished :])
        write_head(self.folder, self._head(RECORDING))
        half_made, recovered = self._clear_unnamed(frames)
        file = AnglesFile(self.folder / ANGLES_FILE, _array(angles[: self._finished]))
        self._angles = file
        return OpenReport(
            frames=self._frames,
            temporary_files=dropped + half_made,
            recovered=recovered,
            angles_rebuilt=file.rebuilt and bool(self._finished),
            torn_bytes=self._journal.cut_off,
        )

    def _refuse_foreign(self) -> None:
        """A folder without records of this schema is ours only while it holds nothing of the layout."""
        if (self.folder / HEAD_FILE).exists():
            return
        if (self.folder / OLD_FRAMES_FILE).exists():
            raise DatasetError(
                f"{self.folder} was recorded by an earlier version of this package (schema 1, {OLD_FRAMES_FILE}); it "
                "can be read, but not recorded on: record into another folder."
            )
        if any(self._images.glob("*.png")) or (self.folder / ANGLES_FILE).exists():
            raise DatasetError(
                f"{self.folder} holds a Franka16 data set without {HEAD_FILE}, so it was not recorded by "
                "this writer; record into another folder."
            )

    def _refuse_missing(self, frames: FramesFile) -> None:
        for kind, name in FOLDERS.items():
            folder = self.folder / name
            present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
            missing = [
                index
                for index, files in enumerate(frames.files)
                if kind in files and Path(files[kind].path).name not in present
            ]
            if missing:
                raise DatasetError(
                    f"{self.folder / JOURNAL_FILE} lists the frames {format_ids(missing)}, but their images in "
                    f"{name} are missing; restore them or record into another folder."
                )

    def _clear_unnamed(self, frames: FramesFile | None) -> tuple[int, tuple[Path, ...]]:
        """Move pictures that no line of the journal names to ``recovered``, replacing nothing there.

        Those of a recorded frame that is not finished were being made of its others: they are removed, and counted.
        """
        named = {file.path for files in (() if frames is None else frames.files) for file in files.values()}
        half_made, moved = 0, []
        for name in FOLDERS.values():
            for path in sorted((self.folder / name).glob("*.png")):
                if f"{name}/{path.name}" in named:
                    continue
                if self._finished <= (frame_number(path) or 0) < self._frames:
                    path.unlink()
                    half_made += 1
                    continue
                target_folder = self.folder / RECOVERED_FOLDER / name
                target_folder.mkdir(parents=True, exist_ok=True)
                target, number = target_folder / path.name, 1
                while target.exists():
                    target, number = target_folder / f"{path.stem}.{number}{path.suffix}", number + 1
                path.rename(target)
                moved.append(target)
        return half_made, tuple(moved)


def check_sizes(image: NDArray[np.uint8] | None, record: FrameRecord, source: SourceImages | None) -> None:
    """Refuse pictures that are not of their cameras' sizes.

    Raises:
        DatasetError: they are not.
    """
    for name, pixels, camera in (
        ("image", image, record.camera),
        ("source image", None if source is None else source.colour, record.source_camera),
    ):
        if pixels is None:
            continue
        height, width = pixels.shape[:2]
        if camera is None:
            raise DatasetError(f"The frame has a {name}, but its record does not say which camera took it.")
        if (camera.width, camera.height) != (width, height):
            raise DatasetError(f"The frame's {name} is {width}x{height}, its camera {camera.width}x{camera.height}.")


def _angles_of(record: FrameRecord) -> tuple[float, float]:
    loss = record.loss
    return loss.azimuth, loss.elevation


def _array(angles: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(angles, dtype=np.float64).reshape(-1, 2)
