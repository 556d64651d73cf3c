# SPDX-License-Identifier: Apache-2.0
"""What is trained is what is sampled: the training forward pass against the pipeline, and the starts of a run."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from render_files import pose_at
from training_runs import IMAGE_ENCODER, UNET, ZERO_TERMINAL_SNR, tiny_checkpoint, tiny_settings
from transformers import ConvNextV2Config, ConvNextV2Model

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, pose_vector_4dof
from eschernet_ros.model import EscherNetPipeline, ddim_scheduler, predict_noise, save_checkpoint
from eschernet_ros.model.autoencoder import pixels_per_latent
from eschernet_ros.model.sampler import noise_schedule
from eschernet_ros.training.batches import Batch
from eschernet_ros.training.networks import TrainedNetworks, diffusion_target, starting_checkpoint
from eschernet_ros.training.settings import TrainingSettings

EPSILON = {**ZERO_TERMINAL_SNR, "prediction_type": "epsilon", "rescale_betas_zero_snr": False}


def cameras(cape, count, first):
    poses = [np.vstack([pose_at(first + 0.7 * i, 0.3 + 0.1 * i, 1.7), [0, 0, 0, 1]]) for i in range(count)]
    if cape == "4dof":
        return torch.from_numpy(np.stack([pose_vector_4dof(SE3.from_matrix(pose))[0] for pose in poses]))
    return torch.from_numpy(np.stack(poses))


def random_batch(cape="6dof", scenes=2, references=3, targets=2, keep=True):
    generator = torch.Generator().manual_seed(3)

    def images(count):
        return torch.rand(scenes, count, 3, 16, 16, generator=generator) * 2 - 1

    return Batch(
        reference_images=images(references),
        reference_cameras=torch.stack([cameras(cape, references, 0.2 * scene) for scene in range(scenes)]),
        target_images=images(targets),
        target_cameras=torch.stack([cameras(cape, targets, 3 + 0.3 * scene) for scene in range(scenes)]),
        time_steps=torch.tensor([999, 400, 37, 801])[:scenes],
        noise=torch.randn(scenes, targets, 4, 4, 4, generator=generator),
        posterior_noise=torch.zeros(scenes, targets, 4, 4, 4),
        keep=torch.full((scenes,), keep),
        skipped=(),
    )


def one_scene(batch, number):
    picked = {
        name: value[number : number + 1] if isinstance(value, torch.Tensor) else value
        for name, value in vars(batch).items()
    }
    return Batch(**picked)


@pytest.fixture(params=["6dof", "4dof"])
def start(request, autoencoder):
    return tiny_checkpoint(autoencoder, request.param)


@torch.no_grad()
def test_one_sampling_step_is_the_trained_prediction(start):
    networks = TrainedNetworks(start)
    batch = random_batch(start.cape, scenes=1)
    noise = batch.noise[0]
    predicted = networks(batch, noise)
    scheduler = ddim_scheduler(start.scheduler_config, 1)
    expected = scheduler.step(predicted, 999, noise, return_dict=False)[0]
    pipeline = EscherNetPipeline(start)
    scene = pipeline.scene(batch.reference_images[0], batch.reference_cameras[0], batch.target_cameras[0])
    (sampled,) = pipeline.denoise(scene, noise, 1, 1.0)
    torch.testing.assert_close(sampled, expected)
    assert predicted.abs().mean() > 0.01


@torch.no_grad()
def test_scenes_of_a_batch_are_what_they_are_alone(start):
    networks = TrainedNetworks(start)
    batch = random_batch(start.cape, scenes=4)
    together = networks(batch, batch.noise.flatten(0, 1)).unflatten(0, (4, 2))
    for number in range(4):
        alone = networks(one_scene(batch, number), batch.noise[number])
        torch.testing.assert_close(together[number], alone, rtol=1e-4, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-2


@torch.no_grad()
def test_a_scene_trained_without_references_is_the_unconditional_one(start):
    networks = TrainedNetworks(start)
    batch = random_batch(start.cape, scenes=1, keep=False)
    kept = random_batch(start.cape, scenes=1)
    noise = batch.noise[0]
    scene = EscherNetPipeline(start).scene(
        batch.reference_images[0], batch.reference_cameras[0], batch.target_cameras[0]
    )
    unconditional, conditional = predict_noise(start.unet, torch.cat((noise, noise)), 999, scene).chunk(2)
    torch.testing.assert_close(networks(batch, noise), unconditional)
    torch.testing.assert_close(networks(kept, noise), conditional)
    assert (unconditional - conditional).abs().max() > 1e-4


def gradients(networks, batch):
    networks.zero_grad()
    networks(batch, batch.noise.flatten(0, 1)).square().mean().backward()
    return {name: parameter.grad.clone() for name, parameter in networks.named_parameters()}


def test_every_weight_gets_a_gradient(start):
    """Several processes wait for one from every weight."""
    networks = TrainedNetworks(start)
    found = gradients(networks, random_batch(start.cape))
    assert all(gradient.isfinite().all() for gradient in found.values())
    without = [name for name, gradient in found.items() if not gradient.any()]
    assert not without, without
    dropped = gradients(networks, random_batch(start.cape, keep=False))
    assert dropped.keys() == found.keys()
    assert not any(gradient.any() for name, gradient in dropped.items() if name.startswith("image_encoder"))


def test_gradient_checkpointing_changes_memory_alone(start):
    networks = TrainedNetworks(start)
    batch = random_batch(start.cape)
    plain = gradients(networks, batch)
    calls = []
    networks.image_encoder.register_forward_hook(lambda *_: calls.append(1))
    networks.enable_gradient_checkpointing()
    recomputed = gradients(networks, batch)
    assert len(calls) == 2, "once forward, once backward"
    assert any(getattr(module, "gradient_checkpointing", False) for module in networks.unet.modules())
    for name in plain:
        torch.testing.assert_close(recomputed[name], plain[name])


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_what_is_to_be_predicted(kind):
    schedule = noise_schedule({**EPSILON, "prediction_type": kind})
    generator = torch.Generator().manual_seed(0)
    latents, noise = torch.randn(2, 3, 4, 2, 2, generator=generator)
    times = torch.tensor([0, 400, 999])
    alphas = (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2).cumprod(0)[times]
    signal, amount = alphas.sqrt()[:, None, None, None].float(), (1 - alphas).sqrt()[:, None, None, None].float()
    expected = {"epsilon": noise, "v_prediction": signal * noise - amount * latents, "sample": latents}[kind]
    torch.testing.assert_close(diffusion_target(schedule, latents, noise, times), expected)
    torch.testing.assert_close(schedule.add_noise(latents, noise, times), signal * latents + amount * noise)


def test_another_prediction_type_is_refused():
    schedule = noise_schedule({**EPSILON, "prediction_type": "flow"})
    with pytest.raises(EscherNetError, match="prediction_type is 'flow'; known are"):
        diffusion_target(schedule, torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), torch.tensor([3]))


# --- what a run starts from ---


def test_a_configuration_starts_with_a_prediction_of_zero_and_weights_of_the_seed(autoencoder):
    first, again, other = (
        starting_checkpoint(TrainingSettings(**tiny_settings(autoencoder, seed=seed))) for seed in (1, 1, 2)
    )
    batch = random_batch()
    assert not TrainedNetworks(first)(batch, batch.noise.flatten(0, 1)).any()
    for name in ("unet", "image_encoder"):
        states = [getattr(start, name).state_dict() for start in (first, again, other)]
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        assert any(not torch.equal(states[0][key], states[2][key]) for key in states[0])


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        ({"unet": {**UNET, "norm_num_groups": 3}}, "networks does not describe a U-Net and a ConvNeXtV2"),
        ({"image_encoder": {**IMAGE_ENCODER, "depths": "many"}}, "networks does not describe"),
        ({"unet": {**UNET, "in_channels": 3}}, "latents have 4 channels, the U-Net takes 3"),
        ({"unet": {**UNET, "cross_attention_dim": 12}}, "tokens are 16 wide, the U-Net's cross-attention takes 12"),
    ],
)
def test_configurations_that_do_not_fit_are_named(autoencoder, networks, words):
    values = tiny_settings(autoencoder)
    values["networks"] = {**values["networks"], **networks}
    with pytest.raises(EscherNetError, match=words):
        starting_checkpoint(TrainingSettings(**values))


def test_a_schedule_that_is_not_stated_is_named(autoencoder):
    values = tiny_settings(autoencoder)
    values["networks"] = {**values["networks"], "scheduler": {"beta_start": 0.1}}
    with pytest.raises(EscherNetError, match="lacks num_train_timesteps, beta_end, beta_schedule"):
        noise_schedule(starting_checkpoint(TrainingSettings(**values)).scheduler_config)


def test_an_autoencoder_that_is_missing_or_damaged_is_named(tmp_path, autoencoder):
    with pytest.raises(EscherNetError, match=r"autoencoder .*gone' cannot be loaded .*train-autoencoder"):
        starting_checkpoint(TrainingSettings(**tiny_settings(tmp_path / "gone")))
    (tmp_path / "torn").mkdir()
    for path in autoencoder.iterdir():
        (tmp_path / "torn" / path.name).write_bytes(path.read_bytes()[: None if path.suffix == ".json" else 200])
    with pytest.raises(EscherNetError, match=r"autoencoder .*torn' cannot be loaded"):
        starting_checkpoint(TrainingSettings(**tiny_settings(tmp_path / "torn")))


def test_a_checkpoint_is_a_start(tmp_path, autoencoder):
    save_checkpoint(tiny_checkpoint(autoencoder, "4dof"), tmp_path)
    start = starting_checkpoint(TrainingSettings(checkpoint=str(tmp_path), cape="4dof"))
    assert start.cape == "4dof"
    with pytest.raises(EscherNetError, match="made for 4dof poses; it cannot be used with cape='6dof'"):
        starting_checkpoint(TrainingSettings(checkpoint=str(tmp_path)))


KL = {
    "block_out_channels": [8, 8, 8, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 4,
    "scaling_factor": 0.18215,
}


@pytest.fixture
def stable_diffusion(tmp_path):
    """A folder in Stable Diffusion 1.5's layout and one of a ConvNeXtV2, both tiny."""
    folder = tmp_path / "sd"
    torch.manual_seed(1)
    UNet2DConditionModel.from_config({**UNET, "sample_size": 64}).save_pretrained(folder / "unet")
    AutoencoderKL.from_config(KL).save_pretrained(folder / "vae")
    (folder / "scheduler").mkdir()
    schedule = {**EPSILON, "_class_name": "PNDMScheduler", "skip_prk_steps": True, "steps_offset": 1}
    del schedule["prediction_type"], schedule["rescale_betas_zero_snr"]
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(schedule))
    config = ConvNextV2Config(**{**IMAGE_ENCODER, "image_size": 224, "layer_norm_eps": 1e-6})
    ConvNextV2Model(config).save_pretrained(tmp_path / "convnext")
    return {"stable_diffusion": str(folder), "image_encoder": str(tmp_path / "convnext")}


