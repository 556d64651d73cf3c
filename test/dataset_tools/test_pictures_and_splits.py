# SPDX-License-Identifier: Apache-2.0
"""Splits, summaries, the tour of views, and the preview's files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import blob_object
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image
from sphere_views import directions

from eschernet_ros.dataset_tools.preview import save_turntable, sphere_picture, views_sheet
from eschernet_ros.dataset_tools.splitting import choose_split
from eschernet_ros.dataset_tools.summary import as_dict, as_text, readable_bytes, summarise
from eschernet_ros.dataset_tools.view_tour import tour_length, view_tour
from eschernet_ros.datasets import Dataset, DatasetError, DatasetWriteError, PosedImages, open_dataset
from eschernet_ros.datasets.split_file import SPLIT_FILE, read_split_file, split_of, write_split_file
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import ring, view_directions


@pytest.fixture(scope="module")
def renders(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twelve views of the blob."""
    return open_dataset(blob_object.write_renders(tmp_path_factory.mktemp("renders") / "blob"))


@pytest.fixture(scope="module")
def views(renders: Dataset) -> PosedImages:
    """The same, read."""
    return renders.read(image_size=None)


def test_a_split_takes_every_view_once(renders: Dataset, views: PosedImages) -> None:
    """Whatever the rule; draws depend on the seed, the others do not."""
    for rule in ("farthest", "random"):
        split = choose_split(renders, views, 4, rule, seed=3)  # type: ignore[arg-type]
        assert len(split.reference_ids) == 4
        assert sorted({*split.reference_ids, *split.target_ids}) == list(views.view_ids)
        assert split.scored_ids == split.target_ids
    drawn = {choose_split(renders, views, 4, "random", seed).reference_ids for seed in range(6)}
    assert len(drawn) > 3
    assert choose_split(renders, views, 4, "random", 2) == choose_split(renders, views, 4, "random", 2)
    assert choose_split(renders, views, 4, "published").reference_ids == (0, 1, 2, 3)


def test_farthest_references_are_far_from_each_other(renders: Dataset, views: PosedImages) -> None:
    """Farther than the first ones are."""
    every = view_directions(views.poses)

    def nearest(ids: tuple[int, ...]) -> float:
        chosen = every[list(ids)]
        angles = np.arccos(np.clip(chosen @ chosen.T, -1.0, 1.0)) + 9.0 * np.eye(len(ids))
        return float(angles.min())

    assert nearest(choose_split(renders, views, 4).reference_ids) > nearest((0, 1, 2, 3))


def test_named_parts_are_obeyed(renders: Dataset, views: PosedImages) -> None:
    """References from the training views, targets are the test views."""
    parted = PosedImages(**{**vars(views), "subsets": {"train": (0, 2, 4, 6), "test": (1, 3)}})
    for rule in ("farthest", "random"):
        split = choose_split(renders, parted, 2, rule)  # type: ignore[arg-type]
        assert set(split.reference_ids) <= {0, 2, 4, 6}
        assert split.target_ids == (1, 3)
    with pytest.raises(DatasetError, match="has 4 views to take references from; 5 cannot"):
        choose_split(renders, parted, 5)


def test_too_many_references_are_refused(renders: Dataset, views: PosedImages) -> None:
    """A target must be left."""
    with pytest.raises(DatasetError, match="All views of 'blob' would be references"):
        choose_split(renders, views, 12)


def test_a_split_file_gives_the_split_back(renders: Dataset, views: PosedImages, tmp_path: Path) -> None:
    """In full or not at all; nothing is replaced unasked."""
    split = choose_split(renders, views, 5, "random", 1)
    path = tmp_path / SPLIT_FILE
    write_split_file(path, renders.layout, {"blob": split})
    assert read_split_file(tmp_path) == {"blob": split}
    assert split_of(views, tmp_path) == split
    with pytest.raises(DatasetWriteError, match="exists; say that it may be replaced"):
        write_split_file(path, renders.layout, {"blob": split})
    other = choose_split(renders, views, 2)
    write_split_file(path, renders.layout, {"blob": other}, replace=True)
    assert split_of(views, path) == other
    assert [entry.name for entry in tmp_path.iterdir()] == [SPLIT_FILE]


