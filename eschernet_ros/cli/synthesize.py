# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros synthesize``: a data set folder in, synthesized views, their numbers and a picture out."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.cli.synthesis_output import SynthesizedView, prepare_output, write_output
from eschernet_ros.datasets import Dataset, PosedImages, format_ids, layouts, open_dataset, spread_ids
from eschernet_ros.datasets.placement import PLACEMENT_RULES
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import StageTimer, psnr
from eschernet_ros.geometry import SE3, spiral_100
from eschernet_ros.optional import require
from eschernet_ros.synthesis import SynthesisRequest, synthesize

_IDS = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="an object's folder, or a collection")
    parser.add_argument(
        "--layout", choices=list(layouts()), help="layout of the folder (default: found out by what is in it)"
    )
    parser.add_argument("--object", metavar="NAME", help="which object of a collection")
    parser.add_argument(
        "--published-poses",
        action="store_true",
        help="read poses by the published rule even where the folder records the full ones",
    )
    parser.add_argument(
        "--place",
        choices=PLACEMENT_RULES,
        default="auto",
        help="where the object is in scenes of nerfstudio and COLMAP: file: object_frame.json; points: the box of "
        "COLMAP's points; axes: where all cameras look; auto: the first that applies (default: %(default)s)",
    )
    references = parser.add_mutually_exclusive_group()
    references.add_argument(
        "--references",
        type=int,
        default=5,
        metavar="N",
        help="number of reference views, chosen as in the published evaluation (default: 5)",
    )
    references.add_argument(
        "--reference-ids", type=_ids, metavar="IDS", help="the reference views, for example 0,3,7 or 0-4"
    )
    parser.add_argument(
        "--spread",
        action="store_true",
        help="choose the N references far from each other instead of by the published rule",
    )
    parser.add_argument(
        "--targets",
        type=_targets,
        metavar="all|held-out|spiral|IDS",
        help="views to synthesize: all of the data set, those that are no references, the published spiral "
        "of 100, or the poses of some views, for example 10-24 (default: as in the published evaluation)",
    )
    parser.add_argument(
        "--checkpoint",
        default="bundled-6dof",
        help="folder or Hugging Face id of the model, or bundled-6dof, bundled-4dof: small ones for "
        "64x64 images (default: bundled-6dof)",
    )
    parser.add_argument(
        "--cape",
        choices=["6dof", "4dof"],
        help="camera encoding of the checkpoint (default: as the checkpoint records)",
    )
    parser.add_argument("--steps", type=int, help="denoising steps (default: what suits the checkpoint)")
    parser.add_argument("--guidance-scale", type=float, help="weight of the references (default: what suits it)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise and of random references (default: 0)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 (default: auto)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder to write to (default: synthesis/OBJECT)")
    parser.add_argument("--overwrite", action="store_true", help="replace the result that the output folder holds")


def run(arguments: argparse.Namespace) -> int:
    """Read, synthesize, score and write."""
    timer = StageTimer()
    dataset = open_dataset(arguments.folder, arguments.layout)
    if arguments.object is None and len(dataset.objects) > 1:
        raise EscherNetError(
            f"{dataset.folder} holds {len(dataset.objects)} objects; name one with --object: "
            f"{', '.join(dataset.objects)}."
        )
    name = arguments.object or dataset.objects[0]
    output = prepare_output(arguments.output or Path("synthesis") / name, arguments.overwrite)
    with timer.stage("load model"):
        pipeline = _load(arguments.checkpoint, arguments.cape, arguments.device)
    with timer.stage("read images"):
        views = dataset.read(
            name,
            image_size=pipeline.image_size,
            published_poses=arguments.published_poses,
            placement=arguments.place,
        )
    plan = plan_views(dataset, views, arguments)
    print(f"{views.name} ({views.layout}): {plan.rule} {views.pose_source}")
    request = SynthesisRequest(
        reference_images=views.images[views.positions(plan.reference_ids)],
        reference_poses=views.camera_gl_from_world[views.positions(plan.reference_ids)],
        target_poses=plan.target_poses,
        steps=arguments.steps,
        guidance_scale=arguments.guidance_scale,
        seed=arguments.seed,
    )
    tqdm = require("tqdm", "pip install tqdm", "the progress bar").tqdm
    with tqdm(desc="denoising", unit="step", disable=None) as bar:

        def show(step: int, steps: int) -> None:
            bar.total = steps
            bar.update(step - bar.n)

        result = synthesize(pipeline, request, show)
    arguments.steps, arguments.guidance_scale = result.steps, result.guidance_scale  # recorded as used
    timer.include(result.timings, prefix="synthesis: ")
    with timer.stage("score"):
        synthesized = _score(views, plan, result.images)
    write_output(
        output,
        arguments=arguments,
        pipeline=pipeline,
        dataset=dataset,
        views=views,
        reference_ids=plan.reference_ids,
        rule=plan.rule,
        synthesized=synthesized,
        warnings=result.warnings,
        timer=timer,
    )
    return 0


