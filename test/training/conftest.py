# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the training tests: data and an autoencoder of a few kilobytes, and what a run leaves behind undone."""

from __future__ import annotations

import logging

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from training_runs import scenes_in, tiny_settings, write_autoencoder, write_renders

from eschernet_ros.training.settings import TrainingSettings
from eschernet_ros.training.trainer import train


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Networks this small are fastest on one thread; with it, sums are taken in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def process_as_it_was():
    """What a run sets for its whole process: accelerate's state and the log level."""
    level = logging.getLogger("eschernet_ros").level
    yield
    logging.getLogger("eschernet_ros").setLevel(level)
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


@pytest.fixture(scope="session")
def autoencoder(tmp_path_factory):
    """Folder of an autoencoder of random weights."""
    return write_autoencoder(tmp_path_factory.mktemp("autoencoder"))


@pytest.fixture(scope="session")
def renders(tmp_path_factory):
    """Folder of six objects of six views; not to be changed."""
    return write_renders(tmp_path_factory.mktemp("renders"))


@pytest.fixture
def run(tmp_path, autoencoder, renders):
    """Function: (name, resume=..., data=..., settings...) -> the result of a run into that folder."""

    def start(name, resume=None, data=renders, **changes):
        settings = TrainingSettings(**tiny_settings(autoencoder, **changes))
        scenes = data if isinstance(data, list) else scenes_in(data)
        return train(settings, scenes, tmp_path / name, resume)

    return start
