# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end, as `make demo` runs it; and its end by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from eschernet_ros.datasets import open_dataset, read_frames_file
from eschernet_ros.datasets.frame_files import read_source
from eschernet_ros.model import EscherNetPipeline

WORSE_THAN_THIS_IS_NOISE_DB = 11.5
"""Foreground PSNR: random weights reach 9.5 dB, the nearest reference about 10.5."""

PROGRAM = Path(sys.executable).parent / "eschernet-ros"


def descendants(pid: int) -> set[int]:
    """Return the ids of all processes below ``pid``."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.add(child)
            waiting.append(child)
    return found


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture file."""
    with Image.open(path) as picture:
        return picture.size


def running(pids: set[int]) -> set[int]:
    """Return which of the processes still run."""
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def test_the_demo_leaves_a_data_set_a_picture_and_numbers(tmp_path: Path) -> None:
    """Views are recorded; held-out ones are synthesized by the trained checkpoint as it wants it, and scored."""
    command = [PROGRAM, "demo", "--output", str(tmp_path), "--object", "teapot"]
    command += ["--references", "2", "--targets", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = tmp_path.glob("teapot-*")

    dataset = open_dataset(run / "recordings" / "teapot").read()
    assert len(dataset) == 5
    assert dataset.masks is not None
    assert all(0.02 < mask.mean() < 0.5 for mask in dataset.masks)
    frames = read_frames_file(run / "recordings" / "teapot")
    assert frames is not None and frames.state == "complete"
    assert all(set(files) == {"image", "colour", "depth", "mask", "rgba"} for files in frames.files)
    source = read_source(run / "recordings" / "teapot", frames.files[0])
    assert source.mask is not None and 0.01 < source.mask.mean() < 0.5
    radii = [np.linalg.norm(np.linalg.inv(pose)[:3, 3]) for pose in dataset.camera_gl_from_world]
    np.testing.assert_allclose(radii, 1.8, atol=0.005)

    result = json.loads((run / "result.json").read_text())
    assert len(result["references"]) == 2
    assert len(result["targets"]) == 3
    assert not {t["id"] for t in result["targets"]} & set(result["references"])
    assert all(0 < target["psnr"] < 60 and 0 < target["foreground_psnr"] < 60 for target in result["targets"])
    assert result["checkpoint_trained"] is True
    sampling = EscherNetPipeline.from_pretrained("bundled-6dof").sampling
    assert (result["steps"], result["guidance_scale"]) == sampling
    assert np.mean([target["foreground_psnr"] for target in result["targets"]]) > WORSE_THAN_THIS_IS_NOISE_DB
    assert {"moving the arm", "taking views", "synthesis: other steps"} <= set(result["seconds"])
    for target in result["targets"]:
        assert picture_size(run / "views" / f"{target['id']:03d}.png") == (64, 64)
    assert min(picture_size(run / "contact_sheet.png")) > 600
    assert "WARNING" not in done.stdout
    assert str(run / "contact_sheet.png") in done.stdout
    for log in (run / "log").glob("*.log"):
        assert "Traceback" not in log.read_text(), log.name


def test_ctrl_c_ends_the_demo_and_all_its_processes(tmp_path: Path) -> None:
    """Exit status 130, one line, and nothing left behind."""
    demo = subprocess.Popen(
        [PROGRAM, "demo", "--output", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "80"},
    )
    deadline = time.monotonic() + 90.0
    while not list(tmp_path.glob("*/recordings/mug/images_rgba/*.png")):
        assert demo.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    nodes = descendants(demo.pid)
    assert len(nodes) >= 5  # four nodes and the renderer
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=30.0)
    assert demo.returncode == 130
    assert "interrupted" in output
    assert "Traceback" not in output
    assert not running(nodes)
    (recording,) = tmp_path.glob("*/recordings/mug")
    assert len(np.load(recording / "angles.npy")) >= 1
