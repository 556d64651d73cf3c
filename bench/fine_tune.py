# SPDX-License-Identifier: Apache-2.0
"""Claim: fine-tuning on a recording of one object improves the views of it that were held out.

Records an object on the simulated bench through the whole graph (or takes a recording), holds out views spread over
the sphere, trains the checkpoint on the others, and scores the held-out views before and after, from the same
references. Prints and writes foreground PSNR and the time it took.

    .venv/bin/python bench/fine_tune.py [--recording FOLDER] [--object teapot] [--steps 300] [--output FOLDER]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from eschernet_ros.datasets import open_dataset
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import psnr
from eschernet_ros.evaluation.metrics import to_uint8
from eschernet_ros.evaluation.picture_grid import GridRow, save_picture_grid
from eschernet_ros.geometry import SE3, farthest_point_order, view_directions
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.training.scenes import TrainingScene, View
from eschernet_ros.training.settings import TrainingSettings
from eschernet_ros.training.trainer import train


class KeptViews(TrainingScene):
    """The views of a recording that training may see."""

    def __init__(self, name: str, images: np.ndarray, poses: np.ndarray):
        """Keep images [N, H, H, 3] at the model's size and poses [N, 4, 4]."""
        self.name, self.images, self.poses = name, images, poses

    def __len__(self) -> int:
        """Number of views."""
        return len(self.images)

    def view(self, index: int, size: int) -> View:
        """One view."""
        assert self.images.shape[1] == size
        return self.images[index].copy(), self.poses[index].copy()


def record(name: str, views: int, output: Path) -> Path:
    """Record an object on the bench through bench, capture and recorder nodes; returns the recording's folder."""
    from eschernet_ros.demo.run import DemoOptions, run_demo

    run_demo(DemoOptions(output, object_name=name, references=5, targets=views - 5))
    return output / "recordings"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, help="folder of a recording (default: record one)")
    parser.add_argument("--object", default="teapot", help="bench object to record (default: teapot)")
    parser.add_argument("--views", type=int, default=36, help="views to record (default: 36)")
    parser.add_argument("--held-out", type=int, default=12, help="views kept from training (default: 12)")
    parser.add_argument("--references", type=int, default=3, help="references at the scoring (default: 3)")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--checkpoint", default="bundled-6dof")
    parser.add_argument("--output", type=Path, default=Path("bench_output/fine_tune"))
    options = parser.parse_args()
    if options.output.exists():
        raise EscherNetError(f"{options.output} holds an earlier run; choose another folder with --output.")
    recording = options.recording or record(options.object, options.views, options.output / "graph")
    pipeline = EscherNetPipeline.from_pretrained(options.checkpoint)
    dataset = open_dataset(recording)
    views = dataset.read(dataset.objects[0], image_size=pipeline.image_size)
    order = farthest_point_order(view_directions(SE3.from_matrix(pose) for pose in views.camera_gl_from_world))
    held_out, kept = np.sort(order[: options.held_out]), np.sort(order[options.held_out :])
    assert views.masks is not None
    chosen = kept[: options.references]

    def score(model: EscherNetPipeline) -> tuple[np.ndarray, list[float]]:
        steps, guidance = model.sampling
        made = to_uint8(
            model(
                views.images[chosen],
                views.camera_gl_from_world[chosen],
                views.camera_gl_from_world[held_out],
                steps=steps,
                guidance_scale=guidance,
                fill_to=15,
            )
        )
        assert views.masks is not None
        return made, [psnr(m, views.images[i], views.masks[i]) for m, i in zip(made, held_out, strict=True)]

    images_before, before = score(pipeline)
    settings = TrainingSettings(
        checkpoint=options.checkpoint,
        cape=pipeline.cape,
        data=(str(recording),),
        references=(1, 5),
        targets=4,
        distinct_views=True,
        workers=0,
        high_noise_bias=40.0,
        foreground_weight=4.0,
        steps=options.steps,
        batch_size=4,
        device_batch_size=4,
        learning_rate=options.learning_rate,
        learning_rate_end=options.learning_rate / 20,
        warmup_steps=10,
        gradient_checkpointing=False,
        validation_scenes=0,
        checkpoint_every=options.steps,
    )
    start = time.perf_counter()
    scene = KeptViews(views.name, views.images[kept], views.camera_gl_from_world[kept])
    result = train(settings, [scene], options.output / "run")
    seconds = time.perf_counter() - start
    assert result.checkpoint is not None
    images_after, after = score(EscherNetPipeline.from_pretrained(result.checkpoint))
    gain = np.array(after) - np.array(before)
    report = {
        "object": views.name,
        "trained_on": len(kept),
        "held_out": len(held_out),
        "references": options.references,
        "steps": options.steps,
        "seconds": round(seconds, 1),
        "foreground_psnr_before": round(float(np.mean(before)), 2),
        "foreground_psnr_after": round(float(np.mean(after)), 2),
        "views_improved": int((gain > 0).sum()),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    (options.output / "results.json").write_text(json.dumps(report, indent=1) + "\n")
    save_picture_grid(
        options.output / "fine_tune.png",
        [
            GridRow("true", list(views.images[held_out])),
            GridRow("before", list(images_before), [f"{value:.1f} dB" for value in before]),
            GridRow("after", list(images_after), [f"{value:.1f} dB" for value in after]),
        ],
        f"{views.name}: {options.references} references, held-out views before and after {options.steps} steps",
    )
    for name, value in report.items():
        print(f"{name:24s} {value}")


if __name__ == "__main__":
    main()
