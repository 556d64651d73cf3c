# SPDX-License-Identifier: Apache-2.0
"""Results of an evaluation made up from plain numbers, with tiny pictures: what a report is drawn from in the tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from eschernet_ros.evaluation.results import (
    MODEL,
    Case,
    Configuration,
    Consistency,
    Evaluation,
    ModelInfo,
    ObjectResult,
    PosedPicture,
    PoseScore,
    PublishedNumber,
    ViewScore,
)
from eschernet_ros.evaluation.stage_timer import StageTime
from eschernet_ros.evaluation.summary import summarise
from eschernet_ros.geometry import SE3, look_at_origin

SIDE = 32
NEAREST, BLEND = "nearest reference", "two-view warp"
METHODS = (MODEL, NEAREST, BLEND)
MEASURED = ("psnr", "ssim", "psnr_foreground")


def made_evaluation(
    folder: Path,
    objects: Sequence[str] = ("mug", "<script>alert(1)</script>", "kettle & lid"),
    counts: Sequence[int] = (1, 3, 5),
    seeds: Sequence[int] = (0, 1),
    targets: int = 7,
    lift: float = 0.0,
    side: int = SIDE,
) -> Evaluation:
    """An evaluation whose pictures lie in ``folder``.

    The model's foreground PSNR of object i, seed s, n references, target t is 12 + i + n / 2 + s / 4 - t / 2 + ``lift``
    dB, the nearest reference's 2 less, the warp's 1 less; the full frame's is 6 more; SSIM is a fiftieth of that.
    """
    made = tuple(
        _object(folder, number, name, counts, seeds, targets, lift, side) for number, name in enumerate(objects)
    )
    return Evaluation(
        configuration=Configuration(
            protocol="held-out",
            title="Held-out views",
            rule="Some views are references, all others are scored.",
            data_set="recordings",
            layout="franka16",
            counts=tuple(counts),
            seeds=tuple(seeds),
            methods=METHODS,
            metrics=MEASURED,
            protocol_settings={"rule": "farthest", "note": "</script><b>"},
            skipped=("LPIPS was not measured: its weights are not installed.",),
        ),
        model=ModelInfo("tiny-6dof", "6dof", True, None, side, 10, 1.0, "cpu", "float32", "c0ffee"),
        versions={"eschernet_ros": "0.1.0", "torch": "2.13.0"},
        machine={"processor": "made up", "cores": "2"},
        created="2026-11-24T09:30:00+00:00",
        objects=made,
        summaries=summarise(made),
        published=(
            PublishedNumber("EscherNet 6DoF", 1, "psnr", 20.89, 18.0, -2.89, None),
            PublishedNumber("EscherNet 6DoF", 2, "psnr", 23.92, None, None, None),
            PublishedNumber("EscherNet 6DoF", 3, "psnr", 25.21, 19.0, -6.21, None),
        ),
        timings={"synthesis": StageTime(6, 12.0, 3.5), "metrics": StageTime(60, 3.0, 0.2)},
    )


def with_lift(evaluation: Evaluation, lift: Sequence[float]) -> Evaluation:
    """The same with the model's foreground PSNR raised by ``lift[i]`` dB for the object i, in the views alone."""
    objects = []
    for each, more in zip(evaluation.objects, lift, strict=True):
        cases = [
            dataclasses.replace(case, views=tuple(_lifted(view, more) for view in case.views)) for case in each.cases
        ]
        objects.append(dataclasses.replace(each, cases=tuple(cases)))
    return dataclasses.replace(evaluation, objects=tuple(objects))


def _lifted(view: ViewScore, more: float) -> ViewScore:
    if view.method != MODEL:
        return view
    metrics = {**view.metrics, "psnr_foreground": view.metrics["psnr_foreground"] + more}
    return dataclasses.replace(view, metrics=metrics)


