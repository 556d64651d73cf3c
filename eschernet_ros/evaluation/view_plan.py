# SPDX-License-Identifier: Apache-2.0
"""Which views of one object are given, asked for and scored, by a protocol."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.datasets import DatasetError, PosedImages, format_ids
from eschernet_ros.evaluation.protocol import Protocol
from eschernet_ros.geometry import farthest_point_order, spiral_100, stack_matrices, view_directions


@dataclass(frozen=True, eq=False)
class ViewPlan:
    """One case of one object.

    Attributes:
        seed: as given.
        noise_seed: of the sampler's noise: from the object's name and the seed, not from any order of objects.
        reference_ids: in the order in which they are given.
        target_ids: of the target views; numbers of their own for the spiral.
        target_poses: ``camera_gl_from_world`` [M, 4, 4].
        scored_ids: the targets that count.
        rule: a sentence that says so.
    """

    seed: int
    noise_seed: int
    reference_ids: tuple[int, ...]
    target_ids: tuple[int, ...]
    target_poses: NDArray[np.float64]
    scored_ids: tuple[int, ...]
    rule: str


def plan_views(protocol: Protocol, views: PosedImages) -> tuple[list[ViewPlan], list[str]]:
    """Every case of an object: by number of references, then seed; and a sentence for each number that is skipped.

    Args:
        protocol: the rules.
        views: the object's.

    Raises:
        DatasetError: the data set has no such part, or the object has views for no number of references.
    """
    pool = _part(views, protocol.reference_part)
    asked = _part(views, protocol.target_part)
    least = protocol.least_targets if protocol.targets == "rest" and set(asked) <= set(pool) else 0
    counts = [count for count in protocol.counts if count <= len(pool) - least]
    skipped = []
    if len(counts) < len(protocol.counts):
        left_out = ", ".join(str(count) for count in protocol.counts if count not in counts)
        keeps = f", of which {least} are kept to be scored" if least else ""
        skipped.append(f"'{views.name}' has {len(pool)} views for references{keeps}: not evaluated with {left_out}.")
    if not counts:
        raise DatasetError(
            f"'{views.name}' has {len(pool)} views for references; none of the protocol's numbers of references "
            f"({', '.join(map(str, protocol.counts))}) fits. Give smaller ones with --references."
        )
    orders = {seed: _order(protocol, views, pool, seed) for seed in protocol.seeds}
    plans = [
        _plan(protocol, views, asked, orders[seed], seed, count, max(counts))
        for count in counts
        for seed in protocol.seeds
    ]
    if protocol.targets != "spiral" and any(not plan.scored_ids for plan in plans):
        empty = sorted({len(plan.reference_ids) for plan in plans if not plan.scored_ids})
        skipped.append(f"'{views.name}': no view is scored with {', '.join(map(str, empty))} references.")
    return plans, skipped


def _plan(
    protocol: Protocol,
    views: PosedImages,
    asked: tuple[int, ...],
    order: list[int],
    seed: int,
    count: int,
    largest: int,
) -> ViewPlan:
    references = tuple(order[:count])
    if protocol.targets == "spiral":
        poses = stack_matrices(spiral_100())
        wanted: tuple[int, ...] = tuple(range(len(poses)))
        scored: tuple[int, ...] = ()
    else:
        wanted = asked
        if protocol.targets == "rest":
            wanted = tuple(view_id for view_id in asked if view_id not in order[:largest])
        poses = views.camera_gl_from_world[views.positions(wanted)]
        first, last = protocol.scored or (0, max(wanted))
        scored = tuple(view_id for view_id in wanted if first <= view_id <= last and view_id not in references)
    rule = f"References {', '.join(map(str, references))}; asked for: "
    rule += "the spiral." if protocol.targets == "spiral" else f"{format_ids(wanted)}; scored: {format_ids(scored)}."
    return ViewPlan(seed, _draw_seed(views.name, seed, "noise"), references, wanted, poses, scored, rule)


def _order(protocol: Protocol, views: PosedImages, pool: tuple[int, ...], seed: int) -> list[int]:
    """The order in which the views of the pool become references."""
    if protocol.choice == "first":
        return list(pool)
    rng = np.random.default_rng(_draw_seed(views.name, seed, "references"))
    if protocol.choice == "random":
        return [int(view_id) for view_id in rng.permutation(np.array(pool))]
    rows = views.positions(pool)
    directions = view_directions([views.poses[row] for row in rows])
    return [pool[place] for place in farthest_point_order(directions, int(rng.integers(len(pool))))]


def _draw_seed(name: str, seed: int, purpose: str) -> int:
    """A seed for one object and purpose; no order of files or objects enters."""
    return zlib.crc32(f"{name}/{seed}/{purpose}".encode())


def _part(views: PosedImages, part: str | None) -> tuple[int, ...]:
    if part is None:
        return views.view_ids
    ids = views.subsets.get(part)
    if not ids:
        known = ", ".join(views.subsets) or "none"
        raise DatasetError(f"'{views.name}' has no part '{part}' (its parts: {known}); the protocol needs one.")
    return tuple(ids)
