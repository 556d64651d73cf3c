# SPDX-License-Identifier: Apache-2.0
"""Folders of the corpus: layout, resuming, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eschernet_ros.cli.main import main
from eschernet_ros.corpus import render
from eschernet_ros.corpus.render import CorpusConfig, render_corpus
from eschernet_ros.errors import EscherNetError

CODE = "import sys; from eschernet_ros.cli.main import main; sys.exit(main(sys.argv[1:]))"
SMALL = CorpusConfig(views=3, size=32, elevation=(0.0, 60.0))

pytestmark = pytest.mark.usefixtures("renderer")


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*"))}


def test_layout(tmp_path):
    report = render_corpus(tmp_path / "corpus", 2, 40, SMALL, progress=False)
    assert (report.rendered, report.present, report.refused) == (2, 0, 0)
    folders = sorted(path.name for path in (tmp_path / "corpus").iterdir())
    assert folders == ["000040", "000041", "corpus.json"]
    for index in range(3):
        picture = np.array(Image.open(tmp_path / "corpus/000040" / f"{index:03d}.png"))
        assert picture.shape == (32, 32, 4)
        assert 0 < (picture[..., 3] > 0).mean() < 1
        pose = np.load(tmp_path / "corpus/000040" / f"{index:03d}.npy")
        assert pose.shape == (3, 4)
        np.testing.assert_allclose(pose[:, :3] @ pose[:, :3].T, np.eye(3), atol=1e-9)
        centre = -pose[:, :3].T @ pose[:, 3]
        assert 1.5 <= np.linalg.norm(centre) <= 2.2
        assert -1e-9 <= centre[2] / np.linalg.norm(centre) <= np.sin(np.radians(60)) + 1e-9
    assert json.loads((tmp_path / "corpus/corpus.json").read_text())["seeds"] == [[40, 42]]


def test_two_workers_write_what_one_does(tmp_path):
    render_corpus(tmp_path / "one", 3, 7, SMALL, progress=False)
    render_corpus(tmp_path / "two", 3, 7, SMALL, workers=2, progress=False)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_complete_objects_are_left_alone(tmp_path):
    render_corpus(tmp_path, 2, 0, SMALL, progress=False)
    kept = tmp_path / "000001/000.png"
    kept.write_bytes(b"mine")
    report = render_corpus(tmp_path, 3, 0, SMALL, progress=False)
    assert (report.rendered, report.present) == (1, 2)
    assert kept.read_bytes() == b"mine"
    assert json.loads((tmp_path / "corpus.json").read_text())["seeds"] == [[0, 2], [0, 3]]


def test_a_killed_run_is_completed(tmp_path):
    options = ["--objects", "12", "--views", "3", "--size", "32", "--elevation", "0", "60", "--workers", "1"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([sys.executable, "-c", CODE, "render-corpus", str(killed), *options], stderr=-3)
    until = time.monotonic() + 60
    while not (killed / "000002").is_dir() and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    partial = killed / ".partial-000011-1"  # as a kill in the middle of writing leaves one
    partial.mkdir()
    (partial / "000.png").write_bytes(b"half")
    assert (killed / "000002").is_dir()
    assert main(["render-corpus", str(killed), *options]) == 0
    assert main(["render-corpus", str(whole), *options]) == 0
    assert not list(killed.glob(".partial-*"))
    assert contents(killed) == contents(whole)
    assert len(contents(whole)) == 12 * 6


def children(process):
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in listed if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def long_run(tmp_path):
    """A run of two workers that has drawn something."""
    command = [sys.executable, "-c", CODE, "render-corpus", str(tmp_path), "--objects", "5000", "--workers", "2"]
    process = subprocess.Popen(
        [*command, "--size", "32", "--views", "2"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 60
    while not (tmp_path / "000000").is_dir() and time.monotonic() < until:
        time.sleep(0.01)
    yield process
    process.kill()
    process.communicate()


def test_a_killed_worker_is_explained(long_run):
    workers = children(long_run)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    _, errors = long_run.communicate(timeout=60)
    assert long_run.returncode == 2
    assert "a worker ended" in errors
    assert "Traceback" not in errors


def test_workers_end_with_their_parent(long_run):
    workers = children(long_run)
    assert len(workers) == 2
    long_run.kill()
    until = time.monotonic() + 20
    while any(running(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(running(pid) for pid in workers)


def test_an_interrupt_ends_it(long_run):
    workers = children(long_run)
    os.killpg(long_run.pid, signal.SIGINT)
    _, errors = long_run.communicate(timeout=60)
    assert "Traceback" not in errors
    assert long_run.returncode == 130
    assert not any(running(pid) for pid in workers)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_machine_without_opengl_is_explained(tmp_path, workers):
    command = [sys.executable, "-c", CODE, "render-corpus", str(tmp_path), "--objects", "9", "--workers", workers]
    environment = {**os.environ, "__EGL_VENDOR_LIBRARY_DIRS": str(tmp_path / "nothing")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "apt install libegl1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_missing_moderngl_is_explained(tmp_path, workers):
    (tmp_path / "moderngl.py").write_text("raise ImportError('not installed')")
    command = [sys.executable, "-c", CODE, "render-corpus", str(tmp_path / "out"), "--objects", "9"]
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([*command, "--workers", workers], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "pip install 'moderngl" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_configuration_is_refused(tmp_path):
    render_corpus(tmp_path, 1, 0, SMALL, progress=False)
    with pytest.raises(EscherNetError, match="size"):
        render_corpus(tmp_path, 2, 0, CorpusConfig(3, 48, (0.0, 60.0)), progress=False)


def test_a_broken_record_is_named(tmp_path):
    (tmp_path / "corpus.json").write_text("{")
    with pytest.raises(EscherNetError, match=r"corpus\.json"):
        render_corpus(tmp_path, 1, 0, SMALL, progress=False)


def test_views_that_show_nothing_are_drawn_again_or_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(render, "LEAST_COVERED", 0.2)
    report = render_corpus(tmp_path / "some", 12, 0, SMALL, progress=False)
    assert report.redrawn > 0
    assert report.rendered > 0
    for path in (tmp_path / "some").glob("*/*.png"):
        assert (np.array(Image.open(path))[..., 3].mean() / 255) >= 0.2
    monkeypatch.setattr(render, "LEAST_COVERED", 0.95)
    report = render_corpus(tmp_path / "none", 2, 0, SMALL, progress=False)
    assert (report.rendered, report.refused) == (0, 2)
    assert not list((tmp_path / "none").glob("0*"))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--objects", "0"], "objects"),
        (["--objects", "1", "--elevation", "40", "10"], "elevation"),
        (["--objects", "1", "--views", "0"], "views"),
        (["--objects", "1", "--first-seed", "-4"], "seed"),
        (["--objects", "1", "--workers", "0"], "workers"),
    ],
)
def test_numbers_out_of_range_are_explained(tmp_path, capsys, words, named):
    assert main(["render-corpus", str(tmp_path / "out"), *words]) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
