# SPDX-License-Identifier: Apache-2.0
"""Bags of serialised messages: definitions from the classes, pictures around the times that count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eschernet_ros.msg import PosedView
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image

from eschernet_ros.bags import open_bag
from eschernet_ros.bags.definitions import register
from eschernet_ros.bags.writer import BagWriter
from eschernet_ros.errors import EscherNetError

S = 1_000_000_000
IMAGE = "sensor_msgs/msg/Image"


def image(stamp_ns: int) -> bytes:
    message = Image(height=1, width=1, encoding="mono8", step=1)
    message.header.stamp.sec, message.header.stamp.nanosec = stamp_ns // S, stamp_ns % S
    return bytes(serialize_message(message))


def test_a_type_of_this_package_is_defined_by_its_class(tmp_path: Path) -> None:
    """What is read back without any ROS is what was sent; a type the store knows is left alone."""
    kind = "eschernet_ros/msg/PosedView"
    message: Any = PosedView(id=7, pose_of="flange", warnings=["one", "two"], blur=0.25)
    message.camera_info.k[0] = 280.0
    writer = BagWriter(tmp_path / "bag")
    writer.add_topic("/view", kind, PosedView)
    writer.write("/view", bytes(serialize_message(message)), 5 * S)
    writer.close()
    with open_bag(tmp_path / "bag") as bag:
        (read,) = (found.decode() for found in bag.messages({"/view"}))
    assert (read.id, read.pose_of, list(read.warnings), read.blur) == (7, "flange", ["one", "two"], 0.25)
    assert read.camera_info.k[0] == 280.0
    store = get_typestore(Stores.ROS2_HUMBLE)
    known = dict(store.fielddefs)
    register(store, IMAGE, Image)
    assert store.fielddefs == known


def test_a_player_learns_how_a_topic_was_offered(tmp_path: Path) -> None:
    """``ros2 bag play`` publishes with these; a latched topic that is played volatile reaches no latched subscriber."""
    writer = BagWriter(tmp_path / "bag")
    writer.add_topic("/poses", IMAGE, Image, best_effort=True)
    writer.add_topic("/fixed", IMAGE, Image, latched=True)
    writer.close()
    with Reader(tmp_path / "bag") as reader:
        offered = {each.topic: each.ext.offered_qos_profiles[0] for each in reader.connections}  # type: ignore[union-attr]
    assert {topic: (qos.reliability.name, qos.durability.name) for topic, qos in offered.items()} == {
        "/poses": ("BEST_EFFORT", "VOLATILE"),
        "/fixed": ("RELIABLE", "TRANSIENT_LOCAL"),
    }


def test_pictures_are_kept_around_the_times_that_count(tmp_path: Path) -> None:
    """Before it is known, from memory; after it, as they come; the rest is left out and counted."""
    writer = BagWriter(tmp_path / "bag", around_s=0.25, memory_s=2.0)
    writer.add_topic("/image", IMAGE, Image)
    for tick in range(41):  # ten a second, for four
        stamp = 10 * S + tick * S // 10
        writer.write_picture("/image", image(stamp), stamp)
        if tick == 21:
            writer.keep_around(12 * S)
    writer.close()
    with open_bag(tmp_path / "bag") as bag:
        kept = [(message.stamp_ns - 10 * S) / S for message in bag.messages({"/image"})]
    assert kept == [1.8, 1.9, 2.0, 2.1, 2.2]
    assert writer.counts == {"messages": 5, "pictures left out": 36}


def test_a_folder_that_exists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EscherNetError, match="exists; a bag is written to a folder of its own"):
        BagWriter(tmp_path)
