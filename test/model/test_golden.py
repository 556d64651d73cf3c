# SPDX-License-Identifier: Apache-2.0
"""Equality with the authors' implementation: every array of golden set A."""

from __future__ import annotations

import golden_set
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import ConvNextV2Config, ConvNextV2Model

from eschernet_ros.model import EscherNetPipeline, Scene, camera_encoding, ddim_scheduler, save_checkpoint
from eschernet_ros.model.attention import predict_noise

INPUTS = ("pose_out", "pose_in", "_q", "_k", "_x", "_enc", "_timestep", "init", "images_u8", "timesteps")
CAPES = ("6dof", "4dof")


def measured(pipe) -> dict[str, golden_set.Deviation]:
    return {one.array: one for one in golden_set.deviations(pipe)}


@pytest.fixture(scope="module")
def results(golden_pipe):
    found: dict = {}

    def get(cape, dtype):
        if (cape, dtype) not in found:
            found[cape, dtype] = measured(golden_pipe(cape, dtype))
        return found[cape, dtype]

    return get


@pytest.mark.parametrize("group", ["a", "b", "c preprocessing", "c tokens", "d", "e latents", "e images"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("cape", CAPES)
def test_every_array_is_within_its_limit(results, cape, dtype, group):
    of_group = [one for one in results(cape, dtype).values() if one.group == group]
    assert of_group
    for one in of_group:
        assert one.value <= one.limit, one


@pytest.mark.parametrize("cape", CAPES)
def test_no_output_array_is_left_out(results, cape):
    golden = golden_set.arrays(cape)
    outputs = {
        name
        for name in golden
        if not name.endswith(INPUTS)
        and not (name.endswith("_latents") and name.startswith("d_"))
        and name != "e_vae_latents"
        and "antialias" not in name
    }
    assert outputs == results(cape, torch.float64).keys()


@pytest.mark.parametrize("cape", CAPES)
@pytest.mark.parametrize("steps", [5, 10])
def test_time_steps(cape, steps):
    expected = golden_set.arrays(cape)[f"e_{steps}_timesteps"]
    found = ddim_scheduler(golden_set.DDPM_CONFIG, steps).timesteps
    np.testing.assert_array_equal(found.numpy(), expected)


def test_preprocessing_is_not_the_antialiased_one(golden_pipe):
    golden = golden_set.arrays("6dof")
    ((_, pixels),) = golden_set._preprocessing(golden_pipe("6dof"), golden)
    ((_, tokens),) = golden_set._tokens(golden_pipe("6dof"), golden)
    effect = golden_set.meta("6dof")["antialias_effect"]
    difference = np.abs(pixels.numpy() - golden["c_pre_antialias_sub"])
    assert difference.max() == pytest.approx(effect["pre_maxabs"], rel=0.01)
    difference = np.abs(tokens.numpy() - golden["c_embed_antialias"])
    assert difference.max() == pytest.approx(effect["embed_maxabs"], rel=0.01)


def test_weights_follow_the_rule(golden_pipe):
    expected = golden_set.read(golden_set.SET_A / "weights_checksums.json")
    checkpoint = golden_pipe("6dof", torch.float32).checkpoint
    for name in ("unet", "vae", "image_encoder"):
        assert golden_set.checksum(getattr(checkpoint, name)) == expected[name]["sha256"], name
    for kind in ("self", "cross"):
        entry = expected[f"attn_{kind}"]
        layer = golden_set.attention_layer(kind, entry["seed"])
        assert golden_set.checksum(layer) == entry["sha256"], kind


@pytest.mark.parametrize("cape", CAPES)
def test_pickled_weights_give_the_same(tmp_path, golden_pipe, cape):
    save_checkpoint(golden_set.checkpoint(cape), tmp_path, safe_serialization=False)
    assert not list(tmp_path.glob("*/*.safetensors"))
    pipe = EscherNetPipeline.from_pretrained(tmp_path, cape, dtype=torch.float64)
    golden = golden_set.arrays(cape)
    assert torch.equal(
        golden_set.golden_call(pipe, golden, steps=5, output="latents"),
        golden_set.golden_call(golden_pipe(cape), golden, steps=5, output="latents"),
    )


def test_float_images_are_taken_as_the_uint8_ones(golden_pipe):
    golden = golden_set.arrays("6dof")
    floats = golden_set.golden_images(golden, torch.float64)
    views = golden_set.golden_call(golden_pipe("6dof"), golden, images=floats, steps=5)
    assert views.dtype == np.float64
    assert np.abs(views - golden["e_5_images"]).max() <= golden_set.FLOAT64_LIMIT


def test_zero_context_equals_leaving_the_unconditional_scene_out(golden_pipe):
    golden = golden_set.arrays("6dof")
    pipe = golden_pipe("6dof")
    known = golden_set.scene_of(golden, "6dof", "d_5x7", pipe.dtype)
    both_poses = {name: torch.from_numpy(golden[f"d_5x7_pose_{name}"]).expand(2, -1, -1, -1) for name in ("out", "in")}
    zero_first = Scene(
        targets=camera_encoding("6dof", both_poses["out"], dtype=pipe.dtype),
        references=camera_encoding("6dof", both_poses["in"], dtype=pipe.dtype),
        tokens=torch.cat((torch.zeros_like(known.tokens), known.tokens)),
    )
    latents = torch.from_numpy(golden["d_5x7_latents"]).to(pipe.dtype).repeat(2, 1, 1, 1)
    with torch.inference_mode():
        short, full = (predict_noise(pipe.checkpoint.unet, latents, 321, s) for s in (known, zero_first))
    torch.testing.assert_close(short, full, rtol=0, atol=1e-12)
    assert (short[:7] - short[7:]).abs().max() > 0.1


def _relative_change(pipe, golden, change_out, change_in):
    target = torch.from_numpy(golden["d_5x7_pose_out"]).double()
    reference = torch.from_numpy(golden["d_5x7_pose_in"]).double()
    scene = Scene(
        targets=camera_encoding(pipe.cape, change_out(target), dtype=pipe.dtype),
        references=camera_encoding(pipe.cape, change_in(reference), dtype=pipe.dtype),
        tokens=torch.from_numpy(golden["d_5x7_enc"]).to(pipe.dtype),
    )
    latents = torch.from_numpy(golden["d_5x7_latents"]).to(pipe.dtype)
    with torch.inference_mode():
        changed = predict_noise(pipe.checkpoint.unet, latents, 321, scene)
    right = torch.from_numpy(golden["d_5x7_sample"]).double()
    return float((changed - right).norm() / right.norm())


def _same(pose):
    return pose


def _shift(pose):
    return pose + torch.tensor([0.3, -0.7, 0.2, 0.5], dtype=pose.dtype)


def _elevation(pose):
    return torch.cat((torch.pi / 2 - pose[..., :1], pose[..., 1:]), dim=-1)


MISTAKES = {
    "6dof": {
        "identity_poses": (lambda p: torch.eye(4, dtype=p.dtype).expand_as(p),) * 2,
        "c2w_instead_of_w2c": (torch.linalg.inv,) * 2,
        "transposed": (lambda p: p.mT,) * 2,
        "opencv_camera_axes": (lambda p: torch.diag(torch.tensor([1.0, -1, -1, 1]).to(p)) @ p,) * 2,
        "out_views_reversed": (lambda p: p.flip(1), _same),
        "in_views_reversed": (_same, lambda p: p.flip(1)),
    },
    "4dof": {
        "identity_poses": (torch.zeros_like,) * 2,
        "negated": (torch.neg,) * 2,
        "out_views_reversed": (lambda p: p.flip(1), _same),
        "in_views_reversed": (_same, lambda p: p.flip(1)),
        "theta_azimuth_swapped": (lambda p: p[..., [1, 0, 2, 3]],) * 2,
        "elevation_instead_of_theta": (_elevation,) * 2,
    },
}


@pytest.mark.parametrize(("cape", "mistake"), [(cape, mistake) for cape in CAPES for mistake in MISTAKES[cape]])
def test_a_wrong_convention_changes_the_result_as_told(golden_pipe, cape, mistake):
    told = golden_set.meta(cape)["sensitivity_rel_l2_unet_5x7"][mistake]
    found = _relative_change(golden_pipe(cape), golden_set.arrays(cape), *MISTAKES[cape][mistake])
    assert found == pytest.approx(told, rel=1e-3)


@pytest.mark.parametrize("cape", CAPES)
def test_a_global_change_changes_nothing(golden_pipe, cape):
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64))[0]
    world = torch.eye(4, dtype=torch.float64)
    world[:3, :3] = turn * torch.linalg.det(turn)
    world[:3, 3] = torch.tensor([0.4, -1.2, 0.7])
    change = (lambda p: p @ world) if cape == "6dof" else _shift
    assert _relative_change(golden_pipe(cape), golden_set.arrays(cape), change, change) < 1e-6


def test_full_size_keys_and_shapes_are_the_published_ones():
    sd15 = {
        "block_out_channels": (320, 640, 1280, 1280),
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "sample_size": 32,
    }
    with torch.device("meta"):
        unet = UNet2DConditionModel(**sd15)
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
        )
        encoder = ConvNextV2Model(ConvNextV2Config(hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3]))
    for cape in CAPES:
        EscherNetPipeline(golden_set.Checkpoint(unet, vae, encoder, golden_set.DDPM_CONFIG, cape))
        assert shapes(unet) == golden_set.read(golden_set.GOLDEN / f"keys_unet_{cape}.json")
    assert shapes(vae) == golden_set.read(golden_set.GOLDEN / "keys_vae.json")
    assert shapes(encoder) == golden_set.read(golden_set.GOLDEN / "keys_image_encoder.json")


def shapes(module):
    return {key: list(value.shape) for key, value in module.state_dict().items()}
