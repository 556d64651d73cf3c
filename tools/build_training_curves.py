# SPDX-License-Identifier: Apache-2.0
"""Draw the curves of the model card from a run's metrics.jsonl.

python tools/build_training_curves.py RUN/metrics.jsonl [RUN2/metrics.jsonl ...] docs/images/training_curves.png

Runs that went on from one another are drawn one behind the other.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from eschernet_ros.training.metrics_file import read_metrics  # noqa: E402

SMOOTHED = 15


def main() -> None:
    """Read the metrics, draw loss and validation side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("metrics", type=Path, nargs="+")
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    lines, ends = [], [0]
    for path in options.metrics:
        run = read_metrics(path)
        lines += [{**line, "step": line["step"] + ends[-1]} for line in run]
        ends.append(max(line["step"] for line in lines))
    loss = np.array([(line["step"], line["loss"]) for line in lines if "loss" in line])
    names = ("validation/foreground_psnr", "validation/nearest_psnr")
    scores = np.array([[line["step"], *(line[name] for name in names)] for line in lines if names[0] in line])
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    left.plot(loss[:, 0], loss[:, 1], color="#d6d3d1", linewidth=1)
    window = min(SMOOTHED, len(loss))
    smooth = np.convolve(loss[:, 1], np.ones(window) / window, mode="valid")
    left.plot(loss[window - 1 :, 0], smooth, color="#0f766e", linewidth=2)
    left.set(title="training loss (mean squared error of v)", xlabel="step", ylim=(0, None))
    right.plot(scores[:, 0], scores[:, 1], color="#0f766e", marker="o", markersize=3, label="model (averaged weights)")
    right.plot(scores[:, 0], scores[:, 2], color="#a8a29e", linestyle="--", label="nearest reference")
    right.set(title="held-out scenes, 3 references: foreground PSNR, dB", xlabel="step")
    right.legend(frameon=False)
    for axes in (left, right):
        for end in ends[1:-1]:
            axes.axvline(end, color="#a8a29e", linewidth=1, linestyle=":")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.savefig(options.picture, dpi=110)


if __name__ == "__main__":
    main()
