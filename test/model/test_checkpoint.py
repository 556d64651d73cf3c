# SPDX-License-Identifier: Apache-2.0
"""Checkpoint folders: what is read, written, recorded and refused."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil

import golden_set
import huggingface_hub
import pytest
import safetensors.torch
import torch

from eschernet_ros.errors import EscherNetError
from eschernet_ros.model import EscherNetPipeline, bundled, load_checkpoint


@pytest.fixture
def folder(tmp_path, random_6dof):
    """A copy of a small 6DoF checkpoint to damage."""
    return shutil.copytree(random_6dof, tmp_path / "copy")


def edit(path, **changes):
    content = json.loads(path.read_text())
    content.update(changes)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def rewrite(path, change):
    weights = safetensors.torch.load_file(path)
    change(weights)
    safetensors.torch.save_file(weights, path)


def test_the_bundled_4dof_checkpoint_says_that_it_is_untrained(caplog):
    pipe = EscherNetPipeline.from_pretrained("bundled-4dof")
    assert (pipe.cape, pipe.name, pipe.trained) == ("4dof", "bundled-4dof", False)
    assert pipe.notice is not None and "untrained" in pipe.notice
    assert pipe.notice in caplog.text
    assert pipe.device == torch.device("cpu")
    assert pipe.sampling == (50, 3.0)
    stored = json.loads((bundled("4dof") / "model_index.json").read_text())["eschernet_ros"]
    assert stored == {"cape": "4dof", "trained": False, "notice": pipe.notice}


def test_the_bundled_6dof_checkpoint_is_trained_and_says_how_to_sample_it(caplog):
    pipe = EscherNetPipeline.from_pretrained("bundled-6dof")
    assert (pipe.cape, pipe.name, pipe.trained, pipe.notice) == ("6dof", "bundled-6dof", True, None)
    assert caplog.text == ""
    assert pipe.image_size == 64
    steps, guidance_scale = pipe.sampling
    assert 1 <= steps <= 20
    assert 1.0 <= guidance_scale <= 3.0


def test_bundled_checkpoints_are_small():
    size = {
        cape: sum(path.stat().st_size for path in bundled(cape).rglob("*.safetensors")) for cape in ("6dof", "4dof")
    }
    assert size["6dof"] < 25_000_000
    assert size["4dof"] < 1_500_000


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "bin"])
def test_saving_and_loading_is_lossless(tmp_path, safe):
    pipe = EscherNetPipeline.from_pretrained("bundled-4dof")
    pipe.save_pretrained(tmp_path, dtype=torch.float16, safe_serialization=safe)
    again = load_checkpoint(tmp_path)
    for name in ("unet", "vae", "image_encoder"):
        old, new = getattr(pipe.checkpoint, name), getattr(again, name)
        assert golden_set.checksum(old) == golden_set.checksum(new)
        assert old.config.to_dict() == new.config.to_dict() if name == "image_encoder" else old.config == new.config
    assert (again.cape, again.trained, again.notice) == ("4dof", False, pipe.notice)
    assert again.scheduler_config == pipe.checkpoint.scheduler_config
    assert again.name == str(tmp_path)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert len(modes) == 1  # weights are as readable as the rest


def test_saving_again_in_the_other_format_leaves_one_set_of_weights(tmp_path):
    pipe = EscherNetPipeline.from_pretrained("bundled-6dof")
    pipe.save_pretrained(tmp_path, safe_serialization=False)
    pipe.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("*/*.safetensors"))) == 3
    assert not list(tmp_path.glob("*/*.bin"))


def test_a_folder_with_the_authors_index_counts_as_trained(folder, caplog):
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "Zero1to3StableDiffusionPipeline"}))
    pipe = EscherNetPipeline.from_pretrained(folder, cape="6dof")
    assert pipe.trained and pipe.notice is None
    assert not caplog.records
    with pytest.raises(EscherNetError, match="does not record its camera encoding; say cape='6dof' or cape='4dof'"):
        EscherNetPipeline.from_pretrained(folder)


def test_a_folder_without_an_index_needs_the_cape_said(folder):
    (folder / "model_index.json").unlink()
    assert EscherNetPipeline.from_pretrained(folder, "4dof").cape == "4dof"


def test_untrained_weights_without_a_notice_get_one(folder):
    edit(folder / "model_index.json", eschernet_ros={"cape": "6dof", "trained": False})
    assert "random" in EscherNetPipeline.from_pretrained(folder).notice


def test_the_autoencoder_s_old_key_names_are_understood(folder, random_6dof):
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    renames = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}

    def age(weights):
        for key in [key for key in weights if "mid_block.attentions.0" in key]:
            for new, old in renames.items():
                if new in key:
                    weights[key.replace(new, old)] = weights.pop(key)

    rewrite(path, age)
    assert any("proj_attn" in key for key in safetensors.torch.load_file(path))
    old_names = load_checkpoint(folder).vae
    assert golden_set.checksum(old_names) == golden_set.checksum(load_checkpoint(random_6dof).vae)


def test_the_other_cape_is_refused():
    with pytest.raises(EscherNetError, match="was made for 6dof poses; it cannot be used with cape='4dof'"):
        EscherNetPipeline.from_pretrained("bundled-6dof", cape="4dof")


def test_unknown_capes_are_refused(folder):
    with pytest.raises(EscherNetError, match="cape is '7dof'"):
        EscherNetPipeline.from_pretrained(folder, cape="7dof")
    with pytest.raises(EscherNetError, match="cape is '7dof'"):
        bundled("7dof")
    edit(folder / "model_index.json", eschernet_ros={"cape": "7dof"})
    with pytest.raises(EscherNetError, match="cape is '7dof'"):
        EscherNetPipeline.from_pretrained(folder)


def remove(name):
    def damage(folder):
        target = folder / name
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return damage


UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (remove("unet"), r"has no folder 'unet' and so is no EscherNet checkpoint; it holds: image_encoder"),
        (remove("image_encoder"), r"has no folder 'image_encoder'"),
        (remove("unet/config.json"), r"unet.config\.json is missing"),
        (remove("scheduler/scheduler_config.json"), r"scheduler_config\.json is missing"),
        (remove(UNET), r"holds neither diffusion_pytorch_model\.safetensors nor .*\.bin; it holds: config\.json"),
        (lambda f: (f / "unet/config.json").write_text("{"), r"unet.config\.json cannot be read, it is no JSON"),
        (
            lambda f: (f / "unet/config.json").write_text("[]"),
            r"unet.config\.json holds a JSON list; an object is needed",
        ),
        (lambda f: (f / "model_index.json").write_text('{"eschernet_ros": 1}'), r"'eschernet_ros' must be an object"),
        (lambda f: (f / UNET).write_bytes(b"nonsense"), r"diffusion_pytorch_model\.safetensors is no readable weights"),
        (
            lambda f: rewrite(f / UNET, lambda w: w.pop("conv_in.weight")),
            r"unet: the weights lack conv_in\.weight; config\.json asks for them",
        ),
        (
            lambda f: rewrite(f / UNET, lambda w: w.update(extra=torch.zeros(1))),
            r"unet: the weights hold extra, which config\.json does not know",
        ),
        (
            lambda f: rewrite(f / UNET, lambda w: w.update({"conv_in.bias": torch.zeros(3)})),
            r"conv_in\.bias is \[3\] and should be \[16\]",
        ),
        (
            lambda f: rewrite(f / UNET, lambda w: w["conv_in.bias"].fill_(float("nan"))),
            r"unet: conv_in\.bias hold NaN or infinite weights; the file is damaged",
        ),
        (
            lambda f: edit(f / "scheduler/scheduler_config.json", beta_start=None),
            r"scheduler_config\.json: The scheduler configuration lacks beta_start",
        ),
        (
            lambda f: edit(f / "unet/config.json", block_out_channels=[32]),
            r"unet.config\.json does not describe a UNet2DConditionModel",
        ),
        (
            lambda f: edit(f / "vae/config.json", block_out_channels=[16, 32, 32, 64]),
            r"vae: .* and \d+ more do not have the shape that config\.json asks for",
        ),
    ],
)
def test_damaged_folders_get_a_sentence(folder, damage, sentence):
    damage(folder)
    with pytest.raises(EscherNetError, match=sentence):
        EscherNetPipeline.from_pretrained(folder)


class Payload:
    """Something that unpickling would run."""

    def __reduce__(self):
        return print, ("executed",)


def test_pickles_that_run_code_are_refused(folder, capsys):
    (folder / UNET).unlink()
    torch.save({"conv_in.weight": Payload()}, folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(EscherNetError, match=r"diffusion_pytorch_model\.bin is no readable weights file"):
        EscherNetPipeline.from_pretrained(folder)
    assert "executed" not in capsys.readouterr().out


def test_pickles_of_something_else_are_refused(folder):
    (folder / UNET).unlink()
    torch.save([torch.zeros(1)], folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(EscherNetError, match="holds no state dictionary"):
        EscherNetPipeline.from_pretrained(folder)


def test_a_unet_that_does_not_fit_the_encoding_is_refused():
    checkpoint = load_checkpoint("bundled-4dof")
    checkpoint.unet.down_blocks[0].attentions[0].transformer_blocks[0].attn1.inner_dim = 12
    with pytest.raises(EscherNetError, match=r"attn1 is 12 channels wide; 4dof CaPE needs a multiple of 8"):
        EscherNetPipeline(checkpoint)


def test_attention_with_biases_is_refused(random_6dof):
    checkpoint = load_checkpoint(random_6dof)
    layer = checkpoint.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    layer.to_k = torch.nn.Linear(64, 32)
    with pytest.raises(EscherNetError, match="keys and values must have no bias"):
        EscherNetPipeline(checkpoint)


@pytest.mark.parametrize("name", ["no_such_folder", "./no/such", "/no/such/folder", "a/b/c", ""])
def test_a_folder_that_does_not_exist(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sentence = "has no folder 'unet'" if name == "" else "does not exist"
    with pytest.raises(EscherNetError, match=sentence):
        EscherNetPipeline.from_pretrained(name, "6dof")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EscherNetError, match="is a file; a checkpoint is a folder"):
        EscherNetPipeline.from_pretrained(tmp_path / "file")


def test_the_hub_is_asked_for_the_needed_folders_only(monkeypatch, caplog, random_6dof):
    asked = {}

    def snapshot(repository, allow_patterns):
        asked.update(repository=repository, patterns=allow_patterns)
        return str(random_6dof)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with caplog.at_level(logging.INFO):
        pipe = EscherNetPipeline.from_pretrained("kxic/eschernet-6dof", cape="6dof")
    assert asked["repository"] == "kxic/eschernet-6dof"
    assert sorted(asked["patterns"]) == ["image_encoder/*", "model_index.json", "scheduler/*", "unet/*", "vae/*"]
    assert pipe.name == "kxic/eschernet-6dof"
    assert "non-commercial academic use only" in caplog.text


def test_an_offline_machine_gets_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EscherNetError, match=r"'nobody/nothing' is no folder here and could not be had from the"):
        EscherNetPipeline.from_pretrained("nobody/nothing", "6dof")


@pytest.mark.parametrize("device", ["cuda:77", "nonsense", "meta"])
def test_devices_that_are_not_there(device):
    with pytest.raises(EscherNetError, match=f"device '{device}'"):
        EscherNetPipeline.from_pretrained("bundled-4dof", device=device)


@pytest.mark.parametrize("dtype", ["int8", "float31", torch.int32, None])
def test_types_that_do_not_float(dtype):
    with pytest.raises(EscherNetError, match="it must be float32, float64, bfloat16 or float16"):
        EscherNetPipeline.from_pretrained("bundled-4dof", dtype=dtype)


@pytest.mark.parametrize(
    ("part", "key", "value", "sentence"),
    [
        ("unet", "cross_attention_dim", 768, "tokens are 64 wide, the U-Net's cross-attention takes 768"),
        ("unet", "in_channels", 9, "latents have 4 channels, the U-Net takes 9"),
        ("unet", "sample_size", None, "states no sample_size"),
    ],
)
def test_networks_that_do_not_belong_together_are_refused(part, key, value, sentence, random_6dof):
    checkpoint = load_checkpoint(random_6dof)
    getattr(checkpoint, part).register_to_config(**{key: value})
    with pytest.raises(EscherNetError, match=sentence):
        dataclasses.replace(checkpoint)
