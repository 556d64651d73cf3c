# SPDX-License-Identifier: Apache-2.0
"""Checkpoint folders: finding, reading and writing them.

The layout is the published one: ``unet/``, ``vae/``, ``image_encoder/`` (a ``config.json`` and the weights as
``.safetensors`` or as pickled ``.bin``), ``scheduler/`` (a DDPM configuration) and ``model_index.json``. The published
``model_index.json`` names classes of the authors' code, so every component is loaded from its own folder.
Folders written here record the camera encoding and whether the weights are trained in ``model_index.json``::

    {"_class_name": "EscherNetPipeline",
     "eschernet_ros": {"cape": "6dof", "trained": false, "notice": "These weights are ...",
                       "sampling": {"steps": 50, "guidance_scale": 3.0}}}

A folder without that entry counts as trained, and its encoding must be said when it is loaded.
"""

from __future__ import annotations

import importlib.resources
import json
import logging
import pickle
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import huggingface_hub
import safetensors
import safetensors.torch
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import ConvNextV2Config, ConvNextV2Model

from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.json_file import read_json_object
from eschernet_ros.model.autoencoder import Autoencoder, build_autoencoder
from eschernet_ros.model.cape import CAPES, check_cape
from eschernet_ros.model.coordinates import COORDINATE_CHANNELS
from eschernet_ros.model.sampler import check_scheduler_config

logger = logging.getLogger(__name__)

INDEX_FILE = "model_index.json"
SCHEDULER_FILE = "scheduler/scheduler_config.json"
UNTRAINED_NOTICE = (
    "These weights are random: the pictures they make show nothing. Load a trained checkpoint for real views."
)


@dataclass(frozen=True)
class _Component:
    """One network of a checkpoint folder."""

    folder: str
    class_name: str
    build: Callable[[dict[str, Any]], nn.Module]
    weights: tuple[str, ...]
    renames: tuple[tuple[str, str], ...] = ()


_DIFFUSERS_WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
# Before diffusers 0.14 the autoencoder's one attention layer named its projections like this.
_OLD_ATTENTION = (
    (r"(mid_block\.attentions\.0)\.query\.", r"\1.to_q."),
    (r"(mid_block\.attentions\.0)\.key\.", r"\1.to_k."),
    (r"(mid_block\.attentions\.0)\.value\.", r"\1.to_v."),
    (r"(mid_block\.attentions\.0)\.proj_attn\.", r"\1.to_out.0."),
)
_COMPONENTS = (
    _Component("unet", "UNet2DConditionModel", UNet2DConditionModel.from_config, _DIFFUSERS_WEIGHTS),
    _Component("vae", "autoencoder", build_autoencoder, _DIFFUSERS_WEIGHTS, _OLD_ATTENTION),
    _Component(
        "image_encoder",
        "ConvNextV2Model",
        lambda config: ConvNextV2Model(ConvNextV2Config.from_dict(config)),
        ("model.safetensors", "pytorch_model.bin"),
    ),
)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        unet: diffusers U-Net of Stable Diffusion 1.5's shape.
        vae: its autoencoder.
        image_encoder: ConvNeXtV2 backbone.
        scheduler_config: DDPM (or DDIM) configuration as it was read.
        cape: ``"6dof"`` or ``"4dof"``.
        trained: False for random weights.
        notice: sentence that everything using the weights repeats, or None.
        name: where it came from.
        sampling: ``steps`` and ``guidance_scale`` that these weights are best sampled with, and ``targets_together``
            where it matters how many targets are denoised at once; None where they say nothing (the published weights:
            50 steps, guidance 3).
    """

    unet: UNet2DConditionModel
    vae: Autoencoder
    image_encoder: ConvNextV2Model
    scheduler_config: Mapping[str, Any]
    cape: str
    trained: bool = True
    notice: str | None = None
    name: str = "in memory"
    sampling: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Check that the networks belong together.

        Raises:
            EscherNetError: networks of different widths, or a U-Net that states no size.
        """
        context, tokens = self.unet.config["cross_attention_dim"], self.image_encoder.layernorm.weight.shape[0]
        if context not in (tokens, tokens + COORDINATE_CHANNELS):
            raise EscherNetError(
                f"{self.name}: the image encoder's tokens are {tokens} wide, the U-Net's cross-attention takes "
                f"{context}; they are of different checkpoints."
            )
        channels, latent = self.unet.config["in_channels"], self.vae.config["latent_channels"]
        if channels not in (latent, latent + COORDINATE_CHANNELS) or self.unet.config["out_channels"] != latent:
            raise EscherNetError(
                f"{self.name}: the autoencoder's latents have {latent} channels, the U-Net takes {channels}; they "
                "are of different checkpoints."
            )
        if self.unet.config["sample_size"] is None:
            raise EscherNetError(f"{self.name}: the U-Net's config.json states no sample_size.")


