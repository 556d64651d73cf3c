# SPDX-License-Identifier: Apache-2.0
"""References and targets of an object: spread, drawn, or by the published rule of the layout."""

from __future__ import annotations

from typing import Literal

import numpy as np

from eschernet_ros.datasets import Dataset, DatasetError, PosedImages, ViewSplit, spread_ids
from eschernet_ros.datasets.selection import split_rest, targets_beside

SplitRule = Literal["farthest", "random", "published"]


def choose_split(
    dataset: Dataset, views: PosedImages, references: int, rule: SplitRule = "farthest", seed: int = 0
) -> ViewSplit:
    """Split one object's views.

    Where the data set names training and test views, references are training views and targets are the test views; else
    everything that is no reference is a target.

    Args:
        dataset: whose published rule may be asked for.
        views: the object.
        references: how many.
        rule: ``farthest``: directions far from each other, beginning with the first view; ``random``: drawn by ``seed``
            and the views' numbers alone; ``published``: the layout's own rule.
        seed: for what is drawn.

    Raises:
        DatasetError: too few views for so many references and a target.
    """
    if rule == "published":
        return dataset.split(views, references, seed)
    train = views.subsets.get("train") or views.view_ids
    if not 1 <= references <= len(train):
        raise DatasetError(
            f"'{views.name}' has {len(train)} views to take references from; {references} cannot be taken."
        )
    if rule == "farthest":
        chosen = spread_ids(views, references, among=train)
        how = "views that look from directions far from each other"
    else:
        drawn = np.random.default_rng(seed).choice(np.array(sorted(train)), size=references, replace=False)
        chosen = tuple(sorted(int(view_id) for view_id in drawn))
        how = f"random views (seed {seed})"
    targets = targets_beside(views, chosen)
    if not targets:
        raise DatasetError(f"All views of '{views.name}' would be references; use fewer, so that a target is left.")
    return split_rest(views, chosen, targets, how)
