# SPDX-License-Identifier: Apache-2.0
"""The demo: an arm tours an object, some views become references, the others are asked for and compared."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from geometry_msgs.msg import PoseArray

from eschernet_ros import __version__
from eschernet_ros.action import Synthesize
from eschernet_ros.capture import PosedView
from eschernet_ros.demo.client import GraphClient
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import SheetView, StageTimer, psnr, save_contact_sheet
from eschernet_ros.geometry import farthest_point_order, model_camera, resample, view_directions
from eschernet_ros.nodes import messages
from eschernet_ros.optional import require
from eschernet_ros.processes import Graph
from eschernet_ros.simulation import BenchConfig


@dataclass(frozen=True)
class DemoOptions:
    """What the demo does.

    Attributes:
        output: folder of the run; it must not hold an earlier one.
        object_name: bench object.
        references, targets: how many views of each; the arm visits them all.
        checkpoint, cape: the model.
        steps, guidance_scale, seed: of the synthesis; None: what suits the checkpoint.
    """

    output: Path
    object_name: str = "mug"
    references: int = 5
    targets: int = 12
    checkpoint: str = "bundled-6dof"
    cape: str = "6dof"
    steps: int | None = None
    guidance_scale: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class _Target:
    """One held-out view: what the camera saw, what the model made of it, and the score."""

    view: PosedView
    image: np.ndarray
    truth: np.ndarray
    psnr: float
    foreground_psnr: float


def run_demo(options: DemoOptions) -> Path:
    """Run the demo with progress on the terminal; return the contact sheet's path.

    Raises:
        EscherNetError: when a step fails; the sentence says which and where the logs are.
    """
    output = options.output.resolve()
    if (output / "recordings").exists():
        raise EscherNetError(f"{output} holds an earlier run; choose another folder with --output")
    timer = StageTimer()
    start = time.perf_counter()
    with Graph(output) as graph:
        write_capture_file(output / "capture.yaml")
        with timer.stage("start of the processes"):
            _start_nodes(graph, options)
            client = GraphClient(graph)
        with client:
            with timer.stage("start of the processes"):
                viewpoints = client.wait_until_ready()
                wait_for_bag_recorder(client)
            views = _visit(client, viewpoints, timer)
            references, held_out = _split(views, options.references)
            result = _synthesize(client, viewpoints.header.frame_id, references, held_out, options)
            timer.add("synthesis: waiting", result.queue_seconds)
            timer.add("synthesis: references and first step", result.first_step_seconds)
            timer.add("synthesis: other steps", result.other_steps_seconds)
            timer.add("synthesis: decoding", result.decode_seconds)
            with timer.stage("recorder: flush"):
                recorded = client.flush_recorder(frames=len(views))
        with timer.stage("end of the processes"):
            graph.stop()
    with timer.stage("scores and contact sheet"):
        targets = _score(held_out, result)
        sheet = _draw(output, options, references, targets, result)
    _write_result(output, options, references, targets, result, timer)
    _print(targets, result, timer, recorded, sheet, time.perf_counter() - start)
    return sheet


def capture_parameters() -> dict[str, Any]:
    """Return what the capture node must be told on the bench: its hand-eye transform, object box and exposure."""
    hand_eye = BenchConfig().ee_from_camera_optical
    return {
        "hand_eye.translation": hand_eye.translation.tolist(),
        "hand_eye.rotation_xyzw": hand_eye.quaternion_xyzw.tolist(),
        "object.topic": "bench/object_box",
        "exposure_s": 0.008,
    }


def bag_parameters(bag: Path) -> dict[str, Any]:
    """Return what the bag recorder must be told to record all that a capture on the bench hears."""
    camera = "/camera/camera"
    pictures = ("color/image_raw", "color/camera_info", "aligned_depth_to_color/image_raw")
    return {
        "bag": str(bag),
        "topics": "/franka_robot_state_broadcaster/current_pose /joint_states bench/object_box",
        "picture_topics": " ".join(f"{camera}/{name}" for name in pictures),
    }


def wait_for_bag_recorder(client: GraphClient, timeout_s: float = 60.0) -> None:
    """Wait until the bag recorder hears the pictures: the capture is the other who does.

    Raises:
        EscherNetError: it does not.
    """
    topics = bag_parameters(Path())["picture_topics"].split()
    client.wait(
        lambda: all(client.node.count_subscribers(topic) >= 2 for topic in topics),
        timeout_s,
        "the bag recorder's start",
    )


def write_capture_file(path: Path) -> None:
    """Write the parameters of the bench's capture as a parameter file, for a replay of the bag."""
    document = {"/**": {"ros__parameters": capture_parameters()}}
    path.write_text(yaml.safe_dump(document, default_flow_style=None), encoding="utf-8")


def _start_nodes(graph: Graph, options: DemoOptions) -> None:
    graph.start_node(
        "eschernet_ros.nodes.bench",
        {"object": options.object_name, "viewpoints": options.references + options.targets},
    )
    graph.start_node("eschernet_ros.nodes.bag_recorder", bag_parameters(graph.folder / "bag"))
    graph.start_node("eschernet_ros.nodes.capture", capture_parameters())
    graph.start_node(
        "eschernet_ros.nodes.synthesis",
        {
            "checkpoint": options.checkpoint,
            "cape": options.cape,
            "threads": max(1, (os.cpu_count() or 2) - 1),  # the bench renders on
        },
    )
    graph.start_node(
        "eschernet_ros.nodes.recorder",
        {"output_dir": str(graph.folder / "recordings"), "object_name": options.object_name},
    )