@dataclass(frozen=True, eq=False)
class ViewPlan:
    """Which views are used for what.

    Attributes:
        reference_ids: views given to the model.
        target_ids: data set ids of the targets; None for the spiral.
        target_poses: ``camera_gl_from_world`` [M,4,4].
        scored_ids: target views whose numbers enter the means.
        rule: a sentence that says how they were chosen.
    """

    reference_ids: tuple[int, ...]
    target_ids: tuple[int, ...] | None
    target_poses: NDArray[np.float64]
    scored_ids: tuple[int, ...]
    rule: str


def plan_views(dataset: Dataset, views: PosedImages, arguments: argparse.Namespace) -> ViewPlan:
    """Choose references and targets: as published, unless the options say otherwise."""
    if arguments.spread and arguments.reference_ids is not None:
        raise EscherNetError("--spread chooses the references itself; leave out --reference-ids.")
    chosen: Sequence[int] | None = arguments.reference_ids
    if arguments.spread:
        chosen = spread_ids(views, arguments.references)
    if chosen is not None:
        views.positions(chosen)  # refuses ids that are not in the data set
    count = arguments.references if chosen is None else len(chosen)
    split = dataset.split(views, count, arguments.seed)
    references = split.reference_ids if chosen is None else tuple(chosen)
    rule = split.rule
    targets: str | tuple[int, ...] | None = arguments.targets
    target_ids: tuple[int, ...] | None
    if targets is None:
        target_ids = split.target_ids if split.targets == "views" else None
        scored = split.scored_ids
    else:
        if targets == "spiral":
            target_ids = None
        elif targets == "all":
            target_ids = views.view_ids
        elif targets == "held-out":
            target_ids = tuple(view_id for view_id in views.view_ids if view_id not in references)
            if not target_ids:
                raise EscherNetError(f"All {len(views)} views are references; none is held out. Use fewer references.")
        else:
            assert isinstance(targets, tuple)
            target_ids = targets
        scored = target_ids or ()
    scored = tuple(view_id for view_id in scored if view_id not in references)
    if chosen is not None or targets is not None:
        wanted = "the spiral of 100 poses" if target_ids is None else format_ids(sorted(target_ids))
        rule = f"References {format_ids(sorted(references))}, targets {wanted}, scored {format_ids(scored)}."
    if target_ids is None:
        poses = np.stack([pose.matrix for pose in spiral_100()])
    else:
        poses = views.camera_gl_from_world[views.positions(target_ids)]
    return ViewPlan(references, target_ids, poses, scored, rule)


def _score(views: PosedImages, plan: ViewPlan, images: NDArray[np.uint8]) -> list[SynthesizedView]:
    """The synthesized views with their numbers where true images exist."""
    poses = [SE3.from_matrix(matrix) for matrix in plan.target_poses]
    if plan.target_ids is None:
        return [
            SynthesizedView(label=str(index), image=image, pose=pose)
            for index, (image, pose) in enumerate(zip(images, poses, strict=True))
        ]
    scored = []
    rows = views.positions(plan.target_ids)
    for view_id, row, image, pose in zip(plan.target_ids, rows, images, poses, strict=True):
        truth = views.images[row]
        mask = None if views.masks is None else views.masks[row]
        scored.append(
            SynthesizedView(
                label=str(view_id),
                image=image,
                pose=pose,
                truth=truth,
                psnr=psnr(image, truth),
                foreground_psnr=psnr(image, truth, mask) if mask is not None and mask.any() else None,
                is_reference=view_id in plan.reference_ids,
                scored=view_id in plan.scored_ids,
            )
        )
    return scored


def _load(checkpoint: str, cape: str | None, device: str) -> Any:
    from eschernet_ros.model import EscherNetPipeline

    if device == "auto":
        torch = require("torch", "pip install torch", "the EscherNet model")
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return EscherNetPipeline.from_pretrained(checkpoint, cape=cape, device=device)


def _ids(text: str) -> tuple[int, ...]:
    """``"0,3,7"`` or ``"0-4,9"`` as numbers."""
    if not _IDS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of view numbers such as 0,3,7 or 0-4")
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    if not numbers or len(set(numbers)) != len(numbers):
        raise argparse.ArgumentTypeError(f"'{text}' names a view twice or none at all")
    return tuple(numbers)


def _targets(text: str) -> str | tuple[int, ...]:
    return text if text in ("all", "held-out", "spiral") else _ids(text)
