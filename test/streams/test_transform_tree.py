# SPDX-License-Identifier: Apache-2.0
"""The tree of frames: the newest common time, poses there, and what is said when there is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.geometry import SE3
from eschernet_ros.streams import TransformTree, TransformUnknown

S = 1_000_000_000
numbers = st.floats(-1.0, 1.0)
poses = st.builds(
    lambda r, t: SE3.from_rotvec(r, t), st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers)
)


@settings(deadline=None, max_examples=50)
@given(poses, poses, poses)
def test_any_two_frames_of_a_tree(arm: SE3, tool: SE3, camera: SE3) -> None:
    """Up to the common ancestor and down again, whatever is fixed."""
    tree = TransformTree()
    tree.set("base", "arm", S, arm)
    tree.set("arm", "tool", 0, tool, static=True)
    tree.set("arm", "camera", S, camera)
    assert tree.newest("base", "tool")[1].is_close(arm @ tool, 1e-9)
    assert tree.newest("camera", "tool")[1].is_close(camera.inverse() @ tool, 1e-9)
    assert tree.newest("tool", "base")[0] == S
    assert tree.newest("tool", "base")[1].is_close((arm @ tool).inverse(), 1e-9)
    assert tree.newest("arm", "arm")[1].is_close(SE3.identity(), 0.0)
    assert tree.newest("arm", "tool")[0] == 0


def test_the_newest_common_time_is_interpolated() -> None:
    """As tf2 does: the slowest edge's newest stamp, the others between their samples."""
    tree = TransformTree()
    for stamp, x in ((0 * S, 0.0), (2 * S, 1.0)):
        tree.set("base", "arm", stamp + S, SE3.from_rotvec([0, 0, 0], [x, 0, 0]))
    tree.set("arm", "tool", 2 * S, SE3.identity())
    stamp, pose = tree.newest("base", "tool")
    assert stamp == 2 * S
    assert pose.is_close(SE3.from_rotvec([0, 0, 0], [0.5, 0, 0]), 1e-12)


def test_what_is_not_connected_is_named() -> None:
    tree = TransformTree()
    with pytest.raises(TransformUnknown, match="no transform names the frame 'base' nor 'tool'; there are: none"):
        tree.newest("base", "tool")
    tree.set("base", "arm", S, SE3.identity())
    tree.set("flange", "tool", S, SE3.identity())
    with pytest.raises(TransformUnknown, match="'tool' hangs on 'flange', but 'arm' on 'base': nothing connects them"):
        tree.newest("arm", "tool")
    tree.set("arm", "flange", 5 * S, SE3.identity())
    with pytest.raises(TransformUnknown, match=r"'flange' in 'arm' has no common time with the others: .*before"):
        tree.newest("base", "tool")


def test_a_new_parent_counts_and_a_jump_forgets_what_moves() -> None:
    tree = TransformTree()
    tree.set("base", "thing", S, SE3.identity())
    tree.set("hand", "thing", 2 * S, SE3.from_rotvec([0, 0, 0], [1, 0, 0]))
    tree.set("base", "hand", 0, SE3.identity(), static=True)
    assert tree.newest("base", "thing")[1].translation[0] == 1.0
    tree.clear()
    with pytest.raises(TransformUnknown):
        tree.newest("base", "thing")
    assert tree.newest("base", "hand")[0] == 0
