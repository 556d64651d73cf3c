# SPDX-License-Identifier: Apache-2.0
"""Build the bundled 4DoF checkpoint: seeded random weights in the published folder layout, 64x64 images.

Run from the repository root: python tools/build_tiny_checkpoint.py

It makes the whole 4DoF chain run in seconds without a download, and shows nothing: its model_index.json says so. The
same call makes the same bytes again. The 6DoF checkpoint beside it is trained (eschernet_ros/checkpoints/tiny-6dof).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from eschernet_ros.model import save_checkpoint  # noqa: E402
from eschernet_ros.model.random_weights import random_checkpoint  # noqa: E402

# Written by the libraries of the day; left out so that a newer one still makes the same files.
VERSION_KEYS = ("_diffusers_version", "transformers_version")


def write(cape: str, folder: Path) -> None:
    """Build the checkpoint of ``cape`` and write it to ``folder`` in float16."""
    save_checkpoint(random_checkpoint(cape), folder, dtype=torch.float16)
    for path in folder.glob("*/config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        kept = {key: value for key, value in config.items() if key not in VERSION_KEYS}
        path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "eschernet_ros" / "checkpoints",
        help="folder that gets tiny-4dof (default: %(default)s)",
    )
    write("4dof", parser.parse_args(arguments).output / "tiny-4dof")


if __name__ == "__main__":
    main()
