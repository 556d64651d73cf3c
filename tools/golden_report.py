# SPDX-License-Identifier: Apache-2.0
"""Measure the deviations from the authors' EscherNet and write docs/model_equality.md.

Run from the repository root: python tools/golden_report.py
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path

import diffusers
import torch
import transformers
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "test" / "support")]

import golden_set  # noqa: E402

from eschernet_ros.model import EscherNetPipeline, save_checkpoint  # noqa: E402

GROUPS = {
    "a": "CaPE alone: encoded queries and keys, scores",
    "b": "one attention layer, self and cross",
    "c preprocessing": "reference images, resized and normalised",
    "c tokens": "reference tokens",
    "d": "U-Net output and activations, 1x1, 3x2 and 5x7 views",
    "e latents": "latents after every step, 5 and 10 steps, with and without guidance",
    "e images": "images, autoencoder decoding and encoding",
}


def measure() -> dict[tuple[str, str, torch.dtype], tuple[float, float, int]]:
    """(group, cape, dtype) -> (largest deviation, limit, number of arrays)."""
    worst: dict[tuple[str, str, torch.dtype], tuple[float, float, int]] = {}
    runs = [(cape, dtype) for cape in ("6dof", "4dof") for dtype in (torch.float32, torch.float64)]
    for cape, dtype in tqdm(runs, desc="golden set A", unit="run"):
        with tempfile.TemporaryDirectory() as folder:
            save_checkpoint(golden_set.checkpoint(cape), folder)
            pipe = EscherNetPipeline.from_pretrained(folder, cape, dtype=dtype)
        for one in golden_set.deviations(pipe):
            value, _, count = worst.get((one.group, cape, dtype), (0.0, 0.0, 0))
            worst[one.group, cape, dtype] = max(value, one.value), one.limit, count + 1
    return worst


def report() -> str:
    """The Markdown page."""
    worst = measure()
    lines = [
        "# Equality with the authors' EscherNet",
        "",
        "Written by `tools/golden_report.py`: largest absolute deviations from golden set A, numbers measured in",
        "float64 on the authors' implementation with small models of known weights. The weights go through",
        "`save_checkpoint` and `EscherNetPipeline.from_pretrained` first. The tests in `test/model/test_golden.py`",
        "hold every array to the limits below.",
        "",
        f"torch {torch.__version__}, diffusers {diffusers.__version__}, transformers {transformers.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()} CPU.",
        "",
        "| group | | arrays | 6DoF float32 | 4DoF float32 | limit | 6DoF float64 | 4DoF float64 | limit |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for group, text in GROUPS.items():
        single = [worst[group, cape, torch.float32] for cape in ("6dof", "4dof")]
        double = [worst[group, cape, torch.float64] for cape in ("6dof", "4dof")]
        counts = " + ".join(str(count) for _, _, count in single)
        cells = [*(f"{v:.1e}" for v, _, _ in single), f"{single[0][1]:.0e}"]
        cells += [*(f"{v:.1e}" for v, _, _ in double), f"{double[0][1]:.0e}"]
        lines.append(f"| {group} | {text} | {counts} | {' | '.join(cells)} |")
    lines += [
        "",
        "Latents reach 39 in magnitude. The golden arrays are stored in float32, which alone is a rounding of up to",
        "1.9e-6 at that size.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "model_equality.md")
    output = parser.parse_args().output
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(report(), encoding="utf-8")
    tqdm.write(output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
