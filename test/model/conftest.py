# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the model tests: golden and tiny pipelines, a small scene."""

from __future__ import annotations

from pathlib import Path

import golden_set
import numpy as np
import pytest
import torch

from eschernet_ros.geometry import look_at_origin
from eschernet_ros.model import EscherNetPipeline, bundled, save_checkpoint
from eschernet_ros.model.random_weights import random_checkpoint


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Networks this small are fastest on one thread, and do not wait for a busy machine's others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def golden_folder(tmp_path_factory):
    """Function: ``cape`` -> checkpoint folder with the golden weights, written once."""
    written: dict[str, Path] = {}

    def folder(cape: str) -> Path:
        if cape not in written:
            written[cape] = tmp_path_factory.mktemp(f"golden-{cape}")
            save_checkpoint(golden_set.checkpoint(cape), written[cape])
        return written[cape]

    return folder


@pytest.fixture(scope="session")
def golden_pipe(golden_folder):
    """Function: (cape, dtype) -> pipeline loaded from the golden weights."""
    loaded: dict[tuple[str, torch.dtype], EscherNetPipeline] = {}

    def pipe(cape: str, dtype: torch.dtype = torch.float64) -> EscherNetPipeline:
        if (cape, dtype) not in loaded:
            loaded[cape, dtype] = EscherNetPipeline.from_pretrained(golden_folder(cape), cape, dtype=dtype)
        return loaded[cape, dtype]

    return pipe


@pytest.fixture(scope="session")
def random_6dof(tmp_path_factory):
    """Folder of a small 6DoF checkpoint with random weights, in float16; not to be changed."""
    folder = tmp_path_factory.mktemp("random") / "tiny-6dof"
    save_checkpoint(random_checkpoint("6dof"), folder, dtype=torch.float16)
    return folder


@pytest.fixture(scope="session")
def tiny(random_6dof):
    """A 6DoF checkpoint with random weights in float64, where equal results differ by rounding alone."""
    return EscherNetPipeline.from_pretrained(random_6dof, dtype=torch.float64)


@pytest.fixture(scope="session")
def tiny_4dof():
    """The bundled 4DoF checkpoint in float64."""
    return EscherNetPipeline.from_pretrained(bundled("4dof"), dtype=torch.float64)


@pytest.fixture(scope="session")
def scene():
    """Arguments of a pipeline call: 3 random images, their poses, 4 target poses; 2 steps."""
    images = np.random.default_rng(5).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    return {
        "images": images,
        "reference_poses": np.stack([look_at_origin(0.9 * i, 1.1, 1.6 + 0.2 * i).matrix for i in range(3)]),
        "target_poses": np.stack([look_at_origin(0.4 + i, 0.7 + 0.2 * i, 1.8).matrix for i in range(4)]),
        "steps": 2,
    }
