# SPDX-License-Identifier: Apache-2.0
"""What a pipeline call promises, and what it says about bad input."""

from __future__ import annotations

import dataclasses
import logging
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, camera_gl_from_world, look_at_origin, pose_vector_4dof
from eschernet_ros.geometry import world_from_camera_optical as optical_from_gl
from eschernet_ros.model import EscherNetPipeline, initial_noise

ATOL = 1e-8


def latents(pipe, scene, **changes):
    return pipe(**{**scene, "output": "latents", **changes})


def test_views_have_the_promised_shape_and_range(tiny, scene):
    views = tiny(**scene)
    assert views.shape == (4, 64, 64, 3)
    assert views.min() >= 0 and views.max() <= 1 and views.std() > 0.01
    assert tiny.image_size == 64
    assert tiny.latent_shape == (4, 8, 8)


def test_float32_pipeline_returns_float32(scene, random_6dof):
    pipe = EscherNetPipeline.from_pretrained(random_6dof)
    assert pipe.dtype == torch.float32
    assert pipe(**scene).dtype == np.float32


def test_half_precision_is_close_to_float32(scene, random_6dof):
    full = EscherNetPipeline.from_pretrained(random_6dof, dtype="float32")
    for name, dtype in (("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        pipe = EscherNetPipeline.from_pretrained(random_6dof, dtype=name)
        assert pipe.dtype == dtype
        views = pipe(**scene)
        assert views.dtype == np.float32
        assert np.abs(views - full(**scene)).mean() < 0.05
    assert pipe.checkpoint.vae.dtype == torch.float32  # float16 and force_upcast


def test_the_result_is_reproducible_and_depends_on_seed_images_and_poses(tiny, scene):
    first = latents(tiny, scene)
    assert torch.equal(first, latents(tiny, scene))
    assert (first - latents(tiny, scene, seed=1)).abs().max() > 0.1
    assert (first - latents(tiny, scene, images=255 - scene["images"])).abs().max() > 0.01
    assert (first - latents(tiny, scene, target_poses=scene["target_poses"][::-1])).abs().max() > 0.01
    assert (first - latents(tiny, scene, reference_poses=scene["reference_poses"][::-1])).abs().max() > 0.01
    assert (first - latents(tiny, scene, guidance_scale=1.0)).abs().max() > 0.01


def test_no_guidance_is_the_limit_of_guidance(tiny, scene):
    nearly = latents(tiny, scene, guidance_scale=1 + 1e-12)
    torch.testing.assert_close(nearly, latents(tiny, scene, guidance_scale=1), rtol=0, atol=ATOL)


def test_zero_guidance_ignores_the_references(tiny, scene):
    other = latents(tiny, scene, guidance_scale=0, images=255 - scene["images"])
    torch.testing.assert_close(latents(tiny, scene, guidance_scale=0), other, rtol=0, atol=ATOL)


@settings(deadline=None, max_examples=5)
@given(order=st.permutations(range(3)))
def test_the_order_of_references_does_not_matter(tiny, scene, order):
    images, poses = scene["images"][order], scene["reference_poses"][order]
    permuted = latents(tiny, scene, images=images, reference_poses=poses)
    torch.testing.assert_close(permuted, latents(tiny, scene), rtol=0, atol=ATOL)


@settings(deadline=None, max_examples=5)
@given(order=st.permutations(range(4)))
def test_permuting_targets_permutes_the_views(tiny, scene, order):
    noise = initial_noise(0, 4, tiny.latent_shape)
    straight = latents(tiny, scene, latents=noise)
    permuted = latents(tiny, scene, latents=noise[order], target_poses=scene["target_poses"][order])
    torch.testing.assert_close(permuted, straight[order], rtol=0, atol=ATOL)


@settings(deadline=None, max_examples=5)
@given(st.tuples(*[st.floats(-2, 2)] * 3), st.tuples(*[st.floats(-1, 1)] * 3))
def test_6dof_ignores_the_world_frame(tiny, scene, rotvec, translation):
    world = SE3.from_rotvec(rotvec, translation).matrix
    moved = {name: scene[name] @ world for name in ("reference_poses", "target_poses")}
    torch.testing.assert_close(latents(tiny, scene, **moved), latents(tiny, scene), rtol=0, atol=1e-6)


def test_4dof_takes_matrices_or_vectors(tiny_4dof, scene):
    vectors = {
        name: np.stack([pose_vector_4dof(SE3.from_matrix(pose)).vector for pose in scene[name]])
        for name in ("reference_poses", "target_poses")
    }
    from_vectors = latents(tiny_4dof, scene, **vectors)
    torch.testing.assert_close(from_vectors, latents(tiny_4dof, scene), rtol=0, atol=ATOL)


def test_poses_may_be_se3_and_inputs_tensors(tiny, scene):
    changed = latents(
        tiny,
        scene,
        images=torch.from_numpy(scene["images"]),
        reference_poses=[SE3.from_matrix(pose) for pose in scene["reference_poses"]],
        target_poses=torch.from_numpy(scene["target_poses"]),
    )
    torch.testing.assert_close(changed, latents(tiny, scene), rtol=0, atol=ATOL)


def test_the_image_size_follows_the_latents(tiny, scene):
    views = tiny(**{**scene, "latents": initial_noise(0, 4, (4, 16, 16))})
    assert views.shape == (4, 128, 128, 3)


def test_given_latents_equal_the_seed_that_made_them(tiny, scene):
    noise = initial_noise(7, 4, tiny.latent_shape)
    assert torch.equal(latents(tiny, scene, seed=7), latents(tiny, scene, latents=noise))


def test_noise_of_a_target_depends_on_seed_and_index_only():
    many = initial_noise(3, 5, (4, 8, 8))
    assert torch.equal(initial_noise(3, 2, (4, 8, 8)), many[:2])
    assert torch.equal(initial_noise(3, 2, (4, 8, 8), first=3), many[3:])
    assert not torch.equal(many[0], many[1])
    assert not torch.equal(initial_noise(4, 1, (4, 8, 8)), many[:1])
    assert abs(float(many.mean())) < 0.1 and abs(float(many.std()) - 1) < 0.1
    assert initial_noise(0, 0, (4, 8, 8)).shape == (0, 4, 8, 8)


def test_fill_to_adds_repeats_and_returns_the_wanted(tiny, scene):
    filled = latents(tiny, scene, fill_to=10)
    by_hand = latents(tiny, scene, target_poses=np.concatenate([scene["target_poses"]] * 3)[:10])
    assert filled.shape[0] == 4
    torch.testing.assert_close(filled, by_hand[:4], rtol=0, atol=ATOL)
    assert (filled - latents(tiny, scene)).abs().max() > 0.01
    assert torch.equal(latents(tiny, scene, fill_to=3), latents(tiny, scene))


@pytest.fixture
def in_threes(tiny):
    """The tiny model with a record that it is best given three targets at once."""
    sampling = {"steps": 2, "guidance_scale": 3.0, "targets_together": 3}
    return EscherNetPipeline(dataclasses.replace(tiny.checkpoint, sampling=sampling))


def test_targets_are_denoised_in_groups_where_the_checkpoint_says_so(tiny, in_threes, scene):
    assert (tiny.targets_together, in_threes.targets_together) == (None, 3)
    poses, noise = scene["target_poses"], initial_noise(0, 4, tiny.latent_shape)
    by_hand = [latents(tiny, scene, target_poses=poses[at], latents=noise[at]) for at in (slice(3), slice(3, 4))]
    calls = []
    grouped = latents(in_threes, scene, steps=2, callback=lambda step, steps: calls.append((step, steps)))
    torch.testing.assert_close(grouped, torch.cat(by_hand))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (grouped - latents(tiny, scene)).abs().max() > 0.01


def test_only_the_last_group_is_filled_and_only_to_its_size(tiny, in_threes, scene):
    poses, noise = scene["target_poses"], initial_noise(0, 6, tiny.latent_shape)
    first = latents(tiny, scene, target_poses=poses[:3], latents=noise[:3])
    last = latents(tiny, scene, target_poses=poses[[3, 3, 3]], latents=noise[3:])
    torch.testing.assert_close(latents(in_threes, scene, fill_to=15), torch.cat((first, last[:1])))


def test_fill_to_keeps_given_latents(tiny, scene):
    noise = initial_noise(0, 4, tiny.latent_shape)
    given_noise = latents(tiny, scene, fill_to=10, latents=noise)
    assert torch.equal(given_noise, latents(tiny, scene, fill_to=10))


def test_callback_counts_every_step(tiny, scene):
    calls = []
    tiny(**{**scene, "steps": 3}, callback=lambda step, steps: calls.append((step, steps)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_callback_that_raises_ends_the_run_and_leaves_the_pipeline_usable(tiny, scene):
    class CancelledError(Exception):
        pass

    before = latents(tiny, scene)
    steps_done = []

    def cancel(step, steps):
        steps_done.append(step)
        if step == 2:
            raise CancelledError

    with pytest.raises(CancelledError):
        tiny(**{**scene, "steps": 20}, callback=cancel)
    assert steps_done == [1, 2]
    assert torch.equal(latents(tiny, scene), before)


def test_two_threads_may_share_a_pipeline(tiny, scene):
    expected = [latents(tiny, scene, seed=seed, steps=4) for seed in (0, 1)]
    found: dict[int, torch.Tensor] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: found.update({seed: latents(tiny, scene, seed=seed, steps=4)}))
        for seed in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torch.is_inference_mode_enabled()
    for seed in (0, 1):
        torch.testing.assert_close(found[seed], expected[seed], rtol=0, atol=ATOL)


def test_wrong_camera_axes_are_noticed(tiny, scene, caplog):
    flip = np.diag([1.0, -1, -1, 1])
    right = latents(tiny, scene)
    assert "does not see the origin" not in caplog.text
    wrong = latents(tiny, scene, target_poses=flip @ scene["target_poses"])
    assert (wrong - right).abs().max() > 0.1
    assert "target_poses[0] does not see the origin" in caplog.text
    assert "OpenGL axes" in caplog.text


def test_geometry_turns_optical_poses_into_the_model_s(tiny, scene, caplog):
    optical = [optical_from_gl(SE3.from_matrix(pose)) for pose in scene["target_poses"]]
    back = [camera_gl_from_world(pose) for pose in optical]
    torch.testing.assert_close(latents(tiny, scene, target_poses=back), latents(tiny, scene), rtol=0, atol=ATOL)
    assert not caplog.records


def test_4dof_says_what_it_clips_and_leaves_out(tiny_4dof, scene, caplog):
    targets = np.stack(
        [
            look_at_origin(0.1, 1.0, 3.25).matrix,
            look_at_origin(0.1, 1.0, 1.8).matrix,
            (SE3.from_rotvec((0, 0, 0.5), (0, 0, 0)) @ look_at_origin(0.1, 1.0, 1.8)).matrix,
        ]
    )
    latents(tiny_4dof, scene, target_poses=targets)
    rolled, clipped = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert clipped.startswith("target_poses[0] is 3.250 from the origin; 4DoF knows 1.5 to 2.2")
    assert rolled.startswith("target_poses[2] is aimed 0.0 deg beside the origin and rolled by")


def test_a_camera_in_the_origin_is_fine_for_6dof_and_refused_by_4dof(tiny, tiny_4dof, scene):
    poses = scene["target_poses"].copy()
    poses[1] = np.eye(4)
    assert latents(tiny, scene, target_poses=poses).isfinite().all()
    with pytest.raises(EscherNetError, match=r"target_poses\[1\]: the camera centre is the world's origin"):
        latents(tiny_4dof, scene, target_poses=poses)


def nan_pose(poses):
    poses = poses.copy()
    poses[1, 0, 3] = np.nan
    return poses


FLOATS = np.zeros((3, 3, 64, 64), np.float32)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images": np.zeros((3, 64, 64), np.uint8)}, r"images must have 4 axes, N first, not the shape \[3, 64, 64\]"),
        ({"images": np.zeros((3, 3, 64, 64), np.uint8)}, r"uint8 images must be \[N, H, W, 3\]"),
        ({"images": np.zeros((3, 64, 64, 3), np.float32)}, r"floating point images must be \[N, 3, H, W\]"),
        ({"images": np.zeros((3, 64, 64, 3), np.int32)}, "images must be uint8 or floating point, not torch.int32"),
        ({"images": np.zeros((3, 48, 64, 3), np.uint8)}, "reference images are 64x48; the model's camera is square"),
        ({"images": np.zeros((0, 64, 64, 3), np.uint8)}, "no reference image was given"),
        ({"images": np.zeros((2, 64, 64, 3), np.uint8)}, "2 reference images came with 3 reference poses"),
        ({"images": FLOATS + 255}, r"must lie in \[-1, 1\]; these span 255 to 255"),
        ({"images": FLOATS + np.nan}, "images hold NaN"),
        ({"images": [np.zeros((64, 64, 3)), np.zeros((32, 32, 3))]}, "images must be an array of numbers of one shape"),
        ({"images": None}, "images must be an array of numbers"),
        ({"reference_poses": np.zeros((3, 4))}, r"reference_poses must be world-to-camera matrices \[N, 4, 4\], not"),
        ({"target_poses": np.zeros((0, 4, 4))}, "target_poses is empty"),
        ({"target_poses": np.zeros((2, 4, 4))}, r"target_poses\[0\]: "),
        ({"latents": np.zeros((3, 4, 8, 8))}, r"latents must be \[4, 4, h, w\], one for each target pose"),
        ({"latents": np.full((4, 4, 8, 8), np.inf)}, "latents must be finite"),
        ({"steps": 0}, "steps is 0; it must be a whole number from 1 to 999"),
        ({"steps": 1000}, "steps is 1000"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"guidance_scale": float("nan")}, "guidance_scale is nan"),
        ({"guidance_scale": -1}, "guidance_scale is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"fill_to": -1}, "fill_to is -1"),
        ({"output": "pil"}, "output is 'pil'"),
    ],
)
def test_bad_input_gets_a_sentence(tiny, scene, changes, sentence):
    with pytest.raises(EscherNetError, match=sentence):
        tiny(**{**scene, **changes})


@pytest.mark.parametrize("name", ["reference_poses", "target_poses"])
def test_nan_poses_are_named(tiny, tiny_4dof, scene, name):
    for pipe in (tiny, tiny_4dof):
        with pytest.raises(EscherNetError, match=rf"{name}\[1\] holds NaN"):
            pipe(**{**scene, name: nan_pose(scene[name])})


def test_4dof_names_both_shapes(tiny_4dof, scene):
    with pytest.raises(EscherNetError, match=r"\[N, 4, 4\] or pose vectors \[N, 4\], not \[4, 3, 4\]"):
        tiny_4dof(**{**scene, "target_poses": np.zeros((4, 3, 4))})


def test_a_diverged_sampler_is_reported(scene, random_6dof):
    pipe = EscherNetPipeline.from_pretrained(random_6dof)
    noise = np.full((4, 4, 8, 8), 3e38, np.float32)
    with pytest.raises(EscherNetError, match=r"Step 1 of 2 gave NaN or infinite values in torch\.float32"):
        pipe(**{**scene, "latents": noise})