def _object(
    folder: Path,
    number: int,
    name: str,
    counts: Sequence[int],
    seeds: Sequence[int],
    targets: int,
    lift: float,
    side: int,
) -> ObjectResult:
    safe = f"object_{number}"
    (folder / "images" / safe).mkdir(parents=True, exist_ok=True)
    references = []
    for identifier in range(max(counts)):
        pose = look_at_origin(2.0 * np.pi * identifier / max(counts), 1.1, 1.8)
        references.append(_posed(folder, safe, identifier, pose, number, side))
    asked = []
    for place in range(targets):
        pose = look_at_origin(2.0 * np.pi * (place + 0.3) / targets, 0.7 + 0.1 * place, 1.8)
        asked.append(_posed(folder, safe, 100 + place, pose, number, side))
    cases = []
    for count in counts:
        for seed in seeds:
            views = []
            for method, less in zip(METHODS, (0.0, 2.0, 1.0), strict=True):
                for place, target in enumerate(asked):
                    foreground = (
                        12.0 + number + count / 2 + seed / 4 - place / 2 - less + (lift if method == MODEL else 0.0)
                    )
                    metrics = {
                        "psnr": foreground + 6.0,
                        "ssim": (foreground + 6.0) / 50.0,
                        "psnr_foreground": foreground,
                    }
                    image = _prediction(
                        folder, safe, method, target.view_id, number, side, 4.0 + 6.0 * place + 10.0 * less
                    )
                    views.append(ViewScore(method, target.view_id, True, 4.0 + 7.0 * place, image, metrics))
            poses = (
                PoseScore(
                    "azimuth", 30.0, {"psnr_foreground": 11.0 + number + count / 2 + seed / 4 - (targets - 1) / 4}
                ),
            )
            consistency = (Consistency(MODEL, 6, 500, 0.6, 1.5, 0.7), Consistency("truth", 6, 900, 0.9, 0.5, 0.99))
            cases.append(
                Case(
                    seed,
                    tuple(range(count)),
                    "farthest points; all others are targets",
                    tuple(views),
                    poses,
                    consistency,
                    {MODEL: 2.0, NEAREST: 0.1, BLEND: 0.2},
                )
            )
    return ObjectResult(name, "6dof from frames.json", tuple(references), tuple(asked), tuple(cases), f"hash{number}")


def _posed(folder: Path, safe: str, identifier: int, pose: SE3, number: int, side: int) -> PosedPicture:
    path = f"images/{safe}/view_{identifier}.png"
    Image.fromarray(_picture(identifier, number, side, 0.0)).save(folder / path)
    matrix = tuple(tuple(float(value) for value in row) for row in pose.matrix)
    return PosedPicture(identifier, matrix, path)


def _prediction(folder: Path, safe: str, method: str, identifier: int, number: int, side: int, noise: float) -> str:
    path = f"images/{safe}/{method.replace(' ', '_')}_{identifier}.png"
    if not (folder / path).exists():
        Image.fromarray(_picture(identifier, number, side, noise)).save(folder / path)
    return path


def _picture(identifier: int, number: int, side: int, noise: float) -> np.ndarray:
    """A coloured ball with a spot that moves with the view, on white."""
    y, x = (np.mgrid[:side, :side] - side / 2) / (side / 2)
    ball = x**2 + y**2 < 0.55
    spot = (x - 0.5 * np.cos(0.9 * identifier)) ** 2 + (y - 0.4 * np.sin(0.7 * identifier)) ** 2 < 0.04
    image = np.full((side, side, 3), 255.0)
    image[ball] = np.roll((200.0, 90.0, 40.0), number) * (0.7 + 0.3 * (x[ball] + 1)[:, None] / 2)
    image[spot & ball] = (250, 240, 80)
    image[ball] += np.random.default_rng(identifier).normal(0.0, 1.0 + noise, image[ball].shape)
    return np.clip(image, 0, 255).astype(np.uint8)
