# SPDX-License-Identifier: Apache-2.0
"""Choosing reference views."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.datasets.reader import ViewSplit
from eschernet_ros.geometry import farthest_point_order, view_directions


def random_ids(views: PosedImages, count: int, seed: int) -> tuple[int, ...]:
    """``count`` views drawn without repeats, ascending; depends on the view ids and the seed only.

    Raises:
        DatasetError: when there are fewer views.
    """
    _check(views, count)
    drawn = np.random.default_rng(seed).choice(np.array(sorted(views.view_ids)), size=count, replace=False)
    return tuple(sorted(int(view_id) for view_id in drawn))


def spread_ids(views: PosedImages, count: int, among: Sequence[int] | None = None) -> tuple[int, ...]:
    """``count`` views that look from directions far from each other, beginning with the first view.

    Args:
        views: the object.
        count: how many.
        among: ids of the views that may be taken; None: all.

    Raises:
        DatasetError: when there are fewer views.
    """
    ids = views.view_ids if among is None else tuple(among)
    if not 1 <= count <= len(ids):
        raise DatasetError(f"'{views.name}' has {len(ids)} views; {count} references cannot be taken from them.")
    poses = views.poses
    order = farthest_point_order(view_directions(poses[row] for row in views.positions(ids)))
    return tuple(sorted(ids[int(position)] for position in order[:count]))


def held_out_split(views: PosedImages, references: int, layout: str) -> ViewSplit:
    """A split for layouts without a published evaluation.

    References are training views far from each other, targets the test views; where the data set names no test views,
    everything that is no reference.

    Raises:
        DatasetError: when there are fewer training views, or no target is left.
    """
    train = views.subsets.get("train") or views.view_ids
    chosen = spread_ids(views, references, among=train)
    targets = targets_beside(views, chosen)
    if not targets:
        raise DatasetError(f"All views of '{views.name}' are references; use fewer, so that a target is left.")
    return split_rest(views, chosen, targets, "views far from each other", f"{layout} has no published evaluation; ")


def targets_beside(views: PosedImages, chosen: tuple[int, ...]) -> tuple[int, ...]:
    """The test views, or all views where the data set names none, less the references."""
    return tuple(view_id for view_id in views.subsets.get("test") or views.view_ids if view_id not in chosen)


def split_rest(
    views: PosedImages, chosen: tuple[int, ...], targets: tuple[int, ...], how: str, why: str = ""
) -> ViewSplit:
    """A split whose targets are all scored, with the sentence that says so.

    Args:
        views: the object.
        chosen: numbers of the references.
        targets: those of `targets_beside`.
        how: what kind of views the references are.
        why: what the sentence begins with.
    """
    test = bool(views.subsets.get("test"))
    return ViewSplit(
        reference_ids=chosen,
        targets="views",
        target_ids=targets,
        scored_ids=targets,
        rule=(
            f"{why}{len(chosen)} {'training ' if test else ''}{how} are references, the {len(targets)} "
            f"{'test views' if test else 'others'} are targets and scored."
        ),
    )


def _check(views: PosedImages, count: int) -> None:
    if not 1 <= count <= len(views):
        raise DatasetError(f"'{views.name}' has {len(views)} views; {count} references cannot be taken from them.")
