# SPDX-License-Identifier: Apache-2.0
"""Claim: the bundled checkpoint shows objects it was never trained on from views it was never given.

Compares it with three baselines on the same views: the nearest reference, the mean of the references, and the nearest
two references warped without depth. Objects: the eight of the simulated bench, lit as there, and objects of the
training corpus with seeds that training never draws. Goals: foreground PSNR at least 4 dB above the nearest reference
with 3 references and 6 dB with 10, and it rises with every added reference. The margin of the true pose above poses
turned by 30 degrees tells whether the model follows the pose it is asked for.

Foreground PSNR is taken over the pixels that truly show the object, full-frame PSNR beside it; both are averaged in dB
over views, as in the published tables. References and targets are random upright cameras at 1.5 to 2.2 longest sides
from the object, the same targets for every number of references, none of them a reference. The references for a number
n are the first n of one list, ordered so that each next one is the farthest from those before it.

    .venv/bin/python bench/demo_checkpoint.py [--objects all] [--references 1 2 3 5 10] [--targets 15] [--output FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import statistics
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from eschernet_ros.corpus.procedural import HELD_OUT_SEEDS
from eschernet_ros.corpus.renderer import ViewRenderer
from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.bench_views import BenchViews
from eschernet_ros.evaluation.corpus_views import FINER, CorpusViews
from eschernet_ros.evaluation.held_out import (
    BASELINES,
    HeldOutViews,
    ObjectResult,
    PoseMargin,
    Renderer,
    draw_views,
    evaluate,
    pose_margin,
)
from eschernet_ros.evaluation.picture_grid import GridRow, save_picture_grid
from eschernet_ros.geometry import look_at_origin, stack_matrices
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.objects import CATALOGUE

ELEVATIONS_DEG = {"bench": (10.0, 65.0), "corpus": (-10.0, 70.0)}
"""Band of the view sphere; the bench's is what the arm reaches above the table."""

GOALS_DB = {3: 4.0, 10: 6.0}
"""Number of references -> foreground PSNR of the model above that of the nearest reference."""

WRONG_TURNS_DEG = (-30.0, 30.0)
DEFAULT_SAMPLING = {"steps": 10, "guidance_scale": 1.0}
"""For a checkpoint that recommends none."""

METHODS = ("model", *BASELINES)
NEAREST = "nearest reference"
TIMED_TARGETS, TIMED_REFERENCES, FILL_TO = 12, 5, 15
SHOWN_WORST = 12


@dataclass
class Object:
    """One object's views, results by number of references, and pose margins by number of references."""

    name: str
    group: str
    views: HeldOutViews
    results: dict[int, ObjectResult] = field(default_factory=dict)
    margins: dict[int, PoseMargin] = field(default_factory=dict)