def test_stable_diffusion_is_a_start_at_the_published_image_size(stable_diffusion, tmp_path):
    start = starting_checkpoint(TrainingSettings(**stable_diffusion))
    pipeline = EscherNetPipeline(start)
    assert (pipeline.image_size, pipeline.latent_shape) == (256, (4, 32, 32))
    assert pixels_per_latent(start.vae) == 8
    assert start.image_encoder.layernorm.eps == start.image_encoder.config.layer_norm_eps == 1e-12
    assert noise_schedule(start.scheduler_config).config["prediction_type"] == "epsilon"
    save_checkpoint(start, tmp_path / "written")
    again = EscherNetPipeline.from_pretrained(tmp_path / "written")
    assert (again.image_size, again.cape) == (256, "6dof")
    stored = UNet2DConditionModel.from_pretrained(stable_diffusion["stable_diffusion"] + "/unet").state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in again.checkpoint.unet.state_dict().items())


def test_the_image_size_can_be_said(stable_diffusion, tmp_path, autoencoder):
    start = starting_checkpoint(TrainingSettings(**stable_diffusion, image_size=64, cape="4dof"))
    assert EscherNetPipeline(start).image_size == 64
    with pytest.raises(EscherNetError, match="image_size is 60; it must be a multiple of 8"):
        starting_checkpoint(TrainingSettings(**stable_diffusion, image_size=60))
    save_checkpoint(tiny_checkpoint(autoencoder), tmp_path / "tiny")
    start = starting_checkpoint(TrainingSettings(checkpoint=str(tmp_path / "tiny"), image_size=32))
    assert EscherNetPipeline(start).latent_shape == (4, 8, 8)


def test_what_stable_diffusion_lacks_is_named(stable_diffusion, tmp_path):
    with pytest.raises(EscherNetError, match="stable_diffusion needs image_encoder"):
        starting_checkpoint(TrainingSettings(**{**stable_diffusion, "image_encoder": None}))
    with pytest.raises(EscherNetError, match=r"image_encoder .*gone' cannot be loaded as ConvNeXtV2"):
        starting_checkpoint(TrainingSettings(**{**stable_diffusion, "image_encoder": str(tmp_path / "gone")}))
    with pytest.raises(EscherNetError, match=r"has no folder 'unet'"):
        starting_checkpoint(TrainingSettings(**{**stable_diffusion, "stable_diffusion": str(tmp_path / "convnext")}))
