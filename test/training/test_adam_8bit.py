# SPDX-License-Identifier: Apache-2.0
"""Adam with 8-bit state, by bitsandbytes, where that is installed (`pip install bitsandbytes`; a CPU is enough)."""

from __future__ import annotations

import pytest
import torch
from training_runs import losses

pytest.importorskip("bitsandbytes")


def test_a_run_with_8_bit_state_trains_and_resumes_exactly(run, tmp_path):
    common = {"steps": 6, "checkpoint_every": 3, "keep_checkpoints": 0, "adam_8bit": True}
    run("straight", **common)
    run("resumed", resume=str(tmp_path / "straight" / "checkpoint-00000003"), **common)
    straight, resumed = losses(tmp_path / "straight"), losses(tmp_path / "resumed")
    assert resumed == {step: straight[step] for step in (4, 5, 6)}
    saved = torch.load(tmp_path / "straight" / "checkpoint-00000006" / "training_state" / "optimizer.bin")
    states = [state["__bnb_optimizer_quant_state__"] for state in saved["state"].values()]
    kinds = {state["state1"].dtype for state in states}
    assert kinds == {torch.uint8, torch.float32}  # 8-bit where a weight has 4096 numbers or more
    run("wide", **{**common, "adam_8bit": False})
    assert losses(tmp_path / "wide") != straight