def bundled(cape: str) -> Path:
    """Folder of the tiny checkpoint that comes with this package; ``cape`` is ``"6dof"`` or ``"4dof"``.

    Raises:
        EscherNetError: another ``cape``, or a package installed without its checkpoints.
    """
    folder = Path(str(importlib.resources.files("eschernet_ros"))) / "checkpoints" / f"tiny-{check_cape(cape)}"
    if not folder.is_dir():
        raise EscherNetError(f"The bundled checkpoint {folder} is not installed; reinstall eschernet_ros.")
    return folder


def resolve(folder_or_hub_id: str | Path) -> Path:
    """Local folder of a checkpoint: itself, a bundled one (``"bundled-6dof"``), or a download from the hub.

    Raises:
        EscherNetError: a folder that does not exist, a file, or an id the hub does not serve.
    """
    name = str(folder_or_hub_id)
    if name in {f"bundled-{cape}" for cape in CAPES}:
        return bundled(name.removeprefix("bundled-"))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise EscherNetError(f"{folder} is a file; a checkpoint is a folder with unet, vae and image_encoder.")
    if isinstance(folder_or_hub_id, Path) or not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name):
        raise EscherNetError(f"The checkpoint folder {folder} does not exist (current folder: {Path.cwd()}).")
    return _download(name)


def _download(hub_id: str) -> Path:
    if hub_id.startswith("kxic/"):
        logger.info("%s: the authors of EscherNet license these weights for non-commercial academic use only.", hub_id)
    wanted = [INDEX_FILE, "scheduler/*", *(f"{component.folder}/*" for component in _COMPONENTS)]
    try:
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=wanted))
    except Exception as error:  # the hub's client lets through whatever its HTTP library raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise EscherNetError(
            f"'{hub_id}' is no folder here and could not be had from the Hugging Face hub "
            f"({type(error).__name__}: {reason}). Check the name and the network, or copy the checkpoint "
            "here and give its folder."
        ) from error