def _visit(client: GraphClient, viewpoints: PoseArray, timer: StageTimer) -> list[PosedView]:
    """Move to every viewpoint and take a view there."""
    tqdm = require("tqdm", "pip install tqdm", "the progress bar").tqdm
    views = []
    for pose in tqdm(viewpoints.poses, desc="visiting viewpoints", unit="view"):
        with timer.stage("moving the arm"):
            client.move_camera(pose, viewpoints.header.frame_id)
        with timer.stage("taking views"):
            views.append(messages.from_posed_view(client.take_view()))
    return views


def _split(views: list[PosedView], count: int) -> tuple[list[PosedView], list[PosedView]]:
    """Take as references the views that lie farthest apart; the others are held out."""
    order = farthest_point_order(view_directions(view.camera_gl_from_object for view in views))
    chosen = {int(index) for index in order[:count]}
    return (
        [view for index, view in enumerate(views) if index in chosen],
        [view for index, view in enumerate(views) if index not in chosen],
    )


def _synthesize(
    client: GraphClient,
    base_frame: str,
    references: list[PosedView],
    held_out: list[PosedView],
    options: DemoOptions,
) -> Synthesize.Result:
    """Ask for the held-out viewpoints, given in the robot's base frame as a user would."""
    tqdm = require("tqdm", "pip install tqdm", "the progress bar").tqdm
    targets = PoseArray(poses=[messages.to_pose(view.base_from_camera_optical) for view in held_out])
    targets.header.frame_id = base_frame
    with tqdm(total=options.steps, desc=f"synthesizing {len(held_out)} views", unit="step") as bar:

        def show(feedback: Synthesize.Feedback) -> None:
            bar.total = feedback.steps
            bar.update(feedback.step - bar.n)

        given = {"steps": options.steps, "guidance_scale": options.guidance_scale}
        return client.synthesize(
            targets,
            [view.index for view in references],
            show,
            seed=options.seed,
            **{name: value for name, value in given.items() if value is not None},
        )


def _score(held_out: list[PosedView], result: Synthesize.Result) -> list[_Target]:
    """Compare each synthesized view with the true one, brought to its size.

    Raises:
        EscherNetError: when the views came back for other poses, or from other references, than were asked for.
    """
    targets = []
    for view, message, pose in zip(held_out, result.views, result.poses.poses, strict=True):
        wanted = view.object_frame.base_from_object.inverse() @ view.base_from_camera_optical
        metres, radians = wanted.distance_to(messages.from_pose(pose))
        if metres > 1e-6 or radians > 1e-6:
            raise EscherNetError(
                f"the view synthesized for {view.index} is {metres * 1e3:.3f} mm and {math.degrees(radians):.3f} deg "
                "away from where it was asked for"
            )
        image = messages.colour_from_image(message)
        small = resample(view.image, view.camera, model_camera(image.shape[0]), view.mask)
        targets.append(
            _Target(
                view,
                image,
                small.image,
                psnr(image, small.image),
                psnr(image, small.image, small.mask),
            )
        )
    return targets


def _draw(
    output: Path,
    options: DemoOptions,
    references: list[PosedView],
    targets: list[_Target],
    result: Synthesize.Result,
) -> Path:
    folder = output / "views"
    folder.mkdir(exist_ok=True)
    image_module = require("PIL.Image", "pip install pillow", "writing pictures")
    for target in targets:
        image_module.fromarray(target.image).save(folder / f"{target.view.index:03d}.png")
    path = output / "contact_sheet.png"
    frame = references[0].object_frame
    save_contact_sheet(
        path,
        [SheetView(str(v.index), v.image, v.camera_gl_from_object) for v in references],
        [
            SheetView(
                str(t.view.index),
                t.image,
                t.view.camera_gl_from_object,
                t.truth,
                t.psnr,
                t.foreground_psnr,
            )
            for t in targets
        ],
        title=f"{options.object_name} on the simulated bench",
        notice=None if result.checkpoint_trained else result.warnings[0],
        summary=f"{result.checkpoint}, {result.steps} steps, {result.message}",
        object_size=tuple(side * frame.scale for side in frame.size),
    )
    return path


def _write_result(
    output: Path,
    options: DemoOptions,
    references: list[PosedView],
    targets: list[_Target],
    result: Synthesize.Result,
    timer: StageTimer,
) -> None:
    content: dict[str, Any] = {
        "eschernet_ros": __version__,
        "python": platform.python_version(),
        "object": options.object_name,
        "checkpoint": result.checkpoint,
        "checkpoint_trained": result.checkpoint_trained,
        "warnings": list(result.warnings),
        "steps": result.steps,
        "guidance_scale": result.guidance_scale,
        "seed": options.seed,
        "references": [view.index for view in references],
        "targets": [{"id": t.view.index, "psnr": t.psnr, "foreground_psnr": t.foreground_psnr} for t in targets],
        "seconds": timer.as_dict(),
    }
    (output / "result.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _print(
    targets: list[_Target],
    result: Synthesize.Result,
    timer: StageTimer,
    recorded: str,
    sheet: Path,
    total_s: float,
) -> None:
    print("\nview   PSNR dB   foreground PSNR dB")
    for target in targets:
        print(f"{target.view.index:4d} {target.psnr:9.2f} {target.foreground_psnr:20.2f}")
    means = np.array([[t.psnr, t.foreground_psnr] for t in targets]).mean(axis=0)
    print(f"mean {means[0]:9.2f} {means[1]:20.2f}\n")
    print(timer.table())
    print(f"\nwhole demo: {total_s:.1f} s")
    for warning in result.warnings:
        print(f"WARNING: {warning}")
    print(f"recorded:      {recorded}")
    replay = f"eschernet-ros replay {sheet.parent}/bag --config {sheet.parent}/capture.yaml --views taken"
    print(f"bag:           {replay} --output {sheet.parent}/replayed")
    print(f"contact sheet: {sheet}")
