# SPDX-License-Identifier: Apache-2.0
"""What a run can be told: defaults, files, options, and what is refused."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pytest
import torch
import yaml
from diffusers import AutoencoderDC, UNet2DConditionModel
from training_runs import NETWORKS, tiny_settings
from transformers import ConvNextV2Config, ConvNextV2Model

from eschernet_ros.cli import train as train_command
from eschernet_ros.errors import EscherNetError
from eschernet_ros.model.coordinates import COORDINATE_CHANNELS
from eschernet_ros.model.pixel_blocks import PixelBlocks
from eschernet_ros.training.optimiser import learning_rate_factor
from eschernet_ros.training.settings import (
    AutoencoderSettings,
    TrainingSettings,
    as_plain,
    read_autoencoder_settings,
    read_settings,
    setting_documents,
)

CONFIG = Path(__file__).resolve().parents[2] / "config" / "training"
START = {"checkpoint": "bundled-6dof"}
# EscherNet, appendix, and the reference notes' section 5
PUBLISHED = {
    "references": 3,
    "targets": 3,
    "distinct_views": False,
    "conditioning_dropout": 0.1,
    "high_noise_bias": 1.0,
    "foreground_weight": 1.0,
    "steps": 100_000,
    "batch_size": 672,
    "learning_rate": 1e-4,
    "learning_rate_start": 1e-5,
    "learning_rate_end": 1e-5,
    "warmup_steps": 1000,
    "weight_decay": 0.01,
    "clip_gradient": 0.5,
    "mixed_precision": "auto",
    "gradient_checkpointing": True,
    "ema_decay": 0.0,
    "image_encoder": "facebook/convnextv2-tiny-22k-224",
}


@pytest.fixture
def settings_file(tmp_path):
    """Function: text -> a YAML file of it."""

    def write(text):
        path = tmp_path / "settings.yaml"
        path.write_text(text)
        return path

    return write


def test_defaults_are_the_published_recipe():
    settings = TrainingSettings(**START)
    assert {name: getattr(settings, name) for name in PUBLISHED} == PUBLISHED
    assert settings.batch_size % (settings.device_batch_size * 6) == 0, "six GPUs, as published"


def test_learning_rate_of_the_published_recipe():
    settings = TrainingSettings(**START)
    rates = [1e-4 * learning_rate_factor(settings, step) for step in (0, 500, 1000, 50_500, 100_000)]
    assert rates == pytest.approx([1e-5, 5.5e-5, 1e-4, 5.5e-5, 1e-5])


def test_file_values_and_options_over_them(settings_file):
    path = settings_file("checkpoint: some/where\nlearning_rate: 1e-4\nsteps: 2e3\nreferences: [1, 5]\ndata: [a, b]\n")
    settings = read_settings(path, {"steps": 7, "seed": None})
    assert (settings.learning_rate, settings.steps, settings.seed) == (1e-4, 7, 0)
    assert settings.reference_range == (1, 5)
    assert tuple(settings.data) == ("a", "b")
    assert read_settings(path, {}).steps == 2000
    assert isinstance(read_settings(path, {}).steps, int)


def test_another_start_replaces_the_files(settings_file):
    path = settings_file(yaml.safe_dump({"networks": NETWORKS, "autoencoder": "somewhere", "steps": 5}))
    settings = read_settings(path, {"checkpoint": "bundled-6dof"})
    assert (settings.networks, settings.autoencoder, settings.checkpoint) == (None, None, "bundled-6dof")
    assert settings.steps == 5


def test_plain_settings_make_the_same_run_again(tmp_path):
    settings = TrainingSettings(**tiny_settings(tmp_path, references=(1, 5), data=("a",), trackers=("wandb",)))
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(as_plain(settings)))
    assert as_plain(read_settings(path, {})) == as_plain(settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stepz: 3", "settings.yaml: there is no setting stepz"),
        ("stepz: 3\n7: 3", "no setting 7, stepz"),
        ("steps: many", "steps is 'many'; it must be a whole number"),
        ("steps: 2.5", "steps is 2.5; it must be a whole number"),
        ("steps: true", "steps is True; it must be a whole number"),
        ("steps: 0", "steps is 0; it must be more than 0"),
        ("learning_rate: fast", "learning_rate is 'fast'; it must be a finite number"),
        ("learning_rate: .nan", "learning_rate is nan; it must be a finite number"),
        ("weight_decay: .inf", "weight_decay is inf"),
        ("weight_decay: -1", "weight_decay is -1.0; it must not be negative"),
        ("distinct_views: 3", "distinct_views is 3; it must be true or false"),
        ("cape: 5dof", "cape is '5dof'; it must be one of 6dof, 4dof"),
        ("project: 5", "project is 5; it must be text"),
        ("data: folder", "data is 'folder'; it must be a list of texts"),
        ("data: [1]", r"data is \(1,\); it must be a list of texts"),
        ("references: 0", "references is 0; it must be 1 or more, or"),
        ("references: [3, 1]", "references is .3, 1."),
        ("references: [1, 2, 3]", "references is .1, 2, 3."),
        ("references: [1.5, 3]", r"references is \(1.5, 3\); it must be a whole number or"),
        ("conditioning_dropout: 1", r"conditioning_dropout is 1.0; it must be in \[0, 1\)"),
        ("foreground_weight: 0.5", "foreground_weight is 0.5; it must be 1 or more"),
        ("high_noise_bias: 0.5", "high_noise_bias is 0.5; it must be from 1 to 100"),
        ("mixed_precision: fp8", "mixed_precision is 'fp8'; it must be auto, no, bf16 or fp16"),
        ("trackers: [mlflow]", r"trackers holds \['mlflow'\]; known are tensorboard and wandb"),
        ("sampling: {steps: 5}", "sampling is {'steps': 5}; it must hold steps"),
        ("sampling: {steps: 5, guidance_scale: high}", "guidance_scale': 'high'}; it must hold"),
        ("sampling: {steps: 0, guidance_scale: 1}", "sampling is .* must hold steps"),
        ("sampling: {steps: 1, guidance_scale: 1, targets_together: 0}", "sampling is .* may hold targets_together"),
        ("sampling: {steps: 1, guidance_scale: 1, seed: 0}", "sampling is .* and nothing else"),
        ("image_size: 0", "image_size is 0; it must be more than 0"),
        ("networks: {unet: {}}", r"networks needs unet, image_encoder and scheduler, not \['unet'\]"),
        ("networks: {unet: 3, image_encoder: {}, scheduler: {}}", "networks: unet is 3; it must be a configuration"),
        ("- steps", "must hold names and values, not list"),
        ("{", "is no readable YAML file"),
    ],
)
def test_wrong_values_are_named(settings_file, text, words):
    lines = "" if text.startswith(("networks", "-", "{")) else "checkpoint: bundled-6dof\n"
    with pytest.raises(EscherNetError, match=words):
        read_settings(settings_file(lines + text), {})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EscherNetError, match=r"gone\.yaml is no readable YAML file"):
        read_settings(tmp_path / "gone.yaml", {})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "one of checkpoint, stable_diffusion and networks; none is given"),
        ({"checkpoint": "a", "stable_diffusion": "b"}, "checkpoint and stable_diffusion is given"),
        ({"checkpoint": "a", "networks": NETWORKS, "autoencoder": "b"}, "checkpoint and networks is given"),
        ({"networks": NETWORKS}, "networks and autoencoder belong together"),
        ({"checkpoint": "a", "autoencoder": "b"}, "networks and autoencoder belong together"),
    ],
)
def test_there_is_exactly_one_start(values, words):
    with pytest.raises(EscherNetError, match=words):
        TrainingSettings(**values)


def train_parser():
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    return parser


def test_every_setting_but_the_networks_is_an_option_that_its_help_explains():
    options = {action.dest: action for action in train_parser()._actions}
    documents = setting_documents()
    names = [item.name for item in dataclasses.fields(TrainingSettings)]
    assert list(documents) == names
    for item in dataclasses.fields(TrainingSettings):
        if item.name == "networks":
            assert item.name not in options
            continue
        action = options[item.name]
        assert action.option_strings == [f"--{item.name.replace('_', '-')}"]
        assert action.help.replace("%%", "%").startswith(documents[item.name])
        if item.default not in (None, ()):
            assert f"(default {str(item.default).lower()})" in action.help
    text = " ".join(train_parser().format_help().split())
    assert "--conditioning-dropout X Probability that a scene is trained without its references." in text


OPTION_VALUES = {
    "--steps 1e3": ("steps", 1000),
    "--learning-rate 3e-4": ("learning_rate", 3e-4),
    "--cache-views true": ("cache_views", True),
    "--references 2": ("references", 2),
    "--references 1 5": ("references", (1, 5)),
    "--data 1_000 2.50": ("data", ("1_000", "2.50")),
    "--checkpoint 007": ("checkpoint", "007"),
    "--project 1.10": ("project", "1.10"),
    "--trackers tensorboard wandb": ("trackers", ("tensorboard", "wandb")),
    "--image-size 128": ("image_size", 128),
}


@pytest.mark.parametrize("words", OPTION_VALUES)
def test_options_become_values(words, capsys):
    name, value = OPTION_VALUES[words]
    arguments = ["--output", "run", "--show-settings", *words.split()]
    if name != "checkpoint":
        arguments += ["--checkpoint", "bundled-6dof"]
    assert train_command.run(train_parser().parse_args(arguments)) == 0
    shown = yaml.safe_load(capsys.readouterr().out)[name]
    assert (tuple(shown) if isinstance(shown, list) else shown) == value


def test_sampling_is_an_option_too(capsys):
    arguments = ["--output", "run", "--show-settings", "--checkpoint", "bundled-6dof"]
    arguments += ["--sampling", "{steps: 5, guidance_scale: 1.5}"]
    assert train_command.run(train_parser().parse_args(arguments)) == 0
    assert yaml.safe_load(capsys.readouterr().out)["sampling"] == {"steps": 5, "guidance_scale": 1.5}
    with pytest.raises(SystemExit):
        train_parser().parse_args([*arguments[:-1], "{steps"])
    assert "'{steps' is no YAML value" in capsys.readouterr().err


def test_the_committed_configurations_build_and_are_small():
    settings = read_settings(CONFIG / "tiny_6dof.yaml", {})
    small = read_autoencoder_settings(CONFIG / "tiny_autoencoder.yaml", {})
    second = read_settings(CONFIG / "tiny_6dof_continued.yaml", {"checkpoint": "bundled-6dof"})
    assert (second.cape, second.sampling) == (settings.cape, settings.sampling)
    assert {path.name for path in CONFIG.iterdir()} == {
        *("tiny_6dof.yaml", "tiny_6dof_continued.yaml", "tiny_autoencoder.yaml")
    }
    with torch.device("meta"):
        networks = [
            UNet2DConditionModel.from_config(settings.networks["unet"]),
            ConvNextV2Model(ConvNextV2Config(**settings.networks["image_encoder"])),
        ]
        assert sum(parameter.numel() for parameter in AutoencoderDC.from_config(small.network).parameters()) < 2e6
    assert 1e6 < sum(parameter.numel() for network in networks for parameter in network.parameters()) < 12.5e6
    blocks = PixelBlocks.from_config(settings.networks["autoencoder"]).config
    unet = settings.networks["unet"]
    assert unet["out_channels"] == blocks["latent_channels"] == unet["in_channels"] - COORDINATE_CHANNELS
    assert unet["sample_size"] * blocks["block_size"] == settings.networks["image_encoder"]["image_size"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": 0}, "steps is 0; it must be more than 0"),
        ({"image_size": -1}, "image_size is -1; it must be more than 0"),
        ({"latent_noise": -0.1}, "latent_noise is -0.1; it must not be negative"),
        ({"size": 3}, "there is no setting size"),
        ({"network": 3}, "network is 3; it must be names and values"),
    ],
)
def test_wrong_autoencoder_settings_are_named(settings_file, values, words):
    with pytest.raises(EscherNetError, match=words):
        read_autoencoder_settings(settings_file(yaml.safe_dump(values)), {})


def test_autoencoder_options_win_over_the_file(settings_file):
    settings = read_autoencoder_settings(settings_file("steps: 5\ndata: [a]\n"), {"steps": 7, "data": None})
    assert settings == AutoencoderSettings(steps=7, data=("a",))