def load_checkpoint(
    folder_or_hub_id: str | Path,
    cape: str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Checkpoint:
    """Read a checkpoint folder.

    Args:
        folder_or_hub_id: folder, ``"bundled-6dof"``, ``"bundled-4dof"`` or the id of a model on the hub.
        cape: ``"6dof"`` or ``"4dof"``; None takes what the checkpoint records.
        device: where the networks go.
        dtype: their floating point type. The autoencoder stays in float32 under float16 when its configuration asks
            for that (``force_upcast``).

    Raises:
        EscherNetError: with what is missing, does not fit or is not as recorded.
    """
    folder = resolve(folder_or_hub_id)
    index = read_json_object(folder / INDEX_FILE) if (folder / INDEX_FILE).exists() else {}
    record = index.get("eschernet_ros", {})
    if not isinstance(record, dict):
        raise EscherNetError(f"{folder / INDEX_FILE}: 'eschernet_ros' must be an object, not {record!r}.")
    recorded = record.get("cape")
    if cape is not None and recorded is not None and check_cape(cape) != recorded:
        raise EscherNetError(f"{folder} was made for {recorded} poses; it cannot be used with cape='{cape}'.")
    known = cape if cape is not None else recorded
    if known is None:
        raise EscherNetError(
            f"{folder} does not record its camera encoding; say cape='6dof' or cape='4dof', as it was trained."
        )
    check_cape(known)
    networks: dict[str, Any] = {part.folder: _load_component(folder, part, dtype).to(device) for part in _COMPONENTS}
    scheduler_config = read_json_object(folder / SCHEDULER_FILE)
    try:
        check_scheduler_config(scheduler_config)
    except EscherNetError as error:
        raise EscherNetError(f"{folder / SCHEDULER_FILE}: {error}") from error
    trained = bool(record.get("trained", True))
    return Checkpoint(
        **networks,
        scheduler_config=scheduler_config,
        cape=known,
        trained=trained,
        notice=record.get("notice") or (None if trained else UNTRAINED_NOTICE),
        name=str(folder_or_hub_id),
        sampling=_read_sampling(folder, record.get("sampling")),
    )


def load_unet_and_autoencoder(folder_or_hub_id: str | Path) -> tuple[UNet2DConditionModel, Autoencoder, dict]:
    """U-Net, autoencoder and scheduler configuration of a Stable Diffusion folder, in float32.

    Raises:
        EscherNetError: with what is missing or does not fit.
    """
    folder = resolve(folder_or_hub_id)
    unet, vae = (_load_component(folder, part, torch.float32) for part in _COMPONENTS[:2])
    return cast(UNet2DConditionModel, unet), cast(Autoencoder, vae), read_json_object(folder / SCHEDULER_FILE)


def save_checkpoint(
    checkpoint: Checkpoint, folder: str | Path, dtype: torch.dtype | None = None, safe_serialization: bool = True
) -> None:
    """Write a checkpoint folder that ``load_checkpoint`` reads.

    Args:
        checkpoint: what to write.
        folder: made when absent; existing files are overwritten.
        dtype: floating point type of the stored weights; None keeps theirs.
        safe_serialization: ``.safetensors``, or pickled ``.bin`` when False.
    """
    folder = Path(folder)
    index: dict[str, Any] = {"_class_name": "EscherNetPipeline"}
    for part in _COMPONENTS:
        network = getattr(checkpoint, part.folder)
        weights = {
            key: value.detach().to("cpu", dtype or value.dtype).contiguous()
            for key, value in sorted(network.state_dict().items())
        }
        target = folder / part.folder
        target.mkdir(parents=True, exist_ok=True)
        _write_json(target / "config.json", _config_of(network))
        kept, removed = part.weights if safe_serialization else part.weights[::-1]
        (target / removed).unlink(missing_ok=True)
        if safe_serialization:
            safetensors.torch.save_file(weights, target / kept, metadata={"format": "pt"})
            # safetensors makes files that only their owner can read, whatever the umask
            (target / kept).chmod(stat.S_IMODE((target / "config.json").stat().st_mode))
        else:
            torch.save(weights, target / kept)
        library = "transformers" if part.folder == "image_encoder" else "diffusers"
        index[part.folder] = [library, type(network).__name__]
    (folder / SCHEDULER_FILE).parent.mkdir(exist_ok=True)
    _write_json(folder / SCHEDULER_FILE, dict(checkpoint.scheduler_config))
    record: dict[str, Any] = {"cape": checkpoint.cape, "trained": checkpoint.trained}
    if checkpoint.sampling is not None:
        record["sampling"] = dict(checkpoint.sampling)
    if checkpoint.notice is not None:
        record["notice"] = checkpoint.notice
    index["scheduler"] = ["diffusers", checkpoint.scheduler_config.get("_class_name", "DDPMScheduler")]
    index["eschernet_ros"] = record
    _write_json(folder / INDEX_FILE, index)


def _read_sampling(folder: Path, value: Any) -> Mapping[str, float] | None:
    if value is None:
        return None
    steps, guidance = (value.get("steps"), value.get("guidance_scale")) if isinstance(value, dict) else (None, None)
    if not isinstance(steps, int) or steps < 1 or not isinstance(guidance, int | float) or guidance < 0:
        raise EscherNetError(
            f"{folder / INDEX_FILE}: 'sampling' must hold steps (1 or more) and guidance_scale (0 or more), not "
            f"{value!r}."
        )
    together = value.get("targets_together")
    if together is None:
        return {"steps": steps, "guidance_scale": float(guidance)}
    if isinstance(together, bool) or not isinstance(together, int) or together < 1:
        raise EscherNetError(f"{folder / INDEX_FILE}: 'targets_together' must be 1 or more, not {together!r}.")
    return {"steps": steps, "guidance_scale": float(guidance), "targets_together": together}


def _load_component(folder: Path, part: _Component, dtype: torch.dtype) -> nn.Module:
    where = folder / part.folder
    if not where.is_dir():
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())) or "nothing"
        raise EscherNetError(
            f"{folder} has no folder '{part.folder}' and so is no EscherNet checkpoint; it holds: {found}."
        )
    config = read_json_object(where / "config.json")
    try:
        with torch.device("meta"):
            network = part.build(config)
    except Exception as error:  # the libraries validate with every kind of exception
        raise EscherNetError(f"{where / 'config.json'} does not describe a {part.class_name}: {error}") from error
    weights = _read_weights(where, part)
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    _compare(where, expected, {key: tuple(value.shape) for key, value in weights.items()})
    broken = [key for key, value in weights.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise EscherNetError(f"{where}: {_some(broken)} hold NaN or infinite weights; the file is damaged.")
    if dtype == torch.float16 and getattr(network.config, "force_upcast", False):
        dtype = torch.float32
    network.load_state_dict({key: value.to(dtype) for key, value in weights.items()}, assign=True)
    return network.eval().requires_grad_(False)


def _read_weights(where: Path, part: _Component) -> dict[str, Tensor]:
    path = next((where / name for name in part.weights if (where / name).exists()), None)
    if path is None:
        found = ", ".join(sorted(entry.name for entry in where.iterdir())) or "nothing"
        raise EscherNetError(f"{where} holds neither {' nor '.join(part.weights)}; it holds: {found}.")
    try:
        if path.suffix == ".safetensors":
            weights = safetensors.torch.load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise EscherNetError(f"{path} is no readable weights file: {first_line(error)}") from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise EscherNetError(f"{path} holds no state dictionary (names to tensors).")
    for old, new in part.renames:
        weights = {re.sub(old, new, key): value for key, value in weights.items()}
    return weights


def _compare(where: Path, expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> None:
    missing = sorted(expected.keys() - found.keys())
    if missing:
        raise EscherNetError(f"{where}: the weights lack {_some(missing)}; config.json asks for them.")
    unknown = sorted(found.keys() - expected.keys())
    if unknown:
        raise EscherNetError(f"{where}: the weights hold {_some(unknown)}, which config.json does not know.")
    wrong = [key for key in expected if expected[key] != found[key]]
    if wrong:
        key = wrong[0]
        raise EscherNetError(
            f"{where}: {_some(wrong)} do not have the shape that config.json asks for; "
            f"{key} is {list(found[key])} and should be {list(expected[key])}."
        )


def _some(names: list[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _config_of(network: Any) -> dict[str, Any]:
    """A network's configuration as its library writes it, less where it was loaded from and its type."""
    if isinstance(network, ConvNextV2Model):
        config = {**json.loads(network.config.to_json_string()), "architectures": [type(network).__name__]}
    else:
        config = json.loads(network.to_json_string())
    return {key: value for key, value in config.items() if key not in ("_name_or_path", "dtype")}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
