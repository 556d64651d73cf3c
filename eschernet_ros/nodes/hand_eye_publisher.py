# SPDX-License-Identifier: Apache-2.0
"""The hand-eye publisher: a calibration file in, the flange to the camera's root frame on /tf_static.

It goes to the root frame of the camera's driver, never to the optical frame: that one has a parent already.
"""

from __future__ import annotations

import math
import time

from eschernet_ros.calibration import FixedCamera, HandEye, read_calibration
from eschernet_ros.calibration.frame_names import D435I_ROOT_FROM_OPTICAL
from eschernet_ros.capture.message_fields import transform_of
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.nodes import messages, qos
from eschernet_ros.nodes.camera_root import CameraRootLookup, root_frame_of
from eschernet_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Report
from eschernet_ros.nodes.parameters import Parameter, declare
from eschernet_ros.nodes.run import ClosableNode, run

try:
    from tf2_msgs.msg import TFMessage
except ImportError:  # not on PyPI; a workstation has it
    TFMessage = None

AUTO, TF, FILE, D435I, GIVEN = "auto", "tf", "file", "d435i", "given"

PARAMETERS = (
    Parameter("calibration_file", "", "a .calib of easy_handeye2, or the YAML of eschernet-ros calibrate"),
    Parameter("parent_frame", "", "frame the camera hangs on; empty: the file's flange (or base, for a fixed camera)"),
    Parameter("camera_optical_frame", "", "optical frame of the colour camera; empty: as in the file"),
    Parameter("camera_root_frame", "", "root frame of the camera's driver; empty: by the optical frame's name"),
    Parameter(
        "camera_root.source",
        AUTO,
        "where the optical frame is in the root frame, from: TF, the file, nominal figures of a D435i, or the "
        "parameters below; auto: TF if it knows, else the file",
        choices=(AUTO, TF, FILE, D435I, GIVEN),
    ),
    Parameter("camera_root.translation", [0.0, 0.0, 0.0], "the optical frame in the root frame, m", length=3),
    Parameter(
        "camera_root.rotation_xyzw", [-0.5, 0.5, -0.5, 0.5], "the optical frame in the root frame, quaternion", length=4
    ),
    Parameter("tf_timeout_s", 5.0, "longest wait for TF", 0.1, 600.0),
)

_LISTEN_S = 1.0


