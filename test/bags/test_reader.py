# SPDX-License-Identifier: Apache-2.0
"""Bags of every kind, small ones made here: what is read, and what is said of those that cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from eschernet_ros.bags import BagError, BagTopic, DamagedBagError, find_topic, is_bag, open_bag
from eschernet_ros.errors import EscherNetError

STAMP = 1_700_000_000_250_000_000
FOREIGN = "our_robot/msg/Gripper"
STORE = get_typestore(Stores.ROS2_HUMBLE)
STORE.register(get_types_from_msg("std_msgs/Header header\nfloat64 width\nour_robot/Finger[] fingers", FOREIGN))
STORE.register(get_types_from_msg("string name\nuint16 force", "our_robot/msg/Finger"))


def gripper(index: int) -> Any:
    """A message of a type that no ROS distribution has."""
    types = STORE.types
    stamp = types["builtin_interfaces/msg/Time"](STAMP // 10**9, STAMP % 10**9 + index)
    fingers = [types["our_robot/msg/Finger"]("left", 3), types["our_robot/msg/Finger"]("right", index)]
    return types[FOREIGN](types["std_msgs/msg/Header"](stamp, "hand"), 0.01 * index, fingers)


def write(
    path: Path,
    storage: StoragePlugin = StoragePlugin.MCAP,
    mode: CompressionMode = CompressionMode.NONE,
    count: int = 5,
    start: int = 0,
) -> Path:
    """Write ``count`` messages of the foreign type and as many strings."""
    writer = Writer(path, version=9, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        foreign = writer.add_connection("/gripper", FOREIGN, typestore=STORE)
        text = writer.add_connection("/note", "std_msgs/msg/String", typestore=STORE)
        for index in range(start, start + count):
            writer.write(foreign, STAMP + index, STORE.serialize_cdr(gripper(index), FOREIGN))
            note = STORE.types["std_msgs/msg/String"]("x" * 2000)
            writer.write(text, STAMP + index, STORE.serialize_cdr(note, "std_msgs/msg/String"))
    return path


@pytest.mark.parametrize(
    ("storage", "mode"),
    [
        (StoragePlugin.MCAP, CompressionMode.NONE),
        (StoragePlugin.MCAP, CompressionMode.STORAGE),
        (StoragePlugin.MCAP, CompressionMode.MESSAGE),
        (StoragePlugin.SQLITE3, CompressionMode.NONE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
    ],
)
def test_foreign_types_are_read_from_every_storage(tmp_path: Path, storage: Any, mode: Any) -> None:
    with open_bag(write(tmp_path / "bag", storage, mode)) as bag:
        assert [(t.name, t.type, t.count) for t in bag.topics] == [
            ("/gripper", FOREIGN, 5),
            ("/note", "std_msgs/msg/String", 5),
        ]
        assert (bag.start_ns, bag.end_ns, bag.ros1, bag.librealsense) == (STAMP, STAMP + 5, False, False)
        read = list(bag.messages({"/gripper", "/none"}))
        assert [message.stamp_ns for message in read] == [STAMP + i for i in range(5)]
        assert [message.log_ns for message in read] == [STAMP + i for i in range(5)]
        assert (read[3].decode().fingers[1].force, read[3].decode().header.frame_id) == (3, "hand")
        assert len(list(bag.messages({"/note"}, STAMP + 1, STAMP + 3))) == 2


def test_a_split_bag_is_one(tmp_path: Path) -> None:
    """Files of one metadata.yaml, and files without one, are read in the order of time."""
    first, second = write(tmp_path / "a"), write(tmp_path / "b", start=5)
    shutil.move(second / "b.mcap", first / "b.mcap")
    metadata = yaml.safe_load((first / "metadata.yaml").read_text())
    about = metadata["rosbag2_bagfile_information"]
    about["relative_file_paths"] = ["a.mcap", "b.mcap"]
    about["message_count"] = 20
    about["topics_with_message_count"][0]["message_count"] = 10
    (first / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    for path in (first, first / "b.mcap"):
        with open_bag(path) as bag:
            assert [m.stamp_ns - STAMP for m in bag.messages({"/gripper"})] == list(range(10))
    (first / "metadata.yaml").unlink()
    with open_bag(first) as bag:
        assert [m.stamp_ns - STAMP for m in bag.messages({"/gripper"})] == list(range(10))
        assert bag.count_of({"/gripper", "/note"}) == 20
    with open_bag(first / "b.mcap") as bag:
        assert bag.count_of({"/gripper"}) == 5
    assert is_bag(first) and is_bag(first / "a.mcap") and not is_bag(tmp_path)


def test_a_definition_that_nobody_understands_harms_no_other_topic(tmp_path: Path) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        bad = writer.add_connection("/odd", "odd/msg/Odd", msgdef="!! no definition", rihs01="RIHS01_" + "0" * 64)
        good = writer.add_connection("/gripper", FOREIGN, typestore=STORE)
        writer.write(bad, STAMP, b"\x00\x01\x00\x00")
        writer.write(good, STAMP, STORE.serialize_cdr(gripper(0), FOREIGN))
    with open_bag(tmp_path / "bag") as bag:
        assert [message.decode().width for message in bag.messages({"/gripper"})] == [0.0]
        (odd,) = bag.messages({"/odd"})
        with pytest.raises(BagError, match="a message of /odd cannot be decoded as odd/msg/Odd"):
            odd.decode()


def test_ros1_bags_have_the_same_face(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS1_NOETIC)
    types = store.types
    path = tmp_path / "old.bag"
    with Writer1(path) as writer:
        connection = writer.add_connection("/pose", "geometry_msgs/msg/PoseStamped", typestore=store)
        for index in range(3):
            header = types["std_msgs/msg/Header"](
                7, types["builtin_interfaces/msg/Time"](STAMP // 10**9, STAMP % 10**9 + index), "base"
            )
            pose = types["geometry_msgs/msg/Pose"](
                types["geometry_msgs/msg/Point"](0.1 * index, 0.0, 0.5),
                types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0),
            )
            message = types["geometry_msgs/msg/PoseStamped"](header, pose)
            writer.write(connection, STAMP + index, store.serialize_ros1(message, message.__msgtype__))
    with open_bag(path) as bag:
        assert bag.ros1 and bag.topics == (BagTopic("/pose", "geometry_msgs/msg/PoseStamped", 3),)
        read = list(bag.messages({"/pose"}))
        assert [message.stamp_ns for message in read] == [STAMP + i for i in range(3)]
        np.testing.assert_allclose(read[2].decode().pose.position.x, 0.2)
    path.write_bytes(path.read_bytes()[:-40])
    with (
        pytest.raises(DamagedBagError, match=r"old\.bag is cut off or damaged: .*`rosbag reindex` may repair it"),
        open_bag(path),
    ):
        pass


def test_a_cut_bag_is_named_with_what_it_was_to_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", count=200)
    file = path / "bag.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with (
        pytest.raises(
            DamagedBagError,
            match=r"bag is cut off or damaged: File end magic is invalid.; `mcap recover .* It was to hold /gripper "
            r"\(our_robot/msg/Gripper, 200\), /note",
        ),
        open_bag(path),
    ):
        pass
    path = write(tmp_path / "long", count=800)  # two chunks
    (path / "metadata.yaml").unlink()
    file = path / "long.mcap"
    file.write_bytes(file.read_bytes()[: 9 * file.stat().st_size // 10])
    with (
        pytest.raises(DamagedBagError, match=r"What is left holds /gripper \(our_robot/msg/Gripper, [4-7]\d\d\)"),
        open_bag(path),
    ):
        pass


def test_damage_in_the_middle_is_found_on_the_way(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", mode=CompressionMode.STORAGE, count=2000)  # chunks of a megabyte
    file = path / "bag.mcap"
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = b"\xff" * 400
    file.write_bytes(bytes(data))
    with (
        pytest.raises(DamagedBagError, match=r"damaged after \d+ of \d+ messages: .*`mcap recover"),
        open_bag(path) as bag,
    ):
        for _ in bag.messages({"/note", "/gripper"}):
            pass


def test_what_is_no_bag(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"there is no bag .*nowhere"), open_bag(tmp_path / "nowhere"):
        pass
    with pytest.raises(BagError, match=r"is no bag: there is neither a metadata.yaml nor a file"), open_bag(tmp_path):
        pass
    other = tmp_path / "notes.txt"
    other.write_text("hello")
    with pytest.raises(BagError, match="is no bag: bags are folders"), open_bag(other):
        pass


def test_topics_are_found_or_listed(tmp_path: Path) -> None:
    with open_bag(write(tmp_path / "bag")) as bag:
        kinds, path = ("std_msgs/msg/String",), bag.path
        assert find_topic(path, bag.topics, "/note", kinds, "text", "Set it") == ("/note", "")
        assert find_topic(path, bag.topics, "/text", kinds, "text", "Set it", needed=False) == ("", "")
        found, said = find_topic(path, bag.topics, "/text", kinds, "text", "Set it", ())
        assert (found, said) == ("/note", "text was read from /note; there is no /text.")
        assert find_topic(path, bag.topics, "/text", kinds, "text", "Set it", ("!note",), False) == ("", "")
        with pytest.raises(
            EscherNetError, match=r"of its type are in it: /note. Set it. The bag holds /gripper \(our_"
        ):
            find_topic(path, bag.topics, "/text", kinds, "text", "Set it", ("word|sentence",))
        with pytest.raises(EscherNetError, match=r"/gripper is of type our_robot/msg/Gripper; text must be std_msgs"):
            find_topic(path, bag.topics, "/gripper", kinds, "text", "Set it")
