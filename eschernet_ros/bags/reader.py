# SPDX-License-Identifier: Apache-2.0
"""One reader for every bag: ROS 2 (mcap, sqlite3; whole, split, compressed) and ROS 1, through ``rosbags``.

No ROS and no workspace is needed. Message definitions come from the bag; only those of topics that are decoded are
looked at, so that a foreign type which cannot be understood does no harm. Where a bag carries none (sqlite3 before
ROS 2 Jazzy), the types of ROS 2 Humble are used.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

from eschernet_ros.bags.salvage import topics_of_damaged
from eschernet_ros.bags.topics import BagTopic, describe_topics
from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.optional import MissingDependencyError, require

INSTALL = "pip install rosbags"
_PURPOSE = "reading bags"
_STORAGE = (".mcap", ".db3")
_REALSENSE = "/device_"


class BagError(EscherNetError):
    """A bag that cannot be read, or lacks something; the message names the bag and what is in it."""


class DamagedBagError(BagError):
    """A bag that was cut off or overwritten."""


class BagMessage(NamedTuple):
    """One message.

    Attributes:
        topic, type: names; types as in ROS 2 (``sensor_msgs/msg/Image``), for ROS 1 too.
        log_ns: when it was recorded, nanoseconds.
        raw: as serialised.
        reader: decodes it.
    """

    topic: str
    type: str
    log_ns: int
    raw: bytes
    reader: BagReader
    connection: Any

    def decode(self) -> Any:
        """The message, with the field names of its definition.

        Raises:
            BagError: its type is not understood, or the data do not fit it.
        """
        return self.reader.decode(self)

    @property
    def stamp_ns(self) -> int:
        """Stamp of the header that the message begins with, without decoding the rest."""
        return header_stamp(self.raw, self.reader.ros1)


def header_stamp(raw: bytes, ros1: bool = False) -> int:
    """Stamp of the header that a serialised message begins with: CDR of ROS 2, or ROS 1's own."""
    if ros1:  # seq, then the stamp
        seconds, nanoseconds = struct.unpack_from("<II", raw, 4)
    else:  # four bytes of encapsulation
        seconds, nanoseconds = struct.unpack_from("<iI" if raw[1] & 1 else ">iI", raw, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


@dataclass(frozen=True)
class _Part:
    """A storage of the bag that is open."""

    reader: Any
    connections: tuple[Any, ...]


class BagReader:
    """An open bag; made by `open_bag`.

    Attributes:
        path: as given.
        ros1: whether it is a bag of ROS 1.
        topics: what is in it.
        start_ns, end_ns: time of the first message, and after the last; 0 for an empty bag.
    """

    def __init__(self, path: Path, parts: Collection[_Part], ros1: bool) -> None:
        self.path = path
        self.ros1 = ros1
        self._parts = tuple(parts)
        self._stores: dict[Any, Any] = {}
        counts: dict[tuple[str, str], int] = {}
        for part in parts:
            for connection in part.connections:
                key = (connection.topic, connection.msgtype)
                count = _count(part.reader, connection, ros1)
                counts[key] = counts.get(key, 0) + count
        self.topics = tuple(BagTopic(name, kind, count) for (name, kind), count in sorted(counts.items()))
        filled = [part.reader for part in parts if part.reader.message_count]
        self.start_ns = min((int(reader.start_time) for reader in filled), default=0)
        self.end_ns = max((int(reader.end_time) for reader in filled), default=0)

    @property
    def librealsense(self) -> bool:
        """Whether librealsense recorded it: a camera's streams, not topics of a graph."""
        return any(topic.name.startswith(_REALSENSE) for topic in self.topics)

    def type_of(self, topic: str) -> str:
        """Type of a topic; empty when it is not in the bag."""
        return next((found.type for found in self.topics if found.name == topic), "")

    def count_of(self, topics: Collection[str]) -> int:
        """Messages of these topics together."""
        return sum(found.count for found in self.topics if found.name in topics)

    def messages(
        self, topics: Collection[str], start_ns: int | None = None, end_ns: int | None = None
    ) -> Iterator[BagMessage]:
        """The messages of these topics in the order they were recorded, one at a time in memory.

        Args:
            topics: names; those that are not in the bag are passed over.
            start_ns, end_ns: leave out what was recorded before, or from then on.

        Raises:
            DamagedBagError: on the way, where the bag is damaged.
        """
        streams = []
        for part in self._parts:
            connections = [c for c in part.connections if c.topic in topics]
            if connections:
                streams.append(part.reader.messages(connections=connections, start=start_ns, stop=end_ns))
        read = 0
        try:
            for connection, log_ns, raw in merge(*streams, key=lambda item: item[1]):
                read += 1
                yield BagMessage(connection.topic, connection.msgtype, int(log_ns), raw, self, connection)
        except (EscherNetError, GeneratorExit, OSError):
            raise
        except Exception as error:  # rosbags, apsw, zstd, lz4 and struct have nothing in common
            raise DamagedBagError(
                f"the bag {self.path} is damaged after {read} of {self.count_of(topics)} messages: {first_line(error)}"
                f"; {repair(self.path, self.ros1)}. {describe_topics(self.topics)}"
            ) from error

    def decode(self, message: BagMessage) -> Any:
        """See `BagMessage.decode`."""
        kind = message.type
        try:
            store = self._store(message.connection)
            return (store.deserialize_ros1 if self.ros1 else store.deserialize_cdr)(message.raw, kind)
        except Exception as error:  # whatever the parser of definitions or of data raises
            raise BagError(
                f"{self.path}: a message of {message.topic} cannot be decoded as {kind}: {first_line(error)}"
            ) from error

    def _store(self, connection: Any) -> Any:
        """The types that decode a connection's messages: its own definition's, else Humble's."""
        key = (connection.msgtype, connection.msgdef.data)
        if key not in self._stores:
            typesys = require("rosbags.typesys", INSTALL, _PURPOSE)
            definition, kinds = connection.msgdef, require("rosbags.interfaces", INSTALL, _PURPOSE)
            if definition.format == kinds.MessageDefinitionFormat.NONE:
                store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
            else:
                store = typesys.get_typestore(typesys.Stores.EMPTY)
                for types in _definitions(typesys, definition, connection.msgtype, kinds.MessageDefinitionFormat.MSG):
                    store.register(types)
            self._stores[key] = store
        return self._stores[key]


def is_bag(path: Path) -> bool:
    """Whether a path looks like a bag: a folder with metadata.yaml or storage files, or one such file."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file() or bool(_storage_files(path))
    return path.is_file() and path.suffix in (*_STORAGE, ".bag")


@contextmanager
def open_bag(path: Path) -> Iterator[BagReader]:
    """Open a bag for reading.

    Args:
        path: a folder of ROS 2 (with or without its ``metadata.yaml``), one of its files (the folder's other files are
            read too where ``metadata.yaml`` lists them), a ``.bag`` of ROS 1, or a folder of these.

    Raises:
        BagError: no bag; `DamagedBagError`: one that was cut off. The sentence says what is in it.
        MissingDependencyError: rosbags is not installed.
    """
    if not path.exists():
        raise BagError(f"there is no bag {path}")
    files = [path]
    if path.is_dir() and not (path / "metadata.yaml").is_file():
        files = _storage_files(path)
        if not files:
            raise BagError(
                f"{path} is no bag: there is neither a metadata.yaml nor a file {', '.join(_STORAGE)} or .bag in it"
            )
    elif path.suffix in _STORAGE and _listed(path):
        files = [path.parent]
    elif path.is_file() and path.suffix not in (*_STORAGE, ".bag"):
        raise BagError(f"{path} is no bag: bags are folders with a metadata.yaml, or files {', '.join(_STORAGE)}, .bag")
    ros1 = files[0].suffix == ".bag" and files[0].is_file()
    reader_class = require("rosbags.rosbag1" if ros1 else "rosbags.rosbag2", INSTALL, _PURPOSE).Reader
    with ExitStack() as stack:
        parts = []
        for file in files:
            try:
                reader = stack.enter_context(reader_class(file))
            except (MissingDependencyError, PermissionError):
                raise
            except Exception as error:  # ReaderError, and whatever a damaged file makes of the parser
                raise _damaged(path, file, ros1, error) from error
            parts.append(_Part(reader, tuple(reader.connections)))
        yield BagReader(path, parts, ros1)


def repair(path: Path, ros1: bool) -> str:
    """What may repair a bag, by its format."""
    if ros1:
        return "`rosbag reindex` may repair it"
    files = _storage_files(path) if path.is_dir() else [path]
    if any(file.suffix == ".db3" for file in files):
        return "`sqlite3 OLD.db3 .recover | sqlite3 NEW.db3`, then `ros2 bag reindex`, may repair it"
    return "`mcap recover OLD.mcap -o NEW.mcap`, then `ros2 bag reindex`, may repair it"


def _damaged(path: Path, file: Path, ros1: bool, error: Exception) -> BagError:
    sentence = first_line(error)
    if "not supported" in sentence or "Unrecognized" in sentence:
        return BagError(f"the bag {path} cannot be read: {sentence}")
    known, lead = topics_of_damaged(file)
    listed = describe_topics(known, lead) if known else "Nothing in it can be named."
    return DamagedBagError(f"the bag {path} is cut off or damaged: {sentence}; {repair(file, ros1)}. {listed}")


def _storage_files(folder: Path) -> list[Path]:
    """Files of a folder that are bags, of the kind there is most of."""
    found = [sorted(folder.glob(f"*{suffix}")) for suffix in (*_STORAGE, ".bag")]
    return max(found, key=len)


def _listed(file: Path) -> bool:
    """Whether the metadata.yaml beside a file names it."""
    metadata = file.parent / "metadata.yaml"
    return metadata.is_file() and file.name in metadata.read_text(encoding="utf-8", errors="replace")


def _count(reader: Any, connection: Any, ros1: bool) -> int:
    if ros1:
        return sum(info.connection_counts.get(connection.id, 0) for info in reader.chunk_infos)
    return int(connection.msgcount)


def _definitions(typesys: Any, definition: Any, kind: str, msg_format: Any) -> Iterator[Any]:
    """The types of a definition, which may be several IDL files in one text."""
    if definition.format == msg_format:
        yield typesys.get_types_from_msg(definition.data, kind)
        return
    rule = "=" * 80 + "\n"
    if not definition.data.startswith(f"{rule}IDL: "):
        yield typesys.get_types_from_idl(definition.data)
        return
    for text in definition.data.split(rule)[1:]:
        yield typesys.get_types_from_idl(text.split("\n", 1)[1])
