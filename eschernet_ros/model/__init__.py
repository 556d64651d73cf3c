# SPDX-License-Identifier: Apache-2.0
"""EscherNet 6DoF and 4DoF on diffusers and transformers.

``EscherNetPipeline`` is the entry; every name below is imported on first use, so that this package can be
imported where torch is absent.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from eschernet_ros.optional import require

if TYPE_CHECKING:
    from eschernet_ros.model.attention import Scene, install_processors, predict_noise
    from eschernet_ros.model.cape import CaPE4DoF, CaPE6DoF, camera_encoding
    from eschernet_ros.model.checkpoint import Checkpoint, bundled, load_checkpoint, save_checkpoint
    from eschernet_ros.model.encoder import preprocess, reference_tokens
    from eschernet_ros.model.pipeline import EscherNetPipeline
    from eschernet_ros.model.sampler import ddim_scheduler, initial_noise

__all__ = [
    "CaPE4DoF",
    "CaPE6DoF",
    "Checkpoint",
    "EscherNetPipeline",
    "Scene",
    "bundled",
    "camera_encoding",
    "ddim_scheduler",
    "initial_noise",
    "install_processors",
    "load_checkpoint",
    "predict_noise",
    "preprocess",
    "reference_tokens",
    "save_checkpoint",
]

_MODULE_OF = {
    "CaPE4DoF": "cape",
    "CaPE6DoF": "cape",
    "Checkpoint": "checkpoint",
    "EscherNetPipeline": "pipeline",
    "Scene": "attention",
    "bundled": "checkpoint",
    "camera_encoding": "cape",
    "ddim_scheduler": "sampler",
    "initial_noise": "sampler",
    "install_processors": "attention",
    "load_checkpoint": "checkpoint",
    "predict_noise": "attention",
    "preprocess": "encoder",
    "reference_tokens": "encoder",
    "save_checkpoint": "checkpoint",
}


def __getattr__(name: str) -> Any:
    """Import the sub-module that defines ``name``; name what to install when its libraries are missing."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    for library in ("torch", "diffusers", "transformers"):
        require(library, "pip install torch diffusers transformers", "the EscherNet model")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
