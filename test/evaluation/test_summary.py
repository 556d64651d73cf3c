# SPDX-License-Identifier: Apache-2.0
"""Means of an evaluation, and the numbers of single views."""

from __future__ import annotations

import numpy as np
import pytest

from eschernet_ros.evaluation.metrics import psnr, ssim
from eschernet_ros.evaluation.results import Case, ObjectResult, ViewScore
from eschernet_ros.evaluation.summary import summarise
from eschernet_ros.evaluation.view_metrics import measure


def object_of(name, numbers):
    """An object from {(references, seed): [PSNR of each view]}; a view that is not scored, far off, in every case."""
    cases = []
    for (references, seed), values in numbers.items():
        views = [ViewScore("model", i, True, 10.0, None, {"psnr": value}) for i, value in enumerate(values)]
        views.append(ViewScore("model", 99, False, 0.0, None, {"psnr": 1000.0}))
        cases.append(Case(seed, tuple(range(references)), "", tuple(views)))
    return ObjectResult(name, "", (), (), tuple(cases), "")


def test_objects_count_the_same_and_spreads_are_told_apart():
    mug = object_of("mug", {(3, 0): [10.0, 12.0], (3, 1): [14.0, 14.0], (5, 0): [20.0]})
    cup = object_of("cup", {(3, 0): [20.0], (3, 1): [22.0], (5, 0): [30.0]})
    three, five = summarise([mug, cup])
    assert (three.method, three.references, three.metric) == ("model", 3, "psnr")
    assert three.mean == pytest.approx((12.5 + 21.0) / 2)
    assert (three.views, three.objects, three.seeds) == (6, 2, 2)
    assert three.object_spread == pytest.approx(np.std([12.5, 21.0], ddof=1))
    assert three.seed_spread == pytest.approx(np.std([15.5, 18.0], ddof=1))
    assert (three.low, three.high, three.interval_over) == (12.5, 21.0, "objects")
    assert (five.mean, five.seed_spread) == (25.0, None)


def test_one_object_gives_an_interval_over_views():
    values = list(np.random.default_rng(0).normal(20.0, 2.0, 30))
    (row,) = summarise([object_of("mug", {(3, 0): values})])
    assert row.interval_over == "views"
    assert row.object_spread is None
    assert row.low < row.mean < row.high
    assert row.high - row.low == pytest.approx(2 * 1.96 * 2.0 / np.sqrt(30), rel=0.35)
    (single,) = summarise([object_of("mug", {(3, 0): [20.0]})])
    assert (single.low, single.high) == (None, None)


def test_intervals_over_objects_ignore_how_many_views_there_are():
    few = [object_of(f"o{i}", {(3, 0): [float(i)]}) for i in range(6)]
    many = [object_of(f"o{i}", {(3, 0): [float(i)] * 50}) for i in range(6)]
    (a,), (b,) = summarise(few), summarise(many)
    assert (a.low, a.high) == (b.low, b.high)


class Counting:
    """Stands in for LPIPS: the mean absolute difference."""

    def __init__(self):
        self.seen = 0

    def __call__(self, images, truth, masks):
        self.seen += len(images)
        pairs = list(zip(images, truth, strict=True))
        full = [float(np.abs(a.astype(float) - b).mean()) for a, b in pairs]
        return full, [None if mask is None else 2 * value for value, mask in zip(full, masks, strict=True)]


def test_numbers_of_a_view():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    images = truth.copy()
    images[1, :4] = 0
    mask = np.zeros((16, 16), bool)
    mask[2:9] = True
    network = Counting()
    equal, differs, bare = measure(images, truth, [mask, mask, None], {"alex": network}, [1, 2])
    assert equal == {"psnr": 60.0, "ssim": 1.0, "psnr_foreground": 60.0, "ssim_foreground": 1.0}
    assert differs["psnr"] == psnr(images[1], truth[1])
    assert differs["psnr_foreground"] == psnr(images[1], truth[1], mask)
    assert differs["ssim_foreground"] == ssim(images[1], truth[1], mask)
    assert differs["lpips_alex_foreground"] == 2 * differs["lpips_alex"] > 0.0
    assert set(bare) == {"psnr", "ssim", "lpips_alex"}
    assert network.seen == 2


def test_pictures_too_small_for_a_window_have_no_ssim():
    truth = np.zeros((1, 6, 6, 3), np.uint8)
    assert set(measure(truth, truth, [np.zeros((6, 6), bool)], {}, [])[0]) == {"psnr"}
