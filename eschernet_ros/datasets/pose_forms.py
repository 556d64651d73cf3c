# SPDX-License-Identifier: Apache-2.0
"""The forms in which files store camera poses, and what poses become when the form was taken for another one.

A pose is stored as world-to-camera or as camera-to-world, with camera axes of OpenGL (x right, y up, looking along -z)
or OpenCV (x right, y down, looking along z). Every layout has one form; files of other programs often have another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import GL_FROM_OPTICAL, SE3, stack_matrices


@dataclass(frozen=True)
class PoseForm:
    """One form.

    Attributes:
        name: as given to ``--poses-are``.
        words: the same in words.
        camera_to_world: the stored transform maps from the camera to the world.
        opencv_axes: the camera's axes are OpenCV's, not OpenGL's.
    """

    name: str
    words: str
    camera_to_world: bool
    opencv_axes: bool

    def stored(self, camera_gl_from_world: SE3) -> SE3:
        """The transform that a file of this form holds for a pose."""
        camera_from_world = GL_FROM_OPTICAL @ camera_gl_from_world if self.opencv_axes else camera_gl_from_world
        return camera_from_world.inverse() if self.camera_to_world else camera_from_world

    def pose(self, stored: SE3) -> SE3:
        """The pose ``camera_gl_from_world`` of a file's transform; the inverse of `stored`."""
        camera_from_world = stored.inverse() if self.camera_to_world else stored
        return GL_FROM_OPTICAL @ camera_from_world if self.opencv_axes else camera_from_world


POSE_FORMS: Mapping[str, PoseForm] = {
    form.name: form
    for form in (
        PoseForm("w2c-opengl", "world-to-camera with OpenGL axes (y up, looking along -z)", False, False),
        PoseForm("w2c-opencv", "world-to-camera with OpenCV axes (y down, looking along z)", False, True),
        PoseForm("c2w-opengl", "camera-to-world with OpenGL axes (y up, looking along -z)", True, False),
        PoseForm("c2w-opencv", "camera-to-world with OpenCV axes (y down, looking along z)", True, True),
    )
}
"""All forms by name."""


LAYOUT_FORMS: Mapping[str, str] = {
    "gso30": "w2c-opengl",
    "gso3d": "w2c-opencv",
    "gso100": "w2c-opencv",
    "objaverse": "w2c-opengl",
    "nerf-synthetic": "c2w-opengl",
    "nerfstudio": "c2w-opengl",
    "rtmv": "c2w-opengl",
    "colmap": "w2c-opencv",
}
"""Layout -> the form in which its files store poses, where they store matrices."""

REREADABLE = frozenset({"gso30", "gso3d", "gso100", "objaverse", "nerf-synthetic", "rtmv"})
"""Layouts whose poses can be put right after reading. Readers of the others place the object by what the poses say."""


def reread(views: PosedImages, form: str) -> PosedImages:
    """Views whose files hold poses of another form than their layout's.

    Args:
        views: as read by the layout's own rule.
        form: name of the form that the files have.

    Raises:
        DatasetError: an unknown form, or a layout whose poses cannot be put right after reading.
    """
    true = pose_form(form)
    if views.layout not in REREADABLE:
        raise DatasetError(
            f"The poses of the layout {views.layout} cannot be read as {true.name}; that can be done for "
            f"{', '.join(sorted(REREADABLE))}. Change the files themselves."
        )
    expected = POSE_FORMS[LAYOUT_FORMS[views.layout]]
    return replace(
        views,
        camera_gl_from_world=stack_matrices(taken_for(pose, expected, true) for pose in views.poses),
        pose_source=f"{views.pose_source} Read as {true.words}.",
        metadata={key: value for key, value in views.metadata.items() if not key.startswith("camera_gl_from_world")},
    )


def taken_for(read: SE3, expected: PoseForm, true: PoseForm) -> SE3:
    """The right pose of a file of form ``true`` that was read as if it were of form ``expected``.

    Args:
        read: ``camera_gl_from_world`` as it was read. A scale that was applied to its translation is kept.
        expected: the form that the reader took it for.
        true: the form it has.
    """
    return true.pose(expected.stored(read))


def pose_form(name: str) -> PoseForm:
    """The form of that name.

    Raises:
        DatasetError: there is none; names those that are.
    """
    if name not in POSE_FORMS:
        raise DatasetError(f"There is no pose form '{name}'; the known ones are {', '.join(POSE_FORMS)}.")
    return POSE_FORMS[name]
