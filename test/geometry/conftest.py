# SPDX-License-Identifier: Apache-2.0
"""Tells hypothesis how to draw an SE3 (``st.from_type(SE3)``), near-identity and half-turns included."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from eschernet_ros.geometry import SE3

_unit_interval = st.floats(-1.0, 1.0, allow_subnormal=False)
_coordinates = st.floats(-10.0, 10.0, allow_subnormal=False)
_axes = (
    st.tuples(_unit_interval, _unit_interval, _unit_interval)
    .map(np.array)
    .filter(lambda v: np.linalg.norm(v) > 0.1)
    .map(lambda v: v / np.linalg.norm(v))
)
_angles = st.one_of(
    st.floats(0.0, math.pi),
    st.sampled_from([0.0, 1e-12, 1e-9, 1e-6, math.pi - 1e-6, math.pi - 1e-9, math.pi]),
)


@st.composite
def _transforms(draw: st.DrawFn) -> SE3:
    translation = draw(st.tuples(_coordinates, _coordinates, _coordinates))
    return SE3.from_rotvec(draw(_axes) * draw(_angles), translation)


st.register_type_strategy(SE3, _transforms())


@pytest.fixture(scope="session")
def data_golden() -> dict[str, np.ndarray]:
    """Arrays of ``data_golden.npz``: the data conventions, measured on the published implementation."""
    path = Path(__file__).parents[1] / "data" / "golden" / "data_golden.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
