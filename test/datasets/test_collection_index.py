# SPDX-License-Identifier: Apache-2.0
"""The index of a collection is right, whatever has happened to it or to the objects."""

from __future__ import annotations

import json

import pytest

from eschernet_ros.datasets import Franka16Writer
from eschernet_ros.datasets import collection_index as index_module
from eschernet_ros.datasets.collection_index import INDEX_FILE, read_index, update_index


@pytest.fixture
def record(record_of, image_of, upright, tmp_path):
    """Function: (object, count) -> records frames into it."""

    def add(name: str, count: int) -> None:
        with Franka16Writer(tmp_path / name) as writer:
            for number in range(count):
                writer.add(image_of(number)[0], record_of(upright(0.3 * number, 1.1, 1.7), number), image_of(number)[1])

    return add


def test_index_lists_the_recorded_objects(record, tmp_path) -> None:
    record("mug", 2)
    record("duck", 1)
    (tmp_path / "notes").mkdir()
    entries = update_index(tmp_path)
    assert list(entries) == ["duck", "mug"]
    assert (entries["mug"].frames, entries["mug"].finished, entries["mug"].state) == (2, 2, "complete")
    stored = json.loads((tmp_path / INDEX_FILE).read_text())
    assert (stored["schema"], stored["schema_version"]) == ("eschernet_ros/collection-index", 1)
    assert stored["objects"]["duck"]["frames"] == 1


def test_only_what_has_changed_is_read_again(record, tmp_path, monkeypatch) -> None:
    record("mug", 1)
    record("duck", 1)
    update_index(tmp_path)
    record("duck", 1)
    opened = []
    count = index_module.count_frames
    monkeypatch.setattr(index_module, "count_frames", lambda folder: (opened.append(folder.name), count(folder))[1])
    before = (tmp_path / INDEX_FILE).read_bytes()
    assert read_index(tmp_path)["duck"].frames == 2
    assert opened == ["duck"]
    assert (tmp_path / INDEX_FILE).read_bytes() == before  # reading changes nothing
    update_index(tmp_path)
    opened.clear()
    stamp = (tmp_path / INDEX_FILE).stat().st_mtime_ns
    assert update_index(tmp_path)["duck"].frames == 2
    assert opened == []
    assert (tmp_path / INDEX_FILE).stat().st_mtime_ns == stamp


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schema": "other", "objects": {}}', b'{"objects": 3}'])
def test_damaged_index_is_made_again(record, tmp_path, content) -> None:
    record("mug", 1)
    (tmp_path / INDEX_FILE).write_bytes(content)
    assert update_index(tmp_path)["mug"].frames == 1
    assert json.loads((tmp_path / INDEX_FILE).read_text())["objects"]["mug"]["frames"] == 1


def test_damaged_object_is_in_the_index_as_such(record, tmp_path) -> None:
    record("mug", 1)
    record("torn", 1)
    (tmp_path / "torn" / "recording.json").write_text("{")
    (tmp_path / "mug" / "recording.json").unlink()
    entries = update_index(tmp_path)
    assert entries["torn"].state == "damaged"
    assert "recording.json is damaged" in entries["torn"].problem
    assert "recording.json is missing" in entries["mug"].problem