class HandEyePublisherNode(ClosableNode):
    """Publishes one static transform, unless the camera's root frame has a parent already."""

    def __init__(self) -> None:
        super().__init__("hand_eye_publisher")
        p = self._parameters_read = declare(self, PARAMETERS)
        if not p["calibration_file"]:
            raise EscherNetError("parameter 'calibration_file' is empty: name a calibration, see docs/calibration.md")
        if TFMessage is None:
            raise EscherNetError("publishing TF needs the Python package tf2_msgs, which a ROS distribution has")
        # whatever frames a .calib is in, it is wanted from flange to optical frame here
        given = SE3.from_quaternion_xyzw(p["camera_root.rotation_xyzw"], p["camera_root.translation"])
        self._given = given if p["camera_root.source"] == GIVEN else None
        if p["camera_root.source"] == D435I:
            self._given = D435I_ROOT_FROM_OPTICAL
        self._calibration = read_calibration(p["calibration_file"], camera_root_from_camera_optical=self._given)
        info = self._calibration.info
        in_hand = isinstance(self._calibration, HandEye)
        self._parent = p["parent_frame"] or (info.flange_frame if in_hand else info.base_frame)
        if not self._parent:
            raise EscherNetError(
                f"{p['calibration_file']} does not name the {'flange' if in_hand else 'base'} frame: set "
                "'parent_frame', for example fr3_link8"
            )
        self._optical = p["camera_optical_frame"] or info.camera_frame
        self._root = p["camera_root_frame"] or info.camera_root_frame or root_frame_of(self._optical)
        if not self._root or self._root == self._optical:
            raise EscherNetError(
                f"the camera's root frame is not known ('{self._root}' with optical frame '{self._optical}'): set "
                "'camera_root_frame', for example camera_link"
            )
        self._heard: dict[str, SE3] = {}
        self._parent_from_root: SE3 | None = None
        self._sentence, self._level = "waiting for TF", WARN
        self._publisher = self.create_publisher(TFMessage, "/tf_static", qos.LATCHED)
        self.create_subscription(TFMessage, "/tf_static", self._on_transforms, qos.TF_STATIC)
        self.create_subscription(TFMessage, "/tf", self._on_transforms, qos.TF)
        self._lookup = CameraRootLookup(self)
        self._diagnostics = Diagnostics(self, self._report)
        self.start_thread(self._publish_once)

    def _publish_once(self) -> None:
        root_from_optical, source = self._root_from_optical()
        time.sleep(_LISTEN_S)  # latched transforms of others arrive
        others = self._parents_of_root()
        if others:
            raise EscherNetError(
                f"'{self._root}' has the parent '{others[0]}' already, so '{self._parent}' would be its second one and "
                "TF would fall apart: end the other publisher, or set 'camera_root_frame'"
            )
        calibration = self._calibration
        if isinstance(calibration, FixedCamera):
            parent_from_optical = calibration.base_from_camera_optical
        else:
            parent_from_optical = calibration.flange_from_camera_optical
        parent_from_root = parent_from_optical @ root_from_optical.inverse()
        if other := self._other_than(parent_from_root):
            raise EscherNetError(f"{other}: end the other publisher, or two calibrations would take turns")
        sentence = f"'{self._parent}' -> '{self._root}', optical frame in it from {source}"
        self._sentence, self._level = sentence, OK
        self._parent_from_root = parent_from_root
        stamp = self.get_clock().now().to_msg()
        message = messages.to_transform_stamped(self._parent, self._root, parent_from_root, stamp)
        self._publisher.publish(TFMessage(transforms=[message]))
        self.get_logger().info(f"published {sentence}: {parent_from_root}")

    def _root_from_optical(self) -> tuple[SE3, str]:
        p = self._parameters_read
        wanted = p["camera_root.source"]
        in_file = self._calibration.info.camera_root_from_camera_optical
        if self._given is not None:
            return self._given, "nominal figures of a D435i" if wanted == D435I else "the parameters"
        if wanted in (AUTO, TF):
            if not self._optical:
                raise EscherNetError("the optical frame is not known: set 'camera_optical_frame'")
            found = self._lookup.wait(self._root, self._optical, p["tf_timeout_s"])
            if found is not None:
                return found, "TF"
        if wanted in (AUTO, FILE) and in_file is not None:
            return in_file, "the file"
        why = (
            self._lookup.missing
            or f"TF did not know it within {p['tf_timeout_s']:g} s: is the camera's driver running?"
        )
        told = "the file holds it, but was not asked" if in_file else "the file does not hold it"
        raise EscherNetError(
            f"where '{self._optical}' is in '{self._root}' is not known ({why}; {told}): "
            "set 'camera_root.source' to d435i for nominal figures, or to given"
        )

    def _on_transforms(self, message: TFMessage) -> None:
        for transform in message.transforms:
            if transform.child_frame_id != self._root:
                continue
            try:
                self._heard[transform.header.frame_id] = transform_of(transform.transform)
            except EscherNetError as error:
                self.get_logger().warning(f"transform of '{self._root}' not understood: {error}")
        if self._parent_from_root is None or self._level == ERROR:
            return
        trouble = self._other_than(self._parent_from_root)
        if others := self._parents_of_root():
            trouble = f"'{self._root}' has got a second parent: '{others[0]}' beside '{self._parent}'"
        if trouble:
            self._sentence, self._level = trouble, ERROR
            self.get_logger().error(trouble)

    def _parents_of_root(self) -> list[str]:
        """Every parent that others gave the root frame."""
        return [parent for parent in list(self._heard) if parent != self._parent]

    def _other_than(self, parent_from_root: SE3) -> str:
        """Say that somebody publishes the same transform with other numbers; empty when nobody does."""
        heard = self._heard.get(self._parent)
        if heard is None or heard.is_close(parent_from_root, 1e-6):
            return ""
        metres, radians = heard.distance_to(parent_from_root)
        return (
            f"somebody else publishes '{self._parent}' -> '{self._root}', {metres * 1e3:.2f} mm and "
            f"{math.degrees(radians):.3f} deg from this calibration"
        )

    def _report(self) -> Report:
        return self._level, self._sentence, {"calibration": self._calibration.info.name}


def main() -> None:
    """Entry point of ``ros2 run eschernet_ros hand_eye_publisher``."""
    run(HandEyePublisherNode)


if __name__ == "__main__":
    main()
