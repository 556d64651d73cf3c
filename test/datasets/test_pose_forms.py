# SPDX-License-Identifier: Apache-2.0
"""The forms of stored poses, against matrices written down by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eschernet_ros.datasets import DatasetError, PosedImages
from eschernet_ros.datasets.pose_forms import LAYOUT_FORMS, POSE_FORMS, REREADABLE, pose_form, reread, taken_for
from eschernet_ros.geometry import SE3, look_at_origin

ABOVE = look_at_origin(0.0, math.pi / 2, 2.0)
"""A camera at (2, 0, 0) that looks along -x, z up."""


def test_a_camera_written_down_by_hand() -> None:
    """Right is +y for it, up is +z; in OpenCV's axes down is -z and forward is -x."""
    c2w_gl = [[0, 0, 1, 2], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    c2w_cv = [[0, 0, -1, 2], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(POSE_FORMS["c2w-opengl"].stored(ABOVE).matrix, c2w_gl, atol=1e-12)
    np.testing.assert_allclose(POSE_FORMS["c2w-opencv"].stored(ABOVE).matrix, c2w_cv, atol=1e-12)
    np.testing.assert_allclose(POSE_FORMS["w2c-opengl"].stored(ABOVE).matrix, np.linalg.inv(c2w_gl), atol=1e-12)
    np.testing.assert_allclose(POSE_FORMS["w2c-opencv"].stored(ABOVE).matrix, np.linalg.inv(c2w_cv), atol=1e-12)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    expected=st.sampled_from(sorted(POSE_FORMS)),
    true=st.sampled_from(sorted(POSE_FORMS)),
    angles=st.tuples(*[st.floats(-3.0, 3.0)] * 3),
    place=st.tuples(*[st.floats(-3.0, 3.0)] * 3),
)
def test_a_form_that_was_mistaken_is_put_right(
    expected: str, true: str, angles: tuple[float, ...], place: tuple[float, ...]
) -> None:
    """Whatever is in the file, reading it as one form and correcting that gives what reading it rightly gives."""
    pose = SE3.from_rotvec(angles, place)
    in_file = POSE_FORMS[true].stored(pose)
    read = POSE_FORMS[expected].pose(in_file)
    np.testing.assert_allclose(taken_for(read, POSE_FORMS[expected], POSE_FORMS[true]).matrix, pose.matrix, atol=1e-9)


def test_an_unknown_form_is_named() -> None:
    """With those there are."""
    with pytest.raises(DatasetError, match="no pose form 'blender'; the known ones are w2c-opengl"):
        pose_form("blender")


@pytest.mark.parametrize("layout", sorted(REREADABLE))
def test_views_read_by_the_wrong_form_are_put_right(layout: str) -> None:
    """Nothing but their poses changes."""
    form = POSE_FORMS["c2w-opencv"]
    read = POSE_FORMS[LAYOUT_FORMS[layout]].pose(form.stored(ABOVE))
    views = PosedImages(
        name="blob",
        layout=layout,
        view_ids=(4,),
        images=np.zeros((1, 2, 2, 3), np.uint8),
        masks=None,
        camera_gl_from_world=read.matrix[None],
        pose_source="As stored.",
    )
    right = reread(views, "c2w-opencv")
    np.testing.assert_allclose(right.camera_gl_from_world[0], ABOVE.matrix, atol=1e-12)
    assert right.pose_source == f"As stored. Read as {form.words}."
    assert right.view_ids == (4,)


def test_layouts_that_place_the_object_cannot_be_put_right_afterwards() -> None:
    """Nor those without matrices; the sentence says which can."""
    views = PosedImages("blob", "colmap", (), np.zeros((0, 2, 2, 3), np.uint8), None, np.zeros((0, 4, 4)), "")
    with pytest.raises(
        DatasetError, match=r"poses of the layout colmap cannot be read as w2c-opengl; .* for gso100, gso30"
    ):
        reread(views, "w2c-opengl")
