# SPDX-License-Identifier: Apache-2.0
"""The parameters of the recorder node."""

from __future__ import annotations

from eschernet_ros.recording import COMPRESSION_CHOICES
from eschernet_ros.streams import CAPTURE_PARAMETERS, Parameter

MODES = ("still", "continuous")

_OF_VIEWS = ("gates.", "auto", "view_timeout_s")
"""Parameters of the capture that a recorder of every frame has no use for."""

OWN_PARAMETERS = (
    Parameter("mode", "still", "record the views that the capture takes, or every frame of the camera", choices=MODES),
    Parameter("posed_view_topic", "capture/posed_view", "still: views to record (PosedView)"),
    Parameter(
        "view_topics",
        "capture/view",
        "still: full-resolution pictures of the views, on PREFIX/colour, PREFIX/depth, PREFIX/mask; empty: do without",
    ),
    Parameter(
        "picture_timeout_s", 5.0, "still: longest wait for them; then the view is recorded with a warning", 0.0, 60.0
    ),
    Parameter(
        "flange_from_ee_used.topic",
        "capture/flange_from_ee",
        "still: F_T_EE that the capture converts the calibration with (PoseStamped, latched); empty: do without",
    ),
    Parameter(
        "joints_topic",
        "/joint_states",
        "joint states that are recorded with every frame (JointState; 30 Hz suffices); empty: none",
    ),
    Parameter("output_dir", "recordings", "folder of the collection; the object gets a folder of its own in it"),
    Parameter("object_name", "object", "name of the object's folder"),
    Parameter("queue_size", 64, "frames waiting for the disk; more are dropped, counted and said", 1, 4096),
    Parameter("workers", 2, "threads that compress and write", 1, 64),
    Parameter(
        "compression",
        "auto",
        "of full-resolution colour and depth, without loss: fast; none: stored as they are; auto: fast, but none while "
        "a quarter of the queue waits",
        choices=COMPRESSION_CHOICES,
    ),
    Parameter("commit_every_s", 0.5, "continuous: frames are made safe on the disk this often", 0.0, 10.0),
)

PARAMETERS = (
    *OWN_PARAMETERS,
    *(parameter for parameter in CAPTURE_PARAMETERS if not parameter.name.startswith(_OF_VIEWS)),
)
"""Continuous recording listens to what the capture listens to: it takes its parameters, from the same file."""
