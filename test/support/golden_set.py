# SPDX-License-Identifier: Apache-2.0
"""Golden set A: numbers measured on the authors' implementation with small models of known weights.

Used by the tests and by tools/golden_report.py. ``test/data/golden/setA`` holds the arrays and the small models'
configurations; their weights come from a rule, so that no weights need to be stored.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from transformers import ConvNextV2Config, ConvNextV2Model

from eschernet_ros.model import Checkpoint, EscherNetPipeline, Scene, camera_encoding, preprocess
from eschernet_ros.model.attention import MultiViewCrossAttention, MultiViewSelfAttention, predict_noise
from eschernet_ros.model.encoder import reference_tokens

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
SET_A = GOLDEN / "setA"
# What every published checkpoint folder holds; the golden sampler's values.
DDPM_CONFIG = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "clip_sample": True,
    "timestep_spacing": "leading",
    "steps_offset": 1,
}
FLOAT64_LIMIT = 4e-6


@dataclass(frozen=True)
class Deviation:
    """Largest absolute difference of one array from its golden value, and the limit it must keep."""

    array: str
    group: str
    value: float
    limit: float


def read(path: Path) -> dict:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def arrays(cape: str) -> dict[str, np.ndarray]:
    """All golden arrays of ``"6dof"`` or ``"4dof"``, those common to both included."""
    found = {}
    for name in (f"golden_{cape}.npz", "golden_common.npz"):
        with np.load(SET_A / name) as archive:
            found.update({key: archive[key] for key in archive.files})
    return found


def meta(cape: str) -> dict:
    """What was recorded about the golden run: seeds, sensitivities, shapes."""
    return read(SET_A / f"meta_{cape}.json")


def fill(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Give a module the golden weights of ``seed``."""
    generator = torch.Generator("cpu").manual_seed(seed)
    state = module.state_dict()
    for key in sorted(state):
        shape = tuple(state[key].shape)
        draw = torch.randn(shape, generator=generator, dtype=torch.float64)
        if len(shape) == 4 and shape[:3] == (1, 1, 1):
            value = 0.2 * draw
        elif len(shape) >= 2:
            value = draw / math.sqrt(math.prod(shape[1:]))
        elif key.endswith(".weight"):
            value = 1 + 0.1 * draw
        else:
            value = 0.05 * draw
        state[key] = value.to(torch.float32)
    module.load_state_dict(state)
    return module.eval().requires_grad_(False)


