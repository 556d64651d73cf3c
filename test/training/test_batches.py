# SPDX-License-Identifier: Apache-2.0
"""What is drawn for a step: a matter of seed and step alone, in the published proportions."""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from render_files import pose_at
from scipy import stats
from training_runs import MemoryScene

from eschernet_ros.datasets import DatasetError
from eschernet_ros.training.batches import Batch, Batches, BatchShape

SHAPE = BatchShape(
    image_size=2,
    latent_shape=(1, 1, 2),
    reference_range=(1, 3),
    targets=2,
    distinct=False,
    dropout=0.3,
    high_noise_bias=2.0,
    time_steps=1000,
    cape="6dof",
)
ARRAYS = [item.name for item in dataclasses.fields(Batch) if item.name != "skipped"]


def objects(count=5, views=6, **options):
    return [MemoryScene(f"object-{number}", views, number, **options) for number in range(count)]


def draws(scenes=None, shape=SHAPE, seed=7, batch_size=4, device_batch_size=4, process=0, processes=1):
    return Batches(
        objects() if scenes is None else scenes, shape, seed, batch_size, device_batch_size, process, processes
    )


def assert_equal(one, other):
    for name in ARRAYS:
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert one.skipped == other.skipped


def joined(parts):
    return Batch(
        **{name: torch.cat([getattr(part, name) for part in parts]) for name in ARRAYS},
        skipped=tuple(sentence for part in parts for sentence in part.skipped),
    )


def scene_marks(batch):
    return batch.reference_cameras[:, 0, 0, 3].int().tolist()


def view_numbers(images):
    return ((images[:, :, 0, 0, 0] + 1) * 127.5).round().int()


def test_shapes_and_ranges():
    batch = draws()[0]
    references = batch.reference_images.shape[1]
    assert 1 <= references <= 3
    assert batch.reference_images.shape == (4, references, 3, 2, 2)
    assert batch.reference_cameras.shape == (4, references, 4, 4)
    assert batch.target_images.shape == (4, 2, 3, 2, 2)
    assert batch.target_cameras.shape == (4, 2, 4, 4)
    assert batch.target_cameras.dtype == torch.float64
    assert batch.noise.shape == batch.posterior_noise.shape == (4, 2, 1, 1, 2)
    assert not torch.equal(batch.noise, batch.posterior_noise)
    assert batch.time_steps.dtype == torch.int64
    assert batch.keep.dtype == torch.bool
    assert batch.target_images.min() >= -1


def test_the_draws_stay_what_they_were():
    """Checkpoints of earlier versions go on where they were: these numbers are part of their format."""
    batch = draws()[3]
    assert scene_marks(batch) == [2, 3, 4, 2]
    assert view_numbers(batch.reference_images).tolist() == [[5, 4], [2, 2], [3, 5], [0, 2]]
    assert view_numbers(batch.target_images).tolist() == [[5, 0], [2, 5], [0, 5], [0, 0]]
    assert batch.time_steps.tolist() == [978, 751, 304, 427]
    assert batch.noise[0].flatten().tolist() == pytest.approx([0.5577228, -0.4955477, 0.5017777, 0.3169151])
    assert batch.posterior_noise[0].flatten().tolist() == pytest.approx([-0.0267641, -1.1626084, -0.1923737, 1.2645649])
    distinct = draws(shape=dataclasses.replace(SHAPE, distinct=True))[3]
    assert view_numbers(distinct.reference_images).tolist() == [[3, 1], [4, 0], [2, 0], [1, 2]]
    assert view_numbers(distinct.target_images).tolist() == [[4, 5], [5, 2], [1, 3], [5, 0]]


@pytest.mark.parametrize(("device_batch_size", "processes"), [(12, 1), (4, 1), (1, 1), (6, 2), (2, 2), (1, 3)])
def test_device_batch_and_processes_do_not_matter(device_batch_size, processes):
    whole = draws(batch_size=12, device_batch_size=12)
    runs = [
        draws(batch_size=12, device_batch_size=device_batch_size, process=process, processes=processes)
        for process in range(processes)
    ]
    accumulation = runs[0].accumulation
    assert accumulation * device_batch_size * processes == 12
    for step in (0, 3):
        parts = [run[step * accumulation + part] for part in range(accumulation) for run in runs]
        assert_equal(joined(parts), whole[step])


def test_a_draw_does_not_depend_on_those_before():
    straight, resumed = draws(), draws()
    earlier = [straight[step] for step in range(6)]
    assert_equal(resumed[5], earlier[5])
    assert_equal(straight[2], earlier[2])
    assert_equal(pickle.loads(pickle.dumps(straight))[5], earlier[5])


def test_seeds_and_steps_differ():
    assert not torch.equal(draws()[0].noise, draws(seed=8)[0].noise)
    assert not torch.equal(draws()[0].noise, draws()[1].noise)