class Model:
    """The checkpoint as a function of references, their poses and target poses."""

    def __init__(self, pipeline: EscherNetPipeline, steps: int, guidance_scale: float, seed: int) -> None:
        self.pipeline, self.steps, self.guidance_scale, self.seed = pipeline, steps, guidance_scale, seed

    def __call__(self, images: np.ndarray, reference_poses: np.ndarray, target_poses: np.ndarray) -> np.ndarray:
        """Views at the target poses, float [M, H, H, 3] in [0, 1], as many together as the checkpoint is made for."""
        return self.pipeline(
            images, reference_poses, target_poses, self.steps, self.guidance_scale, self.seed, fill_to=FILL_TO
        )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", default="bundled-6dof", help="folder, hub id or bundled-6dof")
    parser.add_argument("--objects", choices=["bench", "corpus", "all"], default="all")
    parser.add_argument("--corpus-objects", type=int, default=16, help="how many objects of the corpus (default: 16)")
    parser.add_argument("--references", type=int, nargs="+", default=[1, 2, 3, 5, 10])
    parser.add_argument("--targets", type=int, default=15, help="views per object (default: 15)")
    parser.add_argument("--steps", type=int, help="denoising steps (default: as the checkpoint recommends)")
    parser.add_argument("--guidance", type=float, help="guidance scale (default: as the checkpoint recommends)")
    parser.add_argument("--seed", type=int, default=0, help="of the cameras and of the noise (default: 0)")
    bands = ", ".join(f"{low:g} to {high:g} for {group} objects" for group, (low, high) in ELEVATIONS_DEG.items())
    parser.add_argument(
        "--elevations", type=float, nargs=2, metavar=("LOW", "HIGH"), help=f"of the cameras, degrees (default: {bands})"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto (default: cpu)")
    parser.add_argument("--output", type=Path, default=Path("build/demo_checkpoint"))
    parser.add_argument("--quick", action="store_true", help="two objects of each kind, 1, 3 and 10 references")
    options = parser.parse_args()
    if options.quick:
        options.references, options.corpus_objects = [1, 3, 10], 2
    options.references = sorted(set(options.references))
    if options.references[0] < 1 or options.targets < 1 or options.corpus_objects < 1:
        parser.error("--references, --targets and --corpus-objects must be at least 1")
    return options


def pictures(options: argparse.Namespace, size: int) -> Iterator[tuple[str, str, Renderer]]:
    """Group, name and renderer of each object; the renderer works until the next one is asked for."""
    if options.objects in ("bench", "all"):
        for name in list(CATALOGUE)[: 2 if options.quick else None]:
            with BenchViews(name, size) as views:
                yield "bench", name, views
    if options.objects in ("corpus", "all"):
        with contextlib.closing(ViewRenderer(FINER * size, most=1)) as renderer:
            for number in range(options.corpus_objects):
                views = CorpusViews(renderer, HELD_OUT_SEEDS + number)
                yield "corpus", views.name, views


def run_object(options: argparse.Namespace, model: Model, group: str, name: str, render: Renderer) -> Object:
    """Draw the views of one object and score everything on them."""
    rng = np.random.default_rng([options.seed, zlib.crc32(name.encode())])
    elevations = tuple(options.elevations) if options.elevations else ELEVATIONS_DEG[group]
    views = draw_views(name, render, rng, max(options.references), options.targets, elevations)
    done = Object(name, group, views)
    for count in options.references:
        done.results[count] = evaluate(views, model, count)
        if count in GOALS_DB:
            asked = done.results[count].scores["model"]
            done.margins[count] = pose_margin(views, render, model, count, asked, WRONG_TURNS_DEG)
    return done


def measure_time(model: Model) -> dict[str, Any]:
    """Time and memory of 12 views from 5 references; run before anything else takes memory."""
    size = model.pipeline.image_size
    poses = stack_matrices(look_at_origin(0.37 * i, 1.2, 1.8) for i in range(TIMED_REFERENCES + TIMED_TARGETS))
    images = np.random.default_rng(0).integers(0, 256, (TIMED_REFERENCES, size, size, 3), dtype=np.uint8)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        model(images, poses[:TIMED_REFERENCES], poses[TIMED_REFERENCES:])
        seconds.append(time.perf_counter() - start)
    return {
        "views": TIMED_TARGETS,
        "references": TIMED_REFERENCES,
        "first_s": seconds[0],
        "median_s": statistics.median(seconds[1:]),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "device": str(model.pipeline.device),
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
    }


def summarize(objects: list[Object], counts: list[int]) -> dict[str, Any]:
    """Means over all views of some objects: PSNR by number of references and method, and pose margins."""
    table: dict[str, Any] = {}
    for count in counts:
        row: dict[str, Any] = {}
        for method in METHODS:
            scores = [each.results[count].scores[method] for each in objects]
            row[method] = {
                "foreground": float(np.mean([value for score in scores for value in score.foreground])),
                "full": float(np.mean([value for score in scores for value in score.full])),
            }
        above = [
            each.results[count].scores["model"].mean()[0] - each.results[count].scores[NEAREST].mean()[0]
            for each in objects
        ]
        row["above_nearest"] = row["model"]["foreground"] - row[NEAREST]["foreground"]
        row["objects_above_nearest"] = sum(value > 0.0 for value in above)
        table[str(count)] = row
    margins: dict[str, Any] = {}
    for count in sorted(set.intersection(*(set(each.margins) for each in objects))):
        values = [each.margins[count] for each in objects]
        margins[str(count)] = {
            "margin": float(np.mean([value.margin for value in values])),
            "least": min(value.margin for value in values),
            "objects_positive": sum(value.margin > 0.0 for value in values),
            "asked": float(np.mean([value.asked for value in values])),
            "turned": float(np.mean([value.turned for value in values])),
            "true_turned": float(np.mean([value.true_turned for value in values])),
        }
    return {"objects": len(objects), "psnr": table, "pose": margins, "goals": verdicts(table, counts)}


def verdicts(table: dict[str, Any], counts: list[int]) -> list[dict[str, Any]]:
    """Each goal that the run can judge: what it asks, what was measured, and whether it is met."""
    goals = []
    for count, wanted in GOALS_DB.items():
        if count in counts:
            above = table[str(count)]["above_nearest"]
            found = f"{above:+.2f} dB"
            if above < wanted:
                found += f", short by {wanted - above:.2f} dB"
            goals.append(
                {"goal": f"{count} references: {wanted:g} dB above the nearest", "met": above >= wanted, "found": found}
            )
    if len(counts) > 1:
        values = [table[str(count)]["model"]["foreground"] for count in counts]
        steps = np.diff(values)
        words = ", ".join(f"{a} to {b}: {step:+.2f} dB" for a, b, step in zip(counts, counts[1:], steps, strict=False))
        goals.append({"goal": "rises with every added reference", "met": bool((steps > 0).all()), "found": words})
    return goals


def markdown(report: dict[str, Any]) -> str:
    """The report as text with tables."""
    settings, timing = report["settings"], report["timing"]
    lines = [f"# {report['checkpoint']}", ""]
    if report["notice"]:
        lines += [f"**{report['notice']}**", ""]
    lines += [
        f"{report['size']}x{report['size']} pixels, denoising steps {settings['steps']}, guidance "
        f"{settings['guidance_scale']:g}, {settings['targets']} targets, {settings['targets_together'] or 'all'} "
        f"denoised together, seed {settings['seed']}. "
        "Foreground PSNR in dB over the true mask, full-frame PSNR in brackets.",
        "",
        f"{timing['views']} views from {timing['references']} references: median {timing['median_s']:.2f} s, first "
        f"call {timing['first_s']:.2f} s, peak memory {timing['peak_memory_mib']:.0f} MiB ({timing['device']}, "
        f"{timing['threads']} threads, {timing['cores']} cores, load {timing['load_average']:.1f}).",
    ]
    for group, summary in report["summary"].items():
        lines += ["", f"## {group}: {summary['objects']} objects", ""]
        lines += [f"| references | {' | '.join(METHODS)} | model above nearest |", "|---" * (len(METHODS) + 2) + "|"]
        for count, row in summary["psnr"].items():
            cells = [f"{row[method]['foreground']:.2f} ({row[method]['full']:.2f})" for method in METHODS]
            last = f"{row['above_nearest']:+.2f} ({row['objects_above_nearest']} of {summary['objects']} objects)"
            lines.append(f"| {count} | {' | '.join(cells)} | {last} |")
        lines += ["", "| goal | | found |", "|---|---|---|"]
        lines += [
            f"| {goal['goal']} | {'met' if goal['met'] else '**missed**'} | {goal['found']} |"
            for goal in summary["goals"]
        ]
        for count, margin in summary["pose"].items():
            lines += [
                "",
                f"Pose, {count} references: margin {margin['margin']:+.2f} dB, least {margin['least']:+.2f} dB, "
                f"positive for {margin['objects_positive']} of {summary['objects']} objects. The model scores "
                f"{margin['asked']:.2f} dB at the true pose, {margin['turned']:.2f} dB at poses turned by 30 degrees. "
                f"The object's true views from the turned poses score {margin['true_turned']:.2f} dB.",
            ]
    counts = settings["references"]
    lines += ["", "## Objects", "", "Foreground PSNR of the model, above the nearest reference in brackets.", ""]
    margin_counts = sorted({int(count) for each in report["objects"] for count in each["pose"]})
    heads = [*(f"{count} ref." for count in counts), *(f"pose margin, {count} ref." for count in margin_counts)]
    lines += [f"| object | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for each in report["objects"]:
        cells = []
        for count in counts:
            scores = each["psnr"][str(count)]
            model, nearest = (float(np.mean(scores[method]["foreground"])) for method in ("model", NEAREST))
            cells.append(f"{model:.2f} ({model - nearest:+.2f})")
        cells += [f"{each['pose'][str(count)]['margin']:+.2f}" for count in margin_counts]
        lines.append(f"| {each['name']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def as_json(each: Object) -> dict[str, Any]:
    """One object's numbers, a list entry per target."""
    return {
        "name": each.name,
        "group": each.group,
        "psnr": {
            str(count): {
                method: {"foreground": score.foreground, "full": score.full} for method, score in result.scores.items()
            }
            for count, result in each.results.items()
        },
        "pose": {str(count): {**vars(margin), "margin": margin.margin} for count, margin in each.margins.items()},
    }


def shown_counts(counts: list[int]) -> list[int]:
    """Numbers of references that the sheets show: those of the goals, or the fewest and the most."""
    return [count for count in counts if count in GOALS_DB] or sorted({counts[0], counts[-1]})


def decibels(each: Object, count: int, method: str) -> list[str]:
    """Captions of one row of targets."""
    return [f"{value:.1f} dB" for value in each.results[count].scores[method].foreground]


def object_sheet(folder: Path, each: Object, checkpoint: str) -> None:
    """One object: references, truth, and what the model and the nearest reference make of every target."""
    counts = list(each.results)
    rows = [
        GridRow(
            f"The {len(each.views.references)} references, in the order in which they are given.",
            list(each.views.references),
            [f"reference {number}" for number in range(1, len(each.views.references) + 1)],
        ),
        GridRow(
            f"The {len(each.views.truth)} target views as they truly are; none of them is a reference.",
            list(each.views.truth),
            [f"target {number}" for number in range(1, len(each.views.truth) + 1)],
        ),
    ]
    for count in shown_counts(counts):
        result = each.results[count]
        for method, words in (
            ("model", "the model's views"),
            (NEAREST, "the nearest reference instead"),
            ("two-view warp", "the nearest two references, warped without depth"),
        ):
            mean = result.scores[method].mean()[0]
            noun = "reference" if count == 1 else "references"
            label = f"From {count} {noun}: {words}. Mean foreground PSNR {mean:.2f} dB; below each view its own."
            rows.append(GridRow(label, list(result.images[method]), decibels(each, count, method)))
    save_picture_grid(folder / f"{each.group}_{each.name}.png", rows, f"{each.name}, {checkpoint}")


def overview_sheet(path: Path, objects: list[Object], checkpoint: str) -> None:
    """All objects: of the first three targets the truth, the nearest reference and the model's views."""
    counts = shown_counts(list(objects[0].results))
    rows = []
    for each in objects:
        images, captions = [], []
        for target in range(min(3, len(each.views.truth))):
            images.append(each.views.truth[target])
            captions.append("truth")
            for method, count in ((NEAREST, counts[0]), *(("model", count) for count in counts)):
                result = each.results[count]
                images.append(result.images[method][target])
                short = "model" if method == "model" else "nearest"
                captions.append(f"{short} of {count}: {result.scores[method].foreground[target]:.1f} dB")
        means = "; ".join(
            f"{count} references: model {each.results[count].scores['model'].mean()[0]:.1f} dB, nearest "
            f"{each.results[count].scores[NEAREST].mean()[0]:.1f} dB"
            for count in counts
        )
        rows.append(GridRow(f"{each.name}. Mean foreground PSNR with {means}.", images, captions))
    save_picture_grid(path, rows, f"The first three targets of every object, {checkpoint}")


def worst_sheet(path: Path, objects: list[Object], checkpoint: str) -> None:
    """The views at which the model scores lowest, for each shown number of references."""
    rows = []
    for count in shown_counts(list(objects[0].results)):
        found = sorted(
            (value, number, target)
            for number, each in enumerate(objects)
            for target, value in enumerate(each.results[count].scores["model"].foreground)
        )[:SHOWN_WORST]
        picked = [(objects[number], target) for _, number, target in found]
        rows.append(
            GridRow(
                f"The {len(picked)} worst views of all objects from {count} references, as they truly are.",
                [each.views.truth[target] for each, target in picked],
                [each.name for each, _ in picked],
            )
        )
        for method, words in (("model", "The model's views of them"), (NEAREST, "The nearest reference of each")):
            rows.append(
                GridRow(
                    f"{words}, with foreground PSNR.",
                    [each.results[count].images[method][target] for each, target in picked],
                    [f"{each.results[count].scores[method].foreground[target]:.1f} dB" for each, target in picked],
                )
            )
    save_picture_grid(path, rows, f"The worst views, {checkpoint}")


def main() -> None:
    """Measure, write and print."""
    options = arguments()
    pipeline = EscherNetPipeline.from_pretrained(options.checkpoint, device=options.device)
    advised = pipeline.checkpoint.sampling or DEFAULT_SAMPLING
    steps = advised["steps"] if options.steps is None else options.steps
    guidance = advised["guidance_scale"] if options.guidance is None else options.guidance
    model = Model(pipeline, int(steps), float(guidance), options.seed)
    timing = measure_time(model)
    objects: list[Object] = []
    bar = tqdm(pictures(options, pipeline.image_size), desc="objects", unit="object")
    for group, name, render in bar:
        bar.set_postfix_str(name)
        objects.append(run_object(options, model, group, name, render))
    groups = {group: [each for each in objects if each.group == group] for group in ELEVATIONS_DEG}
    groups = {group: members for group, members in groups.items() if members}
    if len(groups) > 1:
        groups["all"] = objects
    report = {
        "checkpoint": pipeline.name,
        "trained": pipeline.trained,
        "notice": pipeline.notice,
        "size": pipeline.image_size,
        "settings": {
            "steps": model.steps,
            "guidance_scale": model.guidance_scale,
            "seed": options.seed,
            "targets": options.targets,
            "targets_together": pipeline.targets_together,
            "references": options.references,
            "elevations_deg": options.elevations or ELEVATIONS_DEG,
        },
        "timing": timing,
        "summary": {group: summarize(members, options.references) for group, members in groups.items()},
        "objects": [as_json(each) for each in objects],
    }
    options.output.mkdir(parents=True, exist_ok=True)
    text = markdown(report)
    write_atomically(options.output / "results.json", (json.dumps(report, indent=1) + "\n").encode())
    write_atomically(options.output / "results.md", text.encode())
    title = f"checkpoint {pipeline.name}" + ("" if pipeline.trained else " (untrained)")
    for each in tqdm(objects, desc="sheets", unit="sheet"):
        object_sheet(options.output, each, title)
    for group, members in groups.items():
        if group != "all":
            overview_sheet(options.output / f"overview_{group}.png", members, title)
    worst_sheet(options.output / "worst.png", objects, title)
    print(text)
    print(f"Written: {options.output.resolve()}")


if __name__ == "__main__":
    try:
        main()
    except EscherNetError as error:
        raise SystemExit(f"demo_checkpoint: {error}") from error
