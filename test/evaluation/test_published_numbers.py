# SPDX-License-Identifier: Apache-2.0
"""Published numbers beside ours."""

from __future__ import annotations

import dataclasses

import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.protocol import load_protocol, protocol_names
from eschernet_ros.evaluation.published_numbers import beside_published, published_tables
from eschernet_ros.evaluation.results import MODEL, ModelInfo, Summary

PUBLISHED = ModelInfo("kxic/eschernet-6dof", "6dof", True, None, 256, 50, 3.0, "cuda", "float32", "")


def mean(references, metric, value, objects=30):
    return Summary(MODEL, references, metric, value, 450, objects, 1, 1.0, None, None, None, "objects")


def rows(model=PUBLISHED, differs=None, objects=30):
    found = beside_published(
        published_tables("gso30"), model, [mean(3, "psnr", 25.0, objects)], differs, 256, (50, 3.0)
    )
    return {(each.source.split()[1], each.references, each.metric): each for each in found}


def test_the_tables_are_those_of_the_paper():
    found = rows()
    assert found["6DoF", 1, "psnr"].published == 20.89
    assert found["6DoF", 10, "lpips_alex"].published == 0.030
    assert found["4DoF", 5, "ssim"].published == 0.927
    fit = published_tables("nerf-synthetic")[1]
    assert fit.numbers["psnr"][100] == 27.11
    assert fit.cape is None
    assert published_tables("rtmv")[0].numbers["psnr"][2] == 12.66
    for name in protocol_names():
        if load_protocol(name).published is not None:
            assert published_tables(load_protocol(name).published)


def test_a_difference_where_only_the_model_differs():
    found = rows()
    row = found["6DoF", 3, "psnr"]
    assert (row.ours, row.mismatch) == (25.0, None)
    assert row.difference == pytest.approx(25.0 - 25.21)
    assert found["6DoF", 5, "psnr"].ours is None
    assert found["6DoF", 5, "psnr"].difference is None
    other = found["4DoF", 3, "psnr"]
    assert (other.ours, other.difference) == (25.0, None)
    assert other.mismatch == "This checkpoint is 6dof, the published one 4dof."


@pytest.mark.parametrize(
    ("changes", "differs", "objects", "words"),
    [
        ({"trained": False}, None, 30, "random"),
        ({"image_size": 64}, None, 30, "Pictures of 64 pixels, published of 256"),
        ({"steps": 10}, None, 30, "Sampled with 10 steps and guidance 3, published with 50 and 3"),
        ({"guidance_scale": 1.0}, None, 30, "Sampled with 50 steps and guidance 1"),
        ({}, "Other references.", 30, "Other references."),
        ({}, None, 4, "Mean of 4 objects, published of 30."),
    ],
)
def test_no_difference_where_more_differs(changes, differs, objects, words):
    row = rows(dataclasses.replace(PUBLISHED, **changes), differs, objects)["6DoF", 3, "psnr"]
    assert row.difference is None
    assert words in row.mismatch
    assert row.ours == 25.0


def test_another_method_is_only_shown():
    found = beside_published(
        published_tables("nerf-synthetic"), PUBLISHED, [mean(5, "psnr", 18.0, 8)], None, 256, (50, 3.0)
    )
    fit = next(each for each in found if "Gaussian" in each.source and each.references == 5)
    assert (fit.ours, fit.difference, fit.published) == (None, None, 17.09)
    with pytest.raises(EscherNetError, match="no published numbers 'x'; known are gso30, nerf-synthetic, rtmv"):
        published_tables("x")
