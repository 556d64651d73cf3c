# SPDX-License-Identifier: Apache-2.0
"""A geometric start makes heads look where the points of a target's rays are seen."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from training_runs import IMAGE_ENCODER, UNET, ZERO_TERMINAL_SNR, scenes_in

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import look_at_origin
from eschernet_ros.model.cape import camera_encoding
from eschernet_ros.training.batches import Batch
from eschernet_ros.training.geometric_start import DEPTHS, start_geometrically
from eschernet_ros.training.networks import TrainedNetworks, starting_checkpoint
from eschernet_ros.training.settings import TrainingSettings
from eschernet_ros.training.trainer import train

SIDE = 8
HEADS = 4
NETWORKS = {
    "unet": {
        **UNET,
        "sample_size": SIDE,
        "in_channels": 16,
        "out_channels": 12,
        "block_out_channels": [64],
        "cross_attention_dim": 36,
        "attention_head_dim": HEADS,
    },
    "image_encoder": {**IMAGE_ENCODER, "num_stages": 1, "hidden_sizes": [32], "depths": [1]},
    "autoencoder": {"block_size": 2, "latent_channels": 12},
    "scheduler": ZERO_TERMINAL_SNR,
}


def settings(**changes) -> TrainingSettings:
    """Networks of 8x8 positions, for references and targets alike."""
    return TrainingSettings(**{"networks": NETWORKS, "geometric_start": True, **changes})


def camera_gl_from_world(azimuth_deg: float) -> np.ndarray:
    """A camera at 1.8 from the origin."""
    world_from_optical = look_at_origin(math.radians(azimuth_deg), math.radians(20.0), 1.8)
    return np.linalg.inv(world_from_optical.matrix @ np.diag([1.0, -1.0, -1.0, 1.0]))


def batch(reference_deg: float = 25.0) -> Batch:
    """Two scenes of one reference and one target that look at the origin from two sides."""
    generator = torch.Generator().manual_seed(0)
    cameras = [torch.from_numpy(np.stack([camera_gl_from_world(a)] * 2))[:, None] for a in (reference_deg, 0.0)]
    return Batch(
        reference_images=torch.rand(2, 1, 3, 16, 16, generator=generator) * 2 - 1,
        reference_cameras=cameras[0],
        target_images=torch.ones(2, 1, 3, 16, 16),
        target_cameras=cameras[1],
        time_steps=torch.tensor([999, 999]),
        noise=torch.randn(2, 1, 12, SIDE, SIDE, generator=generator),
        posterior_noise=torch.zeros(2, 1, 12, SIDE, SIDE),
        keep=torch.tensor([True, True]),
        skipped=(),
    )


def test_heads_look_along_the_epipolar_line() -> None:
    """The centre of a head's attention is the projection of the point at its depth, to within a position."""
    torch.manual_seed(0)
    networks = TrainedNetworks(starting_checkpoint(settings()))
    views = batch()
    explained = start_geometrically(networks, views, views.noise.flatten(0, 1))
    assert len(explained) == 4 * 4 and min(explained) > 0.95

    blocks = [module for module in networks.unet.modules() if isinstance(module, BasicTransformerBlock)]
    attention = blocks[0].attn2
    seen: dict[str, torch.Tensor] = {}
    for name in ("to_q", "to_k"):
        getattr(attention, name).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    with torch.no_grad():
        networks(views, views.noise.flatten(0, 1))
    queries = camera_encoding("6dof", views.target_cameras).queries(seen["to_q"])[0]
    keys = camera_encoding("6dof", views.reference_cameras).keys(seen["to_k"])[0]
    scores = torch.einsum("qhc,khc->hqk", queries.unflatten(-1, (HEADS, -1)), keys.unflatten(-1, (HEADS, -1)))
    weights = (scores * attention.scale).softmax(-1).numpy()

    half = 128 / 280
    steps = ((2 * np.arange(SIDE) + 1) / SIDE - 1) * half
    grid = np.stack([np.tile(steps, SIDE), np.repeat(-steps, SIDE)], axis=1)  # x, y up; row by row
    reference_from_target = views.reference_cameras[0, 0].numpy() @ np.linalg.inv(views.target_cameras[0, 0].numpy())
    inner = np.abs(grid).max(1) < 0.5 * half
    for head in range(HEADS):
        depth = DEPTHS[0] + (DEPTHS[1] - DEPTHS[0]) * head / HEADS
        points = np.column_stack([grid * depth, np.full(len(grid), -depth), np.ones(len(grid))])
        there = points @ reference_from_target.T
        expected = there[:, :2] / -there[:, 2:3]
        found = weights[head] @ grid
        inside = inner & (np.abs(expected).max(1) < 0.7 * half)
        assert inside.sum() >= 4
        errors = np.linalg.norm(found - expected, axis=1)[inside] / (2 * half / SIDE)
        assert np.median(errors) < 0.7, f"head {head}: {np.median(errors):.2f} positions off"


