# SPDX-License-Identifier: Apache-2.0
"""CaPE: what the scores may depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.model import CaPE4DoF, CaPE6DoF, camera_encoding

coordinate = st.floats(-2, 2)
poses = st.builds(SE3.from_rotvec, st.tuples(*[coordinate] * 3), st.tuples(*[coordinate] * 3))
vectors = st.tuples(*[coordinate] * 4)


def features(seed, tokens=6, channels=32):
    return torch.randn(1, tokens, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scores(cape, target, reference):
    """Scores [1, 6, 6] of fixed queries at ``target`` and fixed keys at ``reference``."""
    query_side, key_side = (
        camera_encoding(cape, torch.from_numpy(np.array(pose, dtype=float))[None, None], dtype=torch.float64)
        for pose in (target, reference)
    )
    return query_side.queries(features(1)) @ key_side.keys(features(2)).mT


@settings(deadline=None, max_examples=30)
@given(poses, poses, poses)
def test_6dof_scores_ignore_the_world_frame(target, reference, world):
    before = scores("6dof", target.matrix, reference.matrix)
    after = scores("6dof", (target @ world).matrix, (reference @ world).matrix)
    torch.testing.assert_close(before, after, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(poses)
def test_6dof_same_camera_gives_the_plain_scores(pose):
    plain = features(1) @ features(2).mT
    torch.testing.assert_close(scores("6dof", pose.matrix, pose.matrix), plain, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(vectors, vectors, vectors)
def test_4dof_scores_depend_on_differences(target, reference, shift):
    moved = [np.add(vector, shift) for vector in (target, reference)]
    torch.testing.assert_close(scores("4dof", target, reference), scores("4dof", *moved), rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(vectors)
def test_4dof_keeps_lengths(vector):
    encoding = camera_encoding("4dof", torch.tensor([[vector]]), dtype=torch.float64)
    torch.testing.assert_close(encoding.queries(features(1)).norm(dim=-1), features(1).norm(dim=-1))


def test_4dof_first_entry_turns_the_first_quarter_only():
    encoding = CaPE4DoF(torch.tensor([[[np.pi / 2, 0, 0, 0]]], dtype=torch.float64), dtype=torch.float64)
    turned = encoding.keys(torch.ones(1, 1, 16, dtype=torch.float64))
    expected = [-1.0, 1, -1, 1] + [1.0] * 12
    torch.testing.assert_close(turned[0, 0], torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("cape", ["6dof", "4dof"])
def test_every_camera_meets_its_own_tokens(cape):
    pose = torch.eye(4)[None].repeat(2, 1, 1) if cape == "6dof" else torch.zeros(2, 4)
    pose[1, 0] += 0.5
    x = features(3).float()
    alone = torch.cat(
        [camera_encoding(cape, p[None, None]).keys(x[:, i * 3 : i * 3 + 3]) for i, p in enumerate(pose)], 1
    )
    torch.testing.assert_close(camera_encoding(cape, pose[None]).keys(x), alone)
    assert torch.equal(alone[:, :3], x[:, :3])
    assert not torch.equal(alone[:, 3:], x[:, 3:])


def test_low_precision_features_keep_their_type():
    pose = torch.eye(4)[None, None]
    assert CaPE6DoF(pose, dtype=torch.bfloat16).queries(features(1).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("cape", "shape", "sentence"),
    [
        ("6dof", (1, 4, 4), "6DoF CaPE takes poses"),
        ("4dof", (1, 4, 4, 4), "4DoF CaPE takes pose vectors"),
        ("5dof", (1, 1, 4), "EscherNet knows '6dof' and '4dof'"),
    ],
)
def test_wrong_shapes_get_a_sentence(cape, shape, sentence):
    with pytest.raises(EscherNetError, match=sentence):
        camera_encoding(cape, torch.zeros(shape))