def checksum(module: torch.nn.Module) -> str:
    """sha256 over keys and little-endian float32 values in key order."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().float().cpu().numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def attention_layer(kind: str, seed: int) -> Attention:
    """The golden attention layer, ``"self"`` or ``"cross"``: width 32, 4 heads, tokens of width 20."""
    layer = Attention(
        query_dim=32, cross_attention_dim=20 if kind == "cross" else None, heads=4, dim_head=8, bias=False
    )
    layer.set_processor(MultiViewSelfAttention() if kind == "self" else MultiViewCrossAttention())
    return fill(layer, seed)


def checkpoint(cape: str) -> Checkpoint:
    """The golden models with a DDPM scheduler configuration."""
    seeds = meta(cape)["config"]["seeds"]
    encoder_config = ConvNextV2Config.from_dict(read(SET_A / "image_encoder/config.json"))
    return Checkpoint(
        unet=fill(UNet2DConditionModel.from_config(read(SET_A / "unet/config.json")), seeds["unet"]),
        vae=fill(AutoencoderKL.from_config(read(SET_A / "vae/config.json")), seeds["vae"]),
        image_encoder=fill(ConvNextV2Model(encoder_config), seeds["image_encoder"]),
        scheduler_config=DDPM_CONFIG,
        cape=cape,
    )


def scene_of(golden: dict, cape: str, prefix: str, dtype: torch.dtype) -> Scene:
    """The golden scene of a U-Net case such as ``"d_5x7"``."""
    return Scene(
        targets=camera_encoding(cape, torch.from_numpy(golden[f"{prefix}_pose_out"]), dtype=dtype),
        references=camera_encoding(cape, torch.from_numpy(golden[f"{prefix}_pose_in"]), dtype=dtype),
        tokens=torch.from_numpy(golden[f"{prefix}_enc"]).to(dtype),
    )


@torch.inference_mode()
def deviations(pipe: EscherNetPipeline) -> Iterator[Deviation]:
    """Compare every golden output with what ``pipe``, loaded from the golden weights, makes of the inputs."""
    golden = arrays(pipe.cape)
    for group, limit, results in (
        ("a", 2e-5, _encodings(pipe, golden)),
        ("b", 2e-5, _layers(pipe, golden)),
        ("c preprocessing", 2e-4, _preprocessing(pipe, golden)),
        ("c tokens", 1e-4, _tokens(pipe, golden)),
        ("d", 2e-5, _unet(pipe, golden)),
        ("e latents", 3e-4, _latents(pipe, golden)),
        ("e images", 3e-5, _decoded(pipe, golden)),
    ):
        for name, result in results:
            expected = golden[name]
            found = result.numpy() if isinstance(result, torch.Tensor) else result
            if found.shape != expected.shape:
                raise AssertionError(f"{name}: {found.shape} instead of {expected.shape}")
            value = float(np.abs(found.astype(np.float64) - expected.astype(np.float64)).max())
            yield Deviation(name, group, value, FLOAT64_LIMIT if pipe.dtype == torch.float64 else limit)


def _encodings(pipe, golden):
    cases = sorted({key.split("_")[1] for key in golden if key.startswith("a_")})
    for prefix in (f"a_{case}" for case in cases):
        q, k = (torch.from_numpy(golden[f"{prefix}_{name}"]).to(pipe.dtype) for name in "qk")
        target = camera_encoding(pipe.cape, torch.from_numpy(golden[f"{prefix}_pose_out"]), dtype=pipe.dtype)
        reference = camera_encoding(pipe.cape, torch.from_numpy(golden[f"{prefix}_pose_in"]), dtype=pipe.dtype)
        q, k = target.queries(q), reference.keys(k)
        yield f"{prefix}_q_emb", q
        yield f"{prefix}_k_emb", k
        if f"{prefix}_scores_full" in golden:
            yield f"{prefix}_scores_full", q @ k.mT
            q, k = (x.unflatten(-1, (4, -1)).transpose(1, 2) for x in (q, k))
            yield f"{prefix}_scores_heads", q @ k.mT * q.shape[-1] ** -0.5


def _layers(pipe, golden):
    seeds = meta(pipe.cape)["config"]["seeds"]
    for kind in ("self", "cross"):
        layer = attention_layer(kind, seeds[f"attn_{kind}"]).to(pipe.dtype)
        encoded = {**golden, f"b_{kind}_enc": golden.get(f"b_{kind}_enc", np.zeros((2, 1, 20), np.float32))}
        scene = scene_of(encoded, pipe.cape, f"b_{kind}", pipe.dtype)
        yield f"b_{kind}_y", layer(torch.from_numpy(golden[f"b_{kind}_x"]).to(pipe.dtype), scene=scene)


def golden_images(golden, dtype):
    """The golden reference images as the model takes them, [3, 3, 256, 256] in [-1, 1]."""
    images = torch.from_numpy(golden["c_images_u8"]).permute(0, 3, 1, 2).to(dtype)
    return (images / 255 - 0.5) / 0.5


def _preprocessing(pipe, golden):
    yield "c_pre_sub", preprocess(golden_images(golden, pipe.dtype))[:, :, ::7, ::7]


def _tokens(pipe, golden):
    yield "c_embed", reference_tokens(pipe.checkpoint.image_encoder, golden_images(golden, pipe.dtype))


def _unet(pipe, golden):
    for prefix in ("d_1x1", "d_3x2", "d_5x7"):
        activations: dict[str, torch.Tensor] = {}
        hooks = []
        if prefix == "d_3x2":
            unet = pipe.checkpoint.unet
            block = unet.down_blocks[0].attentions[0].transformer_blocks[0]
            watched = {
                "time_embedding": unet.time_embedding,
                "conv_in": unet.conv_in,
                "down0_attn0_attn1": block.attn1,
                "down0_attn0_attn2": block.attn2,
                "down_0": unet.down_blocks[0],
                "down_1": unet.down_blocks[1],
                "mid_block": unet.mid_block,
                "up_0": unet.up_blocks[0],
                "up_1": unet.up_blocks[1],
            }
            hooks = [
                module.register_forward_hook(
                    lambda _module, _args, out, name=name, to=activations: to.update(
                        {name: out[0] if isinstance(out, tuple) else out}
                    )
                )
                for name, module in watched.items()
            ]
        sample = predict_noise(
            pipe.checkpoint.unet,
            torch.from_numpy(golden[f"{prefix}_latents"]).to(pipe.dtype),
            torch.from_numpy(golden[f"{prefix}_timestep"]),
            scene_of(golden, pipe.cape, prefix, pipe.dtype),
        )
        for hook in hooks:
            hook.remove()
        yield f"{prefix}_sample", sample
        for name, activation in activations.items():
            yield f"{prefix}_act_{name}", activation


def golden_call(pipe, golden, **changes):
    """Run the pipeline on the golden scene."""
    arguments = {
        "images": golden["c_images_u8"],
        "reference_poses": golden["e_pose_in"][0],
        "target_poses": golden["e_pose_out"][0],
        "latents": golden["e_latents_init"],
        **changes,
    }
    return pipe(**arguments)


def _golden_steps(pipe, golden, steps):
    scene = pipe.scene(
        golden_images(golden, torch.float64),
        torch.from_numpy(golden["e_pose_in"][0]),
        torch.from_numpy(golden["e_pose_out"][0]),
    )
    return list(pipe.denoise(scene, torch.from_numpy(golden["e_latents_init"]), steps, 3.0))


def _latents(pipe, golden):
    for steps in (5, 10):
        yield f"e_{steps}_latents_steps", torch.stack(_golden_steps(pipe, golden, steps))
    yield "e_5_noguidance_latents", golden_call(pipe, golden, steps=5, guidance_scale=1.0, output="latents")


def _decoded(pipe, golden):
    for steps in (5, 10):
        yield f"e_{steps}_vae_raw", pipe.decode(golden_call(pipe, golden, steps=steps, output="latents"))
        yield f"e_{steps}_images", golden_call(pipe, golden, steps=steps)
    vae = pipe.checkpoint.vae
    latents = torch.from_numpy(golden["e_vae_latents"]).to(pipe.dtype)
    yield "e_vae_decoded", vae.decode(latents).sample
    side = golden["e_vae_decoded"].shape[-1]
    encoded = vae.encode(golden_images(golden, pipe.dtype)[:2, :, :side, :side]).latent_dist
    yield "e_vae_enc_mean", encoded.mean
    yield "e_vae_enc_logvar", encoded.logvar