def test_finer_references_are_divided_among_the_heads() -> None:
    """With 16x16 reference tokens for 8x8 queries, heads of one depth look at four places of a position."""
    from eschernet_ros.training.geometric_start import _queries

    networks = TrainedNetworks(starting_checkpoint(settings()))
    attention = next(m for m in networks.unet.modules() if isinstance(m, BasicTransformerBlock)).attn2
    wanted = _queries(attention, 0.0, 2 * SIDE, SIDE**2).unflatten(-1, (HEADS, -1))  # [64, heads, 8]
    xy = (wanted[..., :2] / -wanted[..., 2:3]) / (2 * 128 / 280 / SIDE)  # in positions
    offsets = xy[0] - xy[0].mean(0)
    assert sorted(map(tuple, offsets.round(decimals=3).tolist())) == [
        (-0.25, -0.25),
        (-0.25, 0.25),
        (0.25, -0.25),
        (0.25, 0.25),
    ]


def test_what_it_does_not_fit_is_refused() -> None:
    """4DoF, and networks without coordinates."""
    views = batch()
    networks = TrainedNetworks(starting_checkpoint(settings()))
    networks.cape = "4dof"
    with pytest.raises(EscherNetError, match="geometric_start is about 6DoF CaPE"):
        start_geometrically(networks, views, views.noise.flatten(0, 1))
    for changes, sentence in (
        ({"in_channels": 12}, "take coordinates: unet.in_channels must be 16, not 12"),
        ({"cross_attention_dim": 32}, "take coordinates: unet.cross_attention_dim must be 36, not 32"),
        ({"norm_num_groups": 16}, r"channels in a norm group, not block_out_channels \[64\] in 16 groups"),
    ):
        other = {**NETWORKS, "unet": {**NETWORKS["unet"], **changes}}
        networks = TrainedNetworks(starting_checkpoint(settings(networks=other)))
        with pytest.raises(EscherNetError, match=sentence):
            start_geometrically(networks, views, views.noise.flatten(0, 1))
    with pytest.raises(EscherNetError, match="geometric_start is for networks that start from random weights"):
        TrainingSettings(checkpoint="bundled-6dof", geometric_start=True)


def test_a_run_starts_with_it_once(tmp_path, renders) -> None:
    """It is part of the run: on by the setting, not repeated when the run is resumed, and it learns from there."""
    small = settings(
        workers=0,
        references=2,
        targets=2,
        steps=2,
        batch_size=2,
        device_batch_size=2,
        mixed_precision="no",
        gradient_checkpointing=False,
        validation_scenes=0,
        checkpoint_every=1,
        log_every=1,
    )
    train(small, scenes_in(renders), tmp_path / "whole")
    train(dataclasses.replace(small, steps=1), scenes_in(renders), tmp_path / "parts")
    resumed = train(small, scenes_in(renders), tmp_path / "parts", "latest")
    assert resumed.step == 2
    from training_runs import losses

    assert losses(tmp_path / "whole") == pytest.approx(losses(tmp_path / "parts"), rel=1e-6)
