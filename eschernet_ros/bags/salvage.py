# SPDX-License-Identifier: Apache-2.0
"""What a damaged bag still tells of its topics, for the sentence that says so. Never raises."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.bags.topics import BagTopic
from eschernet_ros.optional import require


def topics_of_damaged(path: Path) -> tuple[Sequence[BagTopic], str]:
    """Topics by the bag's ``metadata.yaml``, else by what is left of an mcap file (counted as far as it goes).

    The second is how a sentence about them begins.
    """
    folder = path if path.is_dir() else path.parent
    found: list[BagTopic] = []
    with suppress(Exception):
        document = yaml.safe_load((folder / "metadata.yaml").read_text(encoding="utf-8"))
        for entry in document["rosbag2_bagfile_information"]["topics_with_message_count"]:
            about = entry["topic_metadata"]
            found.append(BagTopic(str(about["name"]), str(about["type"]), int(entry["message_count"])))
    files = [path] if path.is_file() else sorted(folder.glob("*.mcap"))
    if found:
        return sorted(found), "It was to hold"
    return [topic for file in files if file.suffix == ".mcap" for topic in _scanned(file)], "What is left holds"


def _scanned(file: Path) -> Sequence[BagTopic]:
    """Topics of an mcap file without its end, which rosbags refuses: its own scan, as far as it gets."""
    counts: dict[int, int] = {}
    reader: Any = None
    with suppress(Exception):
        storage = require("rosbags.rosbag2.storage_mcap", "pip install rosbags", "reading bags")
        reader = storage.McapReader(file)
        reader.bio = file.open("rb")
        reader.data_start, reader.data_end = 8, file.stat().st_size
        with suppress(Exception):
            reader.meta_scan()  # ends with an exception where the file does
        connections = list(reader.connections)
        with suppress(Exception):
            for connection, _, _ in reader.messages_scan(connections):
                counts[connection.id] = counts.get(connection.id, 0) + 1
        found = sorted(BagTopic(c.topic, c.msgtype, counts.get(c.id, 0)) for c in connections)
        reader.bio.close()
        return found
    return []
