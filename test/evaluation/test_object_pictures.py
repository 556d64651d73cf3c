# SPDX-License-Identifier: Apache-2.0
"""Pictures of held-out objects: as the bench's camera and as a rendered corpus show them."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from eschernet_ros.corpus.procedural import HELD_OUT_SEEDS
from eschernet_ros.corpus.render import CorpusConfig, render_object
from eschernet_ros.corpus.renderer import ViewRenderer
from eschernet_ros.datasets.images import read_image
from eschernet_ros.datasets.pose_file import read_pose
from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import psnr
from eschernet_ros.evaluation.bench_views import BenchViews
from eschernet_ros.evaluation.corpus_views import FINER, CorpusViews
from eschernet_ros.geometry import SE3, look_at_origin, model_camera, resample
from eschernet_ros.objects import bench_object
from eschernet_ros.simulation import SimulatedBench

SIZE = 64


def test_the_bench_camera_sees_the_same_picture():
    with SimulatedBench("mug") as bench:
        view = next(v for v in bench.viewpoints(elevations_deg=(44.0,), azimuth_step_deg=60))
        frame = bench.render(view.q)
        pose = bench.object_frame.normalise(bench.base_from_camera_optical(view.q))
        taken = resample(frame.colour, bench.camera, model_camera(SIZE), frame.mask)
    with BenchViews("mug", SIZE) as draw:
        image, mask = draw(pose)
    assert (mask == taken.mask).mean() > 0.99
    assert psnr(image, taken.image, mask) > 28.0
    assert (image[~mask] == 255).all(axis=-1).mean() > 0.9


def test_bench_views_are_repeatable_and_the_object_fills_its_box():
    with BenchViews("cereal_box", SIZE) as draw:
        front, below = look_at_origin(0.0, np.pi / 2, 1.8), look_at_origin(0.0, 2.8, 1.8)
        image, mask = draw(front)
        rows = np.flatnonzero(mask.any(axis=1))
        box = bench_object("cereal_box")
        nearest_face = 1.8 - box.size[0] / box.longest_side / 2
        assert len(rows) == pytest.approx(280 / 256 * SIZE / nearest_face, abs=1.5)
        assert draw(below)[1].any()  # neither turntable nor table hides it
        np.testing.assert_array_equal(draw(front)[0], image)


def test_corpus_views_are_what_a_rendered_corpus_holds(tmp_path):
    with contextlib.closing(ViewRenderer(FINER * SIZE, most=2)) as renderer:
        render_object(renderer, HELD_OUT_SEEDS, CorpusConfig(views=2, size=FINER * SIZE), tmp_path)
        draw = CorpusViews(renderer, HELD_OUT_SEEDS)
        for path in sorted(tmp_path.rglob("*.png")):
            image, mask = draw(SE3(read_pose(path.with_suffix(".npy"))))
            read, read_mask = read_image(path, SIZE)
            np.testing.assert_array_equal(image, read)
            np.testing.assert_array_equal(mask, read_mask)
    assert len(list(tmp_path.rglob("*.png"))) == 2


def test_an_object_of_the_training_corpus_is_refused():
    with (
        contextlib.closing(ViewRenderer(16)) as renderer,
        pytest.raises(EscherNetError, match="may have been trained on"),
    ):
        CorpusViews(renderer, 5)
