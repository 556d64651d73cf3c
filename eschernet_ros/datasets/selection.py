# SPDX-License-Identifier: Apache-2.0
"""Choosing reference views."""

from __future__ import annotations

import numpy as np

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import farthest_point_order, view_directions


def random_ids(views: PosedImages, count: int, seed: int) -> tuple[int, ...]:
    """``count`` views drawn without repeats, ascending; depends on the view ids and the seed only.

    Raises:
        DatasetError: when there are fewer views.
    """
    _check(views, count)
    drawn = np.random.default_rng(seed).choice(np.array(sorted(views.view_ids)), size=count, replace=False)
    return tuple(sorted(int(view_id) for view_id in drawn))


def spread_ids(views: PosedImages, count: int) -> tuple[int, ...]:
    """``count`` views that look from directions far from each other, beginning with the first view.

    Raises:
        DatasetError: when there are fewer views.
    """
    _check(views, count)
    order = farthest_point_order(view_directions(views.poses))
    return tuple(sorted(views.view_ids[int(position)] for position in order[:count]))


def _check(views: PosedImages, count: int) -> None:
    if not 1 <= count <= len(views):
        raise DatasetError(f"'{views.name}' has {len(views)} views; {count} references cannot be taken from them.")
