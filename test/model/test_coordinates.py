# SPDX-License-Identifier: Apache-2.0
"""Coordinates as input channels."""

from __future__ import annotations

import pytest
import torch

from eschernet_ros.model.coordinates import image_coordinates, with_coordinates


def test_they_are_the_centres_of_the_positions() -> None:
    """X grows to the right, y upwards, the edges are at -1 and 1."""
    x, y, squared, one = image_coordinates(2, 4)
    assert x.tolist() == [[-0.75, -0.25, 0.25, 0.75]] * 2
    assert y.tolist() == [[0.5] * 4, [-0.5] * 4]
    assert torch.equal(squared, x**2 + y**2) and (one == 1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_they_follow_the_maps(dtype: torch.dtype) -> None:
    """Every row gets the same ones, in the maps' type."""
    maps = torch.randn(3, 5, 2, 2, dtype=dtype)
    given = with_coordinates(maps, 9)
    assert given.dtype == dtype
    assert torch.equal(given[:, :5], maps)
    assert torch.equal(given[:, 5:], image_coordinates(2, 2).to(dtype).expand(3, -1, -1, -1))


def test_a_network_that_takes_none_gets_none() -> None:
    """The published networks."""
    maps = torch.randn(1, 4, 2, 2)
    assert with_coordinates(maps, 4) is maps