def test_a_split_file_that_does_not_fit_is_named(views: PosedImages, renders: Dataset, tmp_path: Path) -> None:
    """Missing, damaged, of another object or of other views."""
    with pytest.raises(DatasetError, match="is missing; `eschernet-ros dataset split` makes it"):
        read_split_file(tmp_path)
    split = choose_split(renders, views, 2)
    path = tmp_path / SPLIT_FILE
    write_split_file(path, "objaverse", {"duck": split})
    with pytest.raises(DatasetError, match="no split of 'blob', only of duck"):
        split_of(views, path)
    write_split_file(path, "objaverse", {"blob": split}, replace=True)
    content = json.loads(path.read_text())
    content["objects"]["blob"]["targets"] = [4, 77]
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r"names the views 77 of 'blob', which has only 0\.\.11"):
        split_of(views, path)
    content["objects"]["blob"]["references"] = ["one"]
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r"is damaged .*no list of view numbers"):
        read_split_file(path)


def test_a_summary_says_what_is_there(renders: Dataset) -> None:
    """Views, files, distances, elevations, masks, size on disk."""
    summary = summarise(renders, "blob")
    assert (summary.views, summary.view_ids) == (12, "0..11")
    assert summary.distance == pytest.approx((1.8, 1.8))
    assert summary.elevation_deg == pytest.approx((-20.0, 60.0))
    assert summary.aim_deg < 1e-4
    assert summary.mask_share == pytest.approx(0.15, abs=0.05)
    assert {(group.pattern, group.count, group.size) for group in summary.files} == {
        ("*.png", 12, (40, 40)),
        ("*.npy", 12, None),
    }
    assert summary.disk_bytes == sum(path.stat().st_size for path in renders.folder.iterdir())
    text = as_text(summary)
    assert "blob: 12 views (0..11)" in text
    assert "1.80 to 1.80 model units" in text
    json.dumps(as_dict(summary), allow_nan=False)
    assert (readable_bytes(999), readable_bytes(4_100_000), readable_bytes(2e12)) == ("999 B", "4.1 MB", "2000.0 GB")


def test_the_tour_of_a_ring_goes_around_it() -> None:
    """Whatever order the cameras come in, with growing azimuth."""
    around = view_directions(ring(9, 1.1, 1.8))
    shuffled = np.random.default_rng(0).permutation(9)
    tour = view_tour(around[shuffled])
    steps = np.diff(shuffled[tour]) % 9
    assert set(steps.tolist()) == {1}
    assert tour[0] == 0


@settings(max_examples=20, deadline=None)
@given(views=directions(least=1, most=12))
def test_a_tour_visits_every_view_once_and_is_short(views: np.ndarray) -> None:
    """No exchange of two edges makes it shorter."""
    tour = view_tour(views)
    assert sorted(tour) == list(range(len(views)))
    length = tour_length(views, tour)
    for first in range(len(tour)):
        for second in range(first + 2, len(tour) + 1):
            other = tour[:first] + tour[first:second][::-1] + tour[second:]
            assert length <= tour_length(views, other) + 1e-6


def test_the_turntable_shows_every_view(views: PosedImages, tmp_path: Path) -> None:
    """A GIF of square frames that begins anew; the first frame is the first view."""
    path = tmp_path / "blob.gif"
    assert save_turntable(path, views, size=48, frames_per_second=10.0) == 12
    with Image.open(path) as opened:
        assert (opened.n_frames, opened.size, opened.info["duration"], opened.info["loop"]) == (12, (48, 48), 100, 0)
        first = np.asarray(opened.convert("RGB"), dtype=float)
    shown = Image.fromarray(views.images[0]).resize((48, 48), Image.Resampling.BICUBIC)
    assert np.abs(first - np.asarray(shown, dtype=float)).mean() < 4.0
    with pytest.raises(EscherNetError, match="1 to 50 frames a second"):
        save_turntable(path, views, frames_per_second=100.0)
    with pytest.raises(EscherNetError, match="number of pixels"):
        save_turntable(path, views, size=0)


def test_pictures_show_all_views(views: PosedImages) -> None:
    """The sheet has every image in it, the sphere every camera; wide pictures keep their shape on a square."""
    sheet = np.asarray(views_sheet(views, cell=40)).reshape(-1, 3)
    for colour in ((200, 60, 40), (40, 160, 60), (50, 80, 200)):
        assert (np.abs(sheet.astype(int) - colour).max(axis=1) < 6).sum() > 50
    sphere = sphere_picture(views)
    assert sphere.width > 700
    assert len(sphere.getcolors(1 << 24) or ()) > 100
    wide = PosedImages(
        **{**vars(views), "images": views.images[:, 10:30], "masks": None, "cameras": None}  # 40 x 20 px
    )
    assert views_sheet(wide, cell=40).size == views_sheet(views, cell=40).size
    assert math.isclose(np.asarray(views_sheet(wide, cell=40))[0, 0, 0], 255)
