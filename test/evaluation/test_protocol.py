# SPDX-License-Identifier: Apache-2.0
"""Protocols and which views they choose."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from eschernet_ros.datasets import DatasetError, PosedImages
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.protocol import Protocol, load_protocol, protocol_names
from eschernet_ros.evaluation.view_plan import plan_views
from eschernet_ros.geometry import farthest_point_order, ring, spiral_100, stack_matrices, view_directions


@pytest.fixture
def views_of():
    """Function: number of views -> posed images on a ring."""

    def make(count: int, name: str = "mug", **changes) -> PosedImages:
        poses = stack_matrices(ring(count, 1.1, 1.8))
        images = np.zeros((count, 8, 8, 3), np.uint8)
        return PosedImages(name, "any", tuple(range(count)), images, None, poses, "As drawn.", **changes)

    return make


def test_the_packages_own_protocols_load():
    names = protocol_names()
    assert {
        "gso30",
        "rtmv",
        "nerf-synthetic",
        "gso-3d",
        "gso-100",
        "franka16",
        "mvdream",
        "text2img",
        "held-out",
    } == set(names)
    for name in names:
        protocol = load_protocol(name)
        assert protocol.name == name
        assert protocol.rule.endswith(".")
        assert protocol.settings()["wrong_poses"] == [str(each) for each in protocol.wrong_poses]


def test_own_file_and_changes(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "title: Mine\nrule: As I like it.\nseeds: 4\nscored: [2, 7]\nwrong_poses: [roll 10]\nguidance_scale: 2\n"
    )
    protocol = load_protocol(str(file), counts=(5, 2), steps=None)
    assert (protocol.name, protocol.seeds, protocol.counts, protocol.scored) == ("mine", (4,), (2, 5), (2, 7))
    assert protocol.guidance_scale == 2.0
    assert protocol.steps is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: A", "rule must be given as text"),
        ("- 3", "holds no entries"),
        ("title: [", "is no YAML"),
        ("title: A\nrule: B\nview: 3", "no entry view; known are title"),
        ("title: A\nrule: B\nchoice: nearest", "choice is 'nearest'; it must be first, random or spread"),
        ("title: A\nrule: B\ncounts: [0]", "whole numbers from 1 on"),
        ("title: A\nrule: B\ncounts: [1, a]", "a list of  ?int is needed"),
        ("title: A\nrule: B\nscored: [4]", "a list of 2 int is needed"),
        ("title: A\nrule: B\nscored: [4, 2]", "the first and the last number"),
        ("title: A\nrule: B\nsteps: 2.5", "steps is 2.5; a int is needed"),
        ("title: A\nrule: B\nconsistency: 1", "consistency is 1; a bool is needed"),
        ("title: A\nrule: B\nguidance_scale: -1", "zero or more"),
        ("title: A\nrule: B\ntargets: spiral\nscored: [1, 2]", "the spiral has no true pictures"),
        ("title: A\nrule: B\ntarget_layout: x", "no entry target_layout"),
        ("title: A\nrule: B\nwrong_poses: [up 3]", "no wrong pose 'up'"),
    ],
)
def test_entries_that_do_not_fit_are_named(tmp_path, text, words):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(EscherNetError, match=words):
        load_protocol(str(file))


def test_unknown_protocol():
    with pytest.raises(EscherNetError, match="no protocol 'gso31'; name a YAML file, or one of franka16"):
        load_protocol("gso31")


def test_gso30_is_the_published_rule(views_of):
    plans, skipped = plan_views(load_protocol("gso30"), views_of(25))
    assert not skipped
    assert [len(plan.reference_ids) for plan in plans] == [1, 2, 3, 5, 10]
    for plan in plans:
        assert plan.reference_ids == tuple(range(len(plan.reference_ids)))
        assert plan.target_ids == tuple(range(25))
        assert plan.scored_ids == tuple(range(10, 25))
    (more,), _ = plan_views(load_protocol("gso30", counts=(12,)), views_of(25))
    assert more.scored_ids == tuple(range(12, 25))


def test_held_out_scores_the_same_views_for_every_number(views_of):
    views = views_of(16)
    plans, (skipped,) = plan_views(load_protocol("held-out"), views)
    assert "of which 4 are kept to be scored: not evaluated with 20, 50, 100" in skipped
    assert [len(plan.reference_ids) for plan in plans] == [1] * 3 + [2] * 3 + [3] * 3 + [5] * 3 + [10] * 3
    by_seed = {seed: [plan for plan in plans if plan.seed == seed] for seed in (0, 1, 2)}
    for same in by_seed.values():
        assert {plan.scored_ids for plan in same} == {same[0].target_ids}
        largest = same[-1].reference_ids
        assert len(set(largest) | set(same[0].target_ids)) == 16
        order = farthest_point_order(view_directions(views.poses), largest[0])
        assert list(largest) == order[:10]
        for plan in same:
            assert plan.reference_ids == largest[: len(plan.reference_ids)]
    assert len({plans[0].reference_ids, plans[1].reference_ids, plans[2].reference_ids}) > 1


def test_draws_depend_on_name_and_seed_alone(views_of):
    protocol = dataclasses.replace(load_protocol("held-out"), choice="random", counts=(5,), seeds=(3,))
    (one,), _ = plan_views(protocol, views_of(12))
    (two,), _ = plan_views(dataclasses.replace(protocol, seeds=(0, 3)), views_of(12))[0][1:], None
    assert one.reference_ids == two.reference_ids
    assert one.noise_seed == two.noise_seed
    (other,), _ = plan_views(protocol, views_of(12, "cup"))
    assert other.reference_ids != one.reference_ids
    assert other.noise_seed != one.noise_seed


def test_spiral_has_no_truth(views_of):
    (plan,), _ = plan_views(load_protocol("franka16"), views_of(8))
    assert len(set(plan.reference_ids)) == 5
    np.testing.assert_array_equal(plan.target_poses, stack_matrices(spiral_100()))
    assert plan.scored_ids == ()


def test_parts_of_a_data_set(views_of):
    protocol = load_protocol("nerf-synthetic", counts=(2, 5))
    views = views_of(12, subsets={"train": (0, 1, 2, 3, 4, 5), "test": (8, 9, 10, 11)})
    plans, skipped = plan_views(protocol, views)
    assert not skipped
    for plan in plans:
        assert set(plan.reference_ids) <= set(range(6))
        assert plan.target_ids == plan.scored_ids == (8, 9, 10, 11)
    with pytest.raises(DatasetError, match=r"no part 'train' \(its parts: none\)"):
        plan_views(protocol, views_of(12))


def test_targets_kept_apart(views_of):
    views = views_of(40, subsets={"references": tuple(range(25)), "targets": tuple(range(25, 40))})
    plans, _ = plan_views(load_protocol("gso-3d", counts=(3,)), views)
    assert plans[0].reference_ids == (0, 1, 2)
    assert plans[0].scored_ids == tuple(range(25, 40))


def test_too_few_views(views_of):
    with pytest.raises(DatasetError, match=r"'mug' has 4 views .*\(1, 2, 3, 5, 10, 20, 50, 100\) fits"):
        plan_views(load_protocol("held-out"), views_of(4))


def test_a_number_that_leaves_nothing_to_score_is_said(views_of):
    protocol = Protocol("mine", "Mine", "Mine.", scored=(0, 1), counts=(1, 2))
    plans, skipped = plan_views(protocol, views_of(6))
    assert plans[1].scored_ids == ()
    assert skipped == ["'mug': no view is scored with 2 references."]


def test_wrong_poses_are_asked_for_somewhere():
    protocol = load_protocol("held-out")
    assert protocol.counts_with_wrong_poses([1, 2, 3, 5]) == (3,)
    assert protocol.counts_with_wrong_poses([1, 2, 5, 5, 10]) == (2,)
    assert protocol.counts_with_wrong_poses([4]) == (4,)
