# SPDX-License-Identifier: Apache-2.0
"""Views anywhere around an object, for property tests."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from eschernet_ros.geometry import look_at_origin, view_directions


@st.composite
def directions(draw: st.DrawFn, least: int = 1, most: int = 6) -> np.ndarray:
    """Some views anywhere around the object."""
    count = draw(st.integers(least, most))
    azimuths = draw(st.lists(st.floats(-3.1, 3.1), min_size=count, max_size=count))
    polars = draw(st.lists(st.floats(0.0, math.pi), min_size=count, max_size=count))
    return view_directions([look_at_origin(a, p, 1.8) for a, p in zip(azimuths, polars, strict=True)])
