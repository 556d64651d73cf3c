# SPDX-License-Identifier: Apache-2.0
"""What a training run can be told. Defaults are the published recipe (EscherNet, appendix).

A run is described by a YAML file with the names of ``TrainingSettings``; the command line overrides single values.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from eschernet_ros.errors import EscherNetError
from eschernet_ros.model.cape import CAPES


@dataclass(frozen=True)
class TrainingSettings:
    """One training run.

    The networks start from exactly one of ``checkpoint``, ``stable_diffusion`` (with ``image_encoder``) and
    ``networks`` (with ``autoencoder``).
    """

    # what is trained
    cape: str = "6dof"
    """Camera encoding, 6dof or 4dof."""
    checkpoint: str | None = None
    """Start from this EscherNet checkpoint (folder, bundled-6dof, or hub id): fine-tuning."""
    stable_diffusion: str | None = None
    """Start from the U-Net, autoencoder and noise schedule of this Stable Diffusion 1.5 (folder or hub id)."""
    image_encoder: str | None = "facebook/convnextv2-tiny-22k-224"
    """With stable_diffusion: the ConvNeXtV2 (folder or hub id) that encodes the references."""
    networks: Mapping[str, Any] | None = None
    """Start from random weights: configurations `unet`, `image_encoder`, `scheduler`; `autoencoder` if pixel blocks."""
    autoencoder: str | None = None
    """With networks that name none: folder of the autoencoder, as `eschernet-ros train-autoencoder` writes it."""
    geometric_start: bool = False
    """With networks: fit the attention's queries and keys to camera geometry before the first step."""
    image_size: int | None = None
    """Side of the images, pixels. None: 256 with stable_diffusion, otherwise what checkpoint or networks state."""

    # data
    data: Sequence[str] = ()
    """Folders of Objaverse-style renders or recorded data sets."""
    minimum_views: int = 2
    """Scenes with fewer views are left out."""
    cache_views: bool = False
    """Keep decoded views in memory after their first use."""
    workers: int = 4
    """Processes that load views; 0 loads in the training process."""

    # recipe
    references: int | Sequence[int] = 3
    """Reference views of a scene (T_in), or [low, high]: drawn anew for every step."""
    targets: int = 3
    """Target views of a scene (T_out)."""
    distinct_views: bool = False
    """Draw the views of a scene without replacement, as far as it has enough: no target is its own reference then.
    The published recipe replaces."""
    conditioning_dropout: float = 0.1
    """Probability that a scene is trained without its references."""
    high_noise_bias: float = 1.0
    """Time steps are drawn with density t^(bias - 1): 1 is uniform, more favours noisy ones."""
    foreground_weight: float = 1.0
    """How much more the squared errors on the object count than those on the white around it."""
    steps: int = 100_000
    """Optimiser steps of the whole schedule."""
    batch_size: int = 672
    """Scenes of one optimiser step, over all processes."""
    device_batch_size: int = 8
    """Scenes that one process takes through the networks at once; the rest is gradient accumulation."""
    learning_rate: float = 1e-4
    """Peak learning rate."""
    learning_rate_start: float = 1e-5
    """Learning rate that the warm-up starts from."""
    learning_rate_end: float = 1e-5
    """Learning rate that the cosine ends at."""
    warmup_steps: int = 1000
    """Steps from learning_rate_start to learning_rate."""
    weight_decay: float = 0.01
    """Of AdamW."""
    adam_beta2: float = 0.999
    """Second moment decay of AdamW."""
    adam_8bit: bool = False
    """AdamW with 8-bit state; needs bitsandbytes."""
    clip_gradient: float = 0.5
    """Largest norm of the gradient."""
    mixed_precision: str = "auto"
    """auto, no, bf16 or fp16. auto: bf16, but no on a CPU that has no AVX-512 and would emulate it."""
    gradient_checkpointing: bool = True
    """Recompute activations in the backward pass: less memory, about a third more time."""
    ema_decay: float = 0.0
    """Exponential moving average of the weights, which the written checkpoints then hold; 0: none."""
    seed: int = 0
    """Of everything that is drawn. Step, scene and seed decide a draw, not what ran before."""

    # what is written
    checkpoint_every: int = 1000
    """Steps between checkpoints; the last step always writes one."""
    keep_checkpoints: int = 3
    """Checkpoints that are kept, the newest; 0 keeps all."""
    validation_scenes: int = 4
    """Scenes held out of training for the validation pictures; 0: none."""
    validate_every: int = 1000
    """Steps between validations."""
    validation_references: int = 3
    """References of a validation scene; its other views are the targets, 12 at most."""
    sampling: Mapping[str, float] | None = None
    """`steps` and `guidance_scale` that the checkpoint recommends to its users; validation uses them too. It may hold
    `targets_together` beside them: how many targets are denoised at once."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl and the trackers."""
    trackers: Sequence[str] = ()
    """tensorboard, wandb, or both."""
    project: str = "eschernet_ros"
    """Name of the trackers' project."""
    wandb_offline: bool = False
    """Write the Weights & Biases run to disk instead of sending it."""
    push_to_hub: str | None = None
    """Hub id to which the final checkpoint is uploaded."""
    maximum_hours: float = 0.0
    """Write a checkpoint and stop after so long; a later run resumes. 0: no limit."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            EscherNetError: with the setting, its value and what it must be.
        """
        if self.cape not in CAPES:
            raise EscherNetError(f"cape is {self.cape!r}; it must be one of {', '.join(CAPES)}.")
        starts = [name for name in ("checkpoint", "stable_diffusion", "networks") if getattr(self, name) is not None]
        if len(starts) != 1:
            raise EscherNetError(
                "a run starts from one of checkpoint, stable_diffusion and networks; "
                f"{' and '.join(starts) if starts else 'none'} is given."
            )
        if self.networks is not None:
            if set(self.networks) - {"autoencoder"} != {"unet", "image_encoder", "scheduler"}:
                raise EscherNetError(f"networks needs unet, image_encoder and scheduler, not {list(self.networks)}.")
            for name, config in self.networks.items():
                if not isinstance(config, Mapping):
                    raise EscherNetError(f"networks: {name} is {config!r}; it must be a configuration.")
        if (self.networks is None or "autoencoder" in self.networks) != (self.autoencoder is None):
            raise EscherNetError(
                "networks and autoencoder belong together: give the folder of train-autoencoder, or describe "
                "networks.autoencoder (pixel blocks), not both."
            )
        if self.geometric_start and self.networks is None:
            raise EscherNetError("geometric_start is for networks that start from random weights (networks).")
        if self.image_size is not None:
            _positive(self, "image_size")
        low, high = self.reference_range
        _positive(self, "targets", "steps", "batch_size", "device_batch_size", "checkpoint_every", "log_every")
        _positive(self, "validate_every", "validation_references", "minimum_views", "learning_rate", "clip_gradient")
        if not 1 <= low <= high:
            raise EscherNetError(f"references is {self.references!r}; it must be 1 or more, or [low, high].")
        for name in ("conditioning_dropout", "ema_decay", "adam_beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise EscherNetError(f"{name} is {getattr(self, name)!r}; it must be in [0, 1).")
        _not_negative(self, "learning_rate_start", "learning_rate_end", "warmup_steps", "weight_decay", "seed")
        _not_negative(self, "keep_checkpoints", "validation_scenes", "workers", "maximum_hours")
        if not 1 <= self.high_noise_bias <= 100:
            raise EscherNetError(f"high_noise_bias is {self.high_noise_bias!r}; it must be from 1 to 100.")
        if not self.foreground_weight >= 1:
            raise EscherNetError(f"foreground_weight is {self.foreground_weight!r}; it must be 1 or more.")
        if self.mixed_precision not in ("auto", "no", "bf16", "fp16"):
            raise EscherNetError(f"mixed_precision is {self.mixed_precision!r}; it must be auto, no, bf16 or fp16.")
        unknown = set(self.trackers) - {"tensorboard", "wandb"}
        if unknown:
            raise EscherNetError(f"trackers holds {sorted(unknown)}; known are tensorboard and wandb.")
        if self.sampling is not None:
            _check_sampling(self.sampling)

    @property
    def reference_range(self) -> tuple[int, int]:
        """Fewest and most references of a step."""
        if isinstance(self.references, int):
            return self.references, self.references
        if len(self.references) != 2:
            raise EscherNetError(f"references is {self.references!r}; it must be 1 or more, or [low, high].")
        return self.references[0], self.references[1]


def read_settings(path: Path | None, overrides: Mapping[str, Any]) -> TrainingSettings:
    """Settings of a YAML file with single values replaced.

    Raises:
        EscherNetError: an unreadable file, an unknown name, a value of the wrong type or out of range.
    """
    values = _read_yaml(path) if path is not None else {}
    for name in ("checkpoint", "stable_diffusion", "networks"):
        if overrides.get(name) is not None:  # another start replaces the file's
            for other in ("checkpoint", "stable_diffusion", "networks", "autoencoder"):
                values.pop(other, None)
    values.update({name: value for name, value in overrides.items() if value is not None})
    return TrainingSettings(**_checked(TrainingSettings, values, path))


def as_plain(settings: TrainingSettings) -> dict[str, Any]:
    """The settings as YAML and JSON can hold them."""
    return {
        item.name: list(value) if isinstance(value := getattr(settings, item.name), tuple) else value
        for item in dataclasses.fields(settings)
    }


def setting_documents() -> dict[str, str]:
    """Name of every setting -> the sentences below it in ``TrainingSettings``."""
    tree = ast.parse(inspect.getsource(TrainingSettings)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for item, after in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and isinstance(after, ast.Expr):
            found[item.target.id] = " ".join(str(ast.literal_eval(after.value)).split())
    return found


def read_autoencoder_settings(path: Path, overrides: Mapping[str, Any]) -> AutoencoderSettings:
    """Autoencoder settings of a YAML file with single values replaced.

    Raises:
        EscherNetError: an unreadable file, an unknown name, a value of the wrong type.
    """
    values = {**_read_yaml(path), **{name: value for name, value in overrides.items() if value is not None}}
    return AutoencoderSettings(**_checked(AutoencoderSettings, values, path))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise EscherNetError(f"{path} is no readable YAML file: {error}") from error
    if not isinstance(content, dict):
        raise EscherNetError(f"{path} must hold names and values, not {type(content).__name__}.")
    return content


def _checked(kind: type, values: Mapping[str, Any], path: Path | None) -> dict[str, Any]:
    known = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(map(str, set(values) - set(known)))
    if unknown:
        raise EscherNetError(f"{path or 'the settings'}: there is no setting {', '.join(unknown)}.")
    return {name: _typed(name, value, known[name].type) for name, value in values.items()}


def _typed(name: str, value: Any, annotation: Any) -> Any:
    """``value``, read from YAML, as its annotation asks for."""
    text = str(annotation)
    if value is None and "None" in text:
        return None
    if text in ("int", "int | None", "float"):
        value = _number(value)
    if isinstance(value, list):
        value = tuple(value)
    words, fits = _KINDS[text]
    if not fits(value):
        raise EscherNetError(f"{name} is {value!r}; it must be {words}.")
    return float(value) if text == "float" else value


def _number(value: Any) -> Any:
    """Text like 1e-4, which is no number to YAML, as a number, and 1e3 as a whole one; all else as it is."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number", _is_whole),
    "int | None": ("a whole number", _is_whole),
    "float": ("a finite number", _is_finite),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "str": ("text", _is_text),
    "str | None": ("text", _is_text),
    "int | Sequence[int]": (
        "a whole number or [low, high]",
        lambda value: _is_whole(value) or (isinstance(value, tuple) and all(map(_is_whole, value))),
    ),
    "Sequence[str]": ("a list of texts", lambda value: isinstance(value, tuple) and all(map(_is_text, value))),
    "Mapping[str, Any]": ("names and values", _is_mapping),
    "Mapping[str, Any] | None": ("names and values", _is_mapping),
    "Mapping[str, float] | None": ("names and numbers", _is_mapping),
}
"""Annotation of a setting -> what it must be, in words and as a check."""


def _check_sampling(sampling: Mapping[str, Any]) -> None:
    steps: Any = sampling.get("steps")
    guidance: Any = sampling.get("guidance_scale")
    together: Any = sampling.get("targets_together", 1)
    names = set(sampling) - {"targets_together"}
    fits = names == {"steps", "guidance_scale"} and _is_whole(steps) and _is_finite(guidance) and _is_whole(together)
    if not fits or steps < 1 or guidance < 0 or together < 1:
        raise EscherNetError(
            f"sampling is {dict(sampling)!r}; it must hold steps (a whole number, 1 or more) and guidance_scale "
            "(0 or more), may hold targets_together (a whole number, 1 or more), and nothing else."
        )


def _positive(settings: TrainingSettings | AutoencoderSettings, *names: str) -> None:
    for name in names:
        if not getattr(settings, name) > 0:
            raise EscherNetError(f"{name} is {getattr(settings, name)!r}; it must be more than 0.")


def _not_negative(settings: TrainingSettings | AutoencoderSettings, *names: str) -> None:
    for name in names:
        if not getattr(settings, name) >= 0:
            raise EscherNetError(f"{name} is {getattr(settings, name)!r}; it must not be negative.")


@dataclass(frozen=True)
class AutoencoderSettings:
    """One training run of an autoencoder for small models."""

    data: Sequence[str] = ()
    """Folders of Objaverse-style renders or recorded data sets."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Configuration of diffusers' AutoencoderDC."""
    image_size: int = 64
    """Side of the images, pixels."""
    steps: int = 4000
    """Optimiser steps."""
    batch_size: int = 16
    """Images of one step."""
    learning_rate: float = 2e-3
    """Peak learning rate; warmed up over 2 % of the steps, then cosine to a fiftieth."""
    latent_penalty: float = 1e-4
    """Weight of the latents' mean square, which keeps them from growing."""
    latent_noise: float = 0.05
    """Standard deviation of noise added to the latents, so that the decoder bears a sampler's small errors."""
    squared_weight: float = 2.0
    """Weight of the squared error beside the absolute error."""
    cache_views: bool = True
    """Keep decoded views in memory after their first use."""
    seed: int = 0
    """Of weights and draws."""
    maximum_hours: float = 0.0
    """Stop after so long, with the learning rate run down; 0: no limit."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            EscherNetError: with the setting, its value and what it must be.
        """
        _positive(self, "image_size", "steps", "batch_size", "learning_rate")
        _not_negative(self, "latent_penalty", "latent_noise", "squared_weight", "maximum_hours", "seed")
