# SPDX-License-Identifier: Apache-2.0
"""Draw docs/images/bench.png: the bench from outside, and every object of the catalogue from three viewpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from eschernet_ros.objects import CATALOGUE
from eschernet_ros.simulation import SimulatedBench

CELL = (160, 120)


def main() -> None:
    """Render and write."""
    rows = []
    for name in CATALOGUE:
        with SimulatedBench(name) as bench:
            viewpoints = bench.viewpoints(12)
            pictures = [Image.fromarray(bench.render_colour(viewpoints[i].q)) for i in (0, 4, 8)]
        rows.append(np.hstack([np.array(p.resize(CELL, Image.Resampling.LANCZOS)) for p in pictures]))
    objects = np.hstack([np.vstack(rows[:4]), np.vstack(rows[4:])])
    with SimulatedBench("teapot") as bench:
        overview = Image.fromarray(bench.render_overview(bench.viewpoints(12)[3].q))
    whole = np.hstack([np.array(overview.resize((640, 480), Image.Resampling.LANCZOS)), objects])
    path = Path(__file__).resolve().parents[1] / "docs" / "images" / "bench.png"
    Image.fromarray(whole).quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
