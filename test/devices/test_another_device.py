# SPDX-License-Identifier: Apache-2.0
"""Whatever runs on a GPU keeps its tensors together: the same results on a device that mixes with no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

PROGRAM = Path(__file__).parents[1] / "support" / "on_another_device.py"
COMPUTED = ("synthesize_6dof", "synthesize_4dof", "fit_voxels", "fit_gaussians", "check_gaussians", "train_networks")

if not hasattr(torch.utils.backend_registration, "_setup_privateuseone_for_python_backend"):
    pytest.skip(f"torch {torch.__version__} takes no device from Python", allow_module_level=True)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What every job gave."""
    path = os.pathsep.join([str(PROGRAM.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, str(PROGRAM)], env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("job", COMPUTED)
def test_the_same_result_as_on_the_cpu(found: dict[str, Any], job: str) -> None:
    assert not found[job]["error"]
    assert found[job]["operations"] > 5
    assert found[job]["difference"] < 1e-3


def test_the_device_refuses_what_cuda_refuses(found: dict[str, Any]) -> None:
    """Otherwise the test above could not fail."""
    assert "Expected all tensors to be on the same device" in found["forget_a_move"]["error"]
    assert "numpy() is not supported" in found["forget_the_way_back"]["error"]


def test_every_job_is_looked_at(found: dict[str, Any]) -> None:
    assert set(found) == {*COMPUTED, "forget_a_move", "forget_the_way_back"}
