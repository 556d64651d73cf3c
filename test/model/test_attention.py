# SPDX-License-Identifier: Apache-2.0
"""The attention processors: what is computed once, and that they can be trained through."""

from __future__ import annotations

import golden_set
import pytest
import torch
from torch.nn import functional

from eschernet_ros.model import Scene, camera_encoding, load_checkpoint, predict_noise
from eschernet_ros.model.attention import MultiViewCrossAttention, _attend
from eschernet_ros.model.pipeline import EscherNetPipeline


@pytest.fixture
def network():
    return EscherNetPipeline(load_checkpoint("bundled-4dof")).checkpoint.unet


def make_scene(targets=2, references=3):
    def poses(count):
        return torch.eye(4).repeat(1, count, 1, 1)

    generator = torch.Generator().manual_seed(0)
    return Scene(
        targets=camera_encoding("6dof", poses(targets)),
        references=camera_encoding("6dof", poses(references)),
        tokens=torch.randn(1, references * 5, 64, generator=generator),
    )


def cross_layers(unet):
    return [m for m in unet.modules() if isinstance(getattr(m, "processor", None), MultiViewCrossAttention)]


def count_key_projections(unet):
    calls = []
    for layer in cross_layers(unet):
        layer.to_k.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_keys_of_the_references_are_computed_once_a_run(network):
    calls = count_key_projections(network)
    scene = make_scene()
    with torch.inference_mode():
        first = predict_noise(network, torch.zeros(4, 4, 8, 8), 500, scene)
        again = predict_noise(network, torch.zeros(4, 4, 8, 8), 500, scene)
    assert torch.equal(first, again)
    assert len(calls) == len(cross_layers(network)) == 7


def test_nothing_is_kept_while_gradients_are_recorded(network):
    calls = count_key_projections(network)
    network.requires_grad_(True)
    scene = make_scene()
    for _ in range(2):
        predict_noise(network, torch.zeros(2, 4, 8, 8), 500, scene).square().mean().backward()
    assert len(calls) == 14
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    assert all(layer.to_k.weight.grad.abs().max() > 0 for layer in cross_layers(network))


def test_gradient_checkpointing_gives_the_same_gradients(network):
    network.requires_grad_(True)
    gradients = []
    for checkpointing in (False, True):
        network.train()
        if checkpointing:
            network.enable_gradient_checkpointing()
        network.zero_grad()
        predict_noise(network, torch.ones(2, 4, 8, 8), 500, make_scene()).square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_targets_see_each_other(network):
    scene = make_scene()
    latents = torch.zeros(2, 4, 8, 8)
    with torch.inference_mode():
        before = predict_noise(network, latents, 500, scene)
        latents[1] = 1
        after = predict_noise(network, latents, 500, scene)
    assert (before[0] - after[0]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["self", "cross"])
@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16], ids=["float64", "float32", "bfloat16"]
)
def test_attention_that_is_trained_on_the_cpu_equals_the_fused_one(kind, dtype):
    layer = golden_set.attention_layer(kind, 5).to(dtype).requires_grad_(True)
    generator = torch.Generator().manual_seed(0)
    counts = (7, 7, 7) if kind == "self" else (7, 11, 11)
    inputs = [
        torch.randn(2, 4, count, 8, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for count in counts
    ]
    results = []
    for fused in (False, True):
        layer.zero_grad()
        if fused:
            attended = functional.scaled_dot_product_attention(*inputs, scale=layer.scale)
            output = attended.transpose(1, 2).flatten(-2)
            for part in layer.to_out:
                output = part(output)
        else:
            output = _attend(layer, *inputs)
        leaves = [*inputs, *layer.to_out.parameters()]
        results.append([output.detach(), *torch.autograd.grad(output.square().mean(), leaves)])
    with torch.no_grad():
        results.append([_attend(layer, *(value.detach() for value in inputs))])
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}[dtype]
    for one, other in zip(*results[:2], strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    assert torch.equal(results[2][0], results[1][0]), "without gradients the fused one is taken"
