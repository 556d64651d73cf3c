# SPDX-License-Identifier: Apache-2.0
"""Two evaluations against each other: the pairs, the differences and what is missing."""

from __future__ import annotations

import dataclasses

import pytest
from made_evaluation import made_evaluation, with_lift

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.comparison import compare
from eschernet_ros.evaluation.results import MODEL

NAMES = ("mug", "duck", "jar")


@pytest.fixture
def made(tmp_path):
    """Function: arguments of ``made_evaluation`` -> an evaluation of three objects."""

    def make(**more):
        return made_evaluation(tmp_path, **{"objects": NAMES, "counts": (1, 3), "targets": 4, "side": 8, **more})

    return make


def test_differences_are_those_that_were_put_in(made):
    first = made()
    comparison = compare(first, with_lift(first, [0.5, 1.0, -0.4]))
    found = comparison.difference("psnr_foreground", 3)
    assert found is not None
    # 2 seeds and 4 targets an object; three objects' means are 0.5, 1.0, -0.4
    assert found.mean == pytest.approx(1.1 / 3)
    assert (found.better, found.equal, found.worse, found.views, found.objects) == (16, 0, 8, 24, 3)
    assert (found.low, found.high) == pytest.approx((-0.4, 1.0))
    untouched = comparison.difference("psnr", 3)
    assert untouched is not None
    assert (untouched.mean, untouched.low, untouched.high, untouched.equal) == (0.0, 0.0, 0.0, 24)
    assert comparison.missing == comparison.doubts == ()


def test_each_object_counts_the_same_however_many_views_it_has(made):
    first = made()
    second = with_lift(first, [1.0, 0.0, 0.0])
    few = [
        dataclasses.replace(case, views=tuple(view for view in case.views if view.view_id == 100))
        for case in second.objects[0].cases
    ]
    objects = (dataclasses.replace(second.objects[0], cases=tuple(few)), *second.objects[1:])
    comparison = compare(first, dataclasses.replace(second, objects=objects))
    found = comparison.difference("psnr_foreground", 1)
    assert found is not None
    assert found.mean == pytest.approx(1.0 / 3)
    assert (found.better, found.equal) == (2, 16)
    assert comparison.missing == ("12 scored views of common cases are only in A.",)


def test_less_is_better_for_distances(made):
    def with_lpips(evaluation, value):
        objects = [
            dataclasses.replace(
                each,
                cases=tuple(
                    dataclasses.replace(
                        case,
                        views=tuple(dataclasses.replace(view, metrics={"lpips_alex": value}) for view in case.views),
                    )
                    for case in each.cases
                ),
            )
            for each in evaluation.objects
        ]
        return dataclasses.replace(evaluation, objects=tuple(objects))

    first = made()
    found = compare(with_lpips(first, 0.3), with_lpips(first, 0.2)).difference("lpips_alex", 1)
    assert found is not None
    assert found.mean == pytest.approx(-0.1)
    assert (found.better, found.worse) == (24, 0)


def test_what_only_one_has_is_said(made):
    first, second = made(counts=(1, 3)), made(counts=(3, 5), objects=(*NAMES[:2], "kite"))
    comparison = compare(first, second)
    assert comparison.counts() == [3]
    assert {pair.name for pair in comparison.pairs} == {"mug", "duck"}
    assert comparison.missing == (
        "Only A has 1 object: jar.",
        "Only A has, of objects that both have: 1 references with seed 0, 1 references with seed 1.",
        "Only B has 1 object: kite.",
        "Only B has, of objects that both have: 5 references with seed 0, 5 references with seed 1.",
    )


def test_other_references_make_no_pair(made):
    first = made(counts=(3,), seeds=(0,))
    mug = first.objects[0]
    moved = dataclasses.replace(mug, cases=(dataclasses.replace(mug.cases[0], reference_ids=(2, 1, 0)),))
    comparison = compare(first, dataclasses.replace(first, objects=(moved, *first.objects[1:])))
    assert "mug" not in {pair.name for pair in comparison.pairs}
    assert comparison.missing == ("1 of 3 common cases have other references in B: mug with 3 references and seed 0.",)


def test_baselines_that_differ_and_other_sizes_are_doubtful(made):
    first = made(counts=(1,), seeds=(0,))
    objects = []
    for each in first.objects:
        case = each.cases[0]
        views = tuple(
            view if view.method == MODEL else dataclasses.replace(view, metrics={"psnr": view.metrics["psnr"] + 0.1})
            for view in case.views
        )
        objects.append(dataclasses.replace(each, cases=(dataclasses.replace(case, views=views),)))
    model = dataclasses.replace(first.model, image_size=128)
    second = dataclasses.replace(first, objects=tuple(objects), model=model)
    doubts = compare(first, second).doubts
    assert len(doubts) == 3
    assert doubts[0].startswith("The baseline 'nearest reference' scores differently in 12 of 12 common views")
    assert doubts[2] == "Pictures have 8 pixels a side in A and 128 in B; small ones score differently."


def test_views_that_are_not_scored_are_no_pairs(made):
    first = made(counts=(1,), seeds=(0,))
    case = first.objects[0].cases[0]
    views = tuple(dataclasses.replace(view, scored=view.view_id != 100) for view in case.views)
    mug = dataclasses.replace(first.objects[0], cases=(dataclasses.replace(case, views=views),))
    second = dataclasses.replace(first, objects=(mug, *first.objects[1:]))
    assert len(compare(second, second).pairs) == 11


def test_nothing_in_common_is_an_error(made):
    with pytest.raises(EscherNetError, match=r"no scored view in common.*Only A has 3 objects: mug, duck, jar"):
        compare(made(), made(objects=("kite",)))
