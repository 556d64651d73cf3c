# SPDX-License-Identifier: Apache-2.0
"""The autoencoder of small models: trained, measured, written, and usable as a start."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml
from training_runs import AUTOENCODER, MemoryScene, scenes_in, tiny_settings, weights, write_renders

from eschernet_ros.cli.main import main
from eschernet_ros.errors import EscherNetError
from eschernet_ros.model.autoencoder import encode
from eschernet_ros.training.autoencoder import train_autoencoder
from eschernet_ros.training.networks import load_autoencoder, starting_checkpoint
from eschernet_ros.training.settings import AutoencoderSettings, TrainingSettings

CPU = torch.device("cpu")


def settings(**changes):
    values = {"network": AUTOENCODER, "image_size": 16, "steps": 4, "batch_size": 4, **changes}
    return AutoencoderSettings(**values)


def test_it_learns_and_its_latents_get_unit_size(tmp_path, renders):
    few = train_autoencoder(settings(steps=2), scenes_in(renders), tmp_path / "few", CPU)
    record = train_autoencoder(settings(steps=60), scenes_in(renders), tmp_path / "many", CPU)
    assert record["held_out_psnr_db"] > few["held_out_psnr_db"] + 2
    assert (record["steps"], record["images"], record["held_out_scenes"]) == (60, 240, 1)
    assert json.loads((tmp_path / "many" / "training.json").read_text()) == record
    network = load_autoencoder(tmp_path / "many")
    assert network.config["scaling_factor"] == record["scaling_factor"]
    image = torch.from_numpy(scenes_in(renders)[-1].view(0, 16)[0]).permute(2, 0, 1)[None] / 127.5 - 1
    mean, deviation = encode(network, image)
    assert float(mean.std()) == pytest.approx(1, rel=1e-3)
    assert not deviation.any()
    decoded = network.decode(mean / network.config["scaling_factor"]).sample
    error = (decoded.clamp(-1, 1) - image).square().mean() / 4
    assert float(-10 * error.log10()) == pytest.approx(record["held_out_psnr_db"], abs=0.01)


def test_it_is_a_start_of_training(tmp_path, renders):
    train_autoencoder(settings(), scenes_in(renders), tmp_path / "made", CPU)
    start = starting_checkpoint(TrainingSettings(**tiny_settings(tmp_path / "made")))
    assert start.vae.config["latent_channels"] == 4
    assert not any(parameter.requires_grad for parameter in start.vae.parameters())


def test_the_same_seed_gives_the_same_weights(tmp_path, renders):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        train_autoencoder(settings(seed=seed), scenes_in(renders), tmp_path / name, CPU)
    one, two, three = (weights(tmp_path / name) for name in ("one", "two", "three"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], three[name]) for name in one)


def test_it_ends_in_time(tmp_path, renders):
    record = train_autoencoder(settings(steps=500, maximum_hours=1e-9), scenes_in(renders), tmp_path, CPU)
    assert record["steps"] == 1


def test_broken_views_are_passed_over_and_hopeless_data_is_an_error(tmp_path, caplog):
    scenes = [MemoryScene(f"object-{number}", 3, broken={0, 2}) for number in range(3)]
    record = train_autoencoder(settings(), scenes, tmp_path / "some", CPU)
    assert np.isfinite(record["held_out_psnr_db"])
    assert "object-2/000.png is broken" in caplog.text
    hopeless = [MemoryScene("object-0", 3), MemoryScene("object-1", 3, broken=range(3))]
    with pytest.raises(EscherNetError, match=r"no image of the 1 scene\(s\) that are held out can be read"):
        train_autoencoder(settings(), hopeless, tmp_path / "none", CPU)
    with pytest.raises(EscherNetError, match=r"object-1/00\d\.png is broken"):
        train_autoencoder(settings(), hopeless[::-1], tmp_path / "none", CPU)
    with pytest.raises(EscherNetError, match=r"cannot be trained on 1 scene\(s\)"):
        train_autoencoder(settings(), hopeless[:1], tmp_path / "none", CPU)
    assert not (tmp_path / "none").exists()


def test_a_network_that_cannot_be_built_is_named(tmp_path, renders):
    with pytest.raises(EscherNetError, match="network does not describe an AutoencoderDC"):
        train_autoencoder(settings(network={"latent_channels": "many"}), scenes_in(renders), tmp_path, CPU)


def test_the_command(tmp_path, renders, capsys):
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"network": AUTOENCODER, "image_size": 16, "batch_size": 2}))
    command = ["train-autoencoder", str(path), "--output", str(tmp_path / "made"), "--steps", "3"]
    assert main(command) == 2
    assert "no data: give folders" in capsys.readouterr().err
    assert main([*command, "--data", str(renders), "--device", "nowhere"]) == 2
    assert "device 'nowhere' cannot be used here" in capsys.readouterr().err
    assert main([*command, "--data", str(renders)]) == 0
    assert "3 steps in " in capsys.readouterr().out
    assert load_autoencoder(tmp_path / "made").config["latent_channels"] == 4
    write_renders(tmp_path / "few", 1)
    assert main([*command, "--data", str(tmp_path / "few")]) == 2
    assert "cannot be trained on 1 scene(s)" in capsys.readouterr().err