def test_every_scene_comes_once_an_epoch():
    batches = draws(objects(7), batch_size=3, device_batch_size=3)
    sequence = [mark for step in range(14) for mark in scene_marks(batches[step])]
    epochs = [sequence[start : start + 7] for start in range(0, 42, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def views_of_scenes(batches, steps):
    for step in range(steps):
        batch = batches[step]
        yield from torch.cat((view_numbers(batch.reference_images), view_numbers(batch.target_images)), 1).tolist()


def test_views_are_drawn_with_replacement_as_published():
    shape = dataclasses.replace(SHAPE, reference_range=(3, 3), targets=3)
    drawn = list(views_of_scenes(draws(shape=shape), 60))
    repeated = sum(len(set(views)) < 6 for views in drawn) / len(drawn)
    assert repeated == pytest.approx(1 - math.factorial(6) / 6**6, abs=0.04)
    counts = Counter(view for views in drawn for view in views)
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_distinct_views_are_distinct_as_far_as_there_are_enough():
    shape = dataclasses.replace(SHAPE, reference_range=(3, 3), targets=3, distinct=True)
    assert all(len(set(views)) == 6 for views in views_of_scenes(draws(shape=shape), 20))
    few = list(views_of_scenes(draws(objects(views=4), shape=shape), 20))
    assert all(len(set(views)) == 4 for views in few)


def test_number_of_references_is_one_for_a_step_and_varies_between_steps():
    parts = draws(batch_size=12, device_batch_size=2)
    counts = [[parts[step * 6 + part].reference_images.shape[1] for part in range(6)] for step in range(40)]
    assert all(len(set(of_step)) == 1 for of_step in counts)
    assert Counter(of_step[0] for of_step in counts).keys() == {1, 2, 3}
    fixed = draws(shape=dataclasses.replace(SHAPE, reference_range=(2, 2)))
    assert {fixed[step].reference_images.shape[1] for step in range(5)} == {2}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_share_of_scenes_without_references(share):
    batches = draws(shape=dataclasses.replace(SHAPE, dropout=share), batch_size=100, device_batch_size=100)
    dropped = sum(int((~batches[step].keep).sum()) for step in range(10))
    assert stats.binomtest(dropped, 1000, share).pvalue > 1e-3 if share else dropped == 0


@pytest.mark.parametrize("bias", [1.0, 2.0])
def test_density_of_time_steps(bias):
    shape = dataclasses.replace(SHAPE, high_noise_bias=bias)
    batches = draws(shape=shape, batch_size=200, device_batch_size=200)
    drawn = np.concatenate([batches[step].time_steps.numpy() for step in range(8)])
    assert drawn.min() >= 0 and drawn.max() <= 999
    assert stats.kstest((drawn + 0.5) / 1000, lambda t: np.clip(t, 0, 1) ** bias).pvalue > 1e-3


def test_noise_is_standard_normal():
    shape = dataclasses.replace(SHAPE, latent_shape=(4, 8, 8))
    batch = draws(shape=shape)[0]
    assert stats.kstest(batch.noise.flatten().numpy(), "norm").pvalue > 1e-3
    assert stats.kstest(batch.posterior_noise.flatten().numpy(), "norm").pvalue > 1e-3


def test_broken_views_are_passed_over_and_named():
    healthy = objects(1)
    broken = [MemoryScene("object-0", 6, broken={1, 4})]
    batches = draws(broken, shape=dataclasses.replace(SHAPE, distinct=True), batch_size=1, device_batch_size=1)
    named = []
    for step in range(30):
        batch = batches[step]
        assert not {1, 4} & set(view_numbers(batch.reference_images).flatten().tolist())
        assert not {1, 4} & set(view_numbers(batch.target_images).flatten().tolist())
        named += batch.skipped
    assert set(named) == {"object-0/001.png is broken", "object-0/004.png is broken"}
    assert len(named) > 20
    assert draws(healthy, batch_size=1, device_batch_size=1)[0].skipped == ()


def test_a_scene_without_a_readable_view_gives_way_to_another():
    scenes = [*objects(2), MemoryScene("hopeless", 6, 2, broken=range(6))]
    batches = draws(scenes, batch_size=3, device_batch_size=3)
    batch = batches[0]
    assert set(scene_marks(batch)) <= {0, 1}
    assert len(batch.skipped) >= 20
    assert all("hopeless" in sentence for sentence in batch.skipped)


def test_hopeless_data_is_an_error():
    with pytest.raises(DatasetError, match=r"400 draws for one scene .* cannot be read, the last: object-\d/00\d.png"):
        draws(objects(broken=range(6)))[0]


class Posed(MemoryScene):
    """Cameras that look at the origin from 0.4 above the horizon, 1.8 away; the last one sits in the origin."""

    def view(self, index, size):
        image, pose = super().view(index, size)
        pose[:3] = pose_at(0.2 * index, 0.4, 1.8)
        if index == len(self) - 1:
            pose[:3, 3] = 0
        return image, pose


def test_pose_vectors_of_4dof():
    batches = draws([Posed("one", 5)], shape=dataclasses.replace(SHAPE, cape="4dof"))
    skipped: list[str] = []
    for step in range(10):
        batch = batches[step]
        skipped += batch.skipped
        for images, cameras in (
            (batch.reference_images, batch.reference_cameras),
            (batch.target_images, batch.target_cameras),
        ):
            assert cameras.shape == (*images.shape[:2], 4)
            numbers = view_numbers(images).double()
            radius = math.pi * math.log(1.8 / 1.5) / math.log(2.2 / 1.5)
            fixed = torch.tensor([math.pi / 2 - 0.4, radius, 0.0], dtype=torch.float64)
            torch.testing.assert_close(cameras[..., [0, 2, 3]], fixed.expand(*numbers.shape, 3))
            torch.testing.assert_close(cameras[..., 1], 0.2 * numbers)
    assert set(skipped) and all("view 4 of 'one' has no 4DoF pose" in sentence for sentence in skipped)


def test_cameras_stay_on_the_cpu_in_float64():
    batch = draws()[0]
    moved = batch.to(torch.device("meta"))
    assert moved.reference_cameras is batch.reference_cameras
    assert moved.target_cameras is batch.target_cameras
    names = [name for name in ARRAYS if not name.endswith("cameras")]
    assert {getattr(moved, name).device.type for name in names} == {"meta"}
