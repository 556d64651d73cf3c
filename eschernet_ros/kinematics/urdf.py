# SPDX-License-Identifier: Apache-2.0
"""Forward kinematics of one chain of a robot description (URDF).

A small reader of what a chain needs (http://wiki.ros.org/urdf/XML/joint): origins, axes, and the joint types fixed,
revolute, continuous and prismatic, with mimicked joints. Links' shapes and inertias are not looked at.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3

_TURNING, _SLIDING, _FIXED = ("revolute", "continuous"), ("prismatic",), ("fixed",)


@dataclass(frozen=True)
class UrdfJoint:
    """One joint of a chain.

    Attributes:
        name, kind, parent, child: as in the description.
        parent_from_joint: its origin.
        axis: [3] unit vector in the joint's frame.
        driver: the joint whose position counts: itself, or the one it mimics.
        multiplier, offset: position = multiplier * driver's + offset.
    """

    name: str
    kind: str
    parent: str
    child: str
    parent_from_joint: SE3
    axis: tuple[float, float, float]
    driver: str
    multiplier: float = 1.0
    offset: float = 0.0

    def parent_from_child(self, position: float) -> SE3:
        """The transform across the joint at the driver's position (radians or metres)."""
        if self.kind in _FIXED:
            return self.parent_from_joint
        amount = self.multiplier * position + self.offset
        vector = np.multiply(self.axis, amount)
        if self.kind in _SLIDING:
            return self.parent_from_joint @ SE3.from_rotvec(np.zeros(3), vector)
        return self.parent_from_joint @ SE3.from_rotvec(vector, np.zeros(3))


class UrdfChain:
    """The joints from a base link to a tip link.

    Args:
        text: the description, XML (what ``robot_description`` holds; xacro must have been run).
        tip_link: the chain's end.
        base_link: its start; empty: the description's root.

    Attributes:
        base_link, tip_link: names.
        joints: of the chain, from the base on.
        joint_names: whose positions are needed, each once.

    Raises:
        EscherNetError: no URDF, an unknown link, no chain between the links, or a joint of another type on it.
    """

    def __init__(self, text: str, tip_link: str, base_link: str = "") -> None:
        root = _robot(text)
        by_child: dict[str, ElementTree.Element] = {}
        links = [str(link.get("name")) for link in root.findall("link")]
        for joint in root.findall("joint"):
            by_child[_attribute(joint, "child", "link")] = joint
        self.base_link = base_link or _root_link(links, by_child)
        self.tip_link = tip_link
        for role, name in (("base", self.base_link), ("tip", tip_link)):
            if name not in links:
                raise EscherNetError(
                    f"the robot description has no link '{name}' (wanted as {role}); it has {_some(links)}"
                )
        chain: list[UrdfJoint] = []
        link = tip_link
        while link != self.base_link:
            if link not in by_child or len(chain) > len(links):
                raise EscherNetError(
                    f"in the robot description no chain of joints leads from '{self.base_link}' to '{tip_link}': "
                    f"going up it ends at '{link}'"
                )
            chain.append(_joint(by_child[link]))
            link = chain[-1].parent
        self.joints = tuple(reversed(chain))
        moving = [joint for joint in self.joints if joint.kind not in _FIXED]
        self.joint_names = tuple(dict.fromkeys(joint.driver for joint in moving))

    def forward(self, positions: Mapping[str, float]) -> SE3:
        """``base_from_tip`` at joint positions by name (radians, metres).

        Raises:
            EscherNetError: a joint of the chain is not among them, or its position is not finite.
        """
        base_from_link = SE3.identity()
        for joint in self.joints:
            position = 0.0 if joint.kind in _FIXED else joint_position(positions, joint.driver)
            base_from_link = base_from_link @ joint.parent_from_child(position)
        return base_from_link


def joint_position(positions: Mapping[str, float], name: str) -> float:
    """The position of a joint by its name.

    Raises:
        EscherNetError: it is not among them, or not finite.
    """
    value = positions.get(name)
    if value is None:
        raise EscherNetError(f"the joint states have no joint '{name}'; they have {_some(positions)}")
    if not np.isfinite(value):
        raise EscherNetError(f"the position of joint '{name}' is {value}")
    return float(value)


def _robot(text: str) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise EscherNetError(f"the robot description is not XML: {error}") from error
    if root.tag != "robot":
        raise EscherNetError(f"the robot description is not a URDF: its first element is <{root.tag}>, not <robot>")
    if "xacro" in text and (root.find(".//{http://www.ros.org/wiki/xacro}*") is not None or "${" in text):
        raise EscherNetError("the robot description is a xacro file: run xacro on it first (xacro FILE > robot.urdf)")
    return root


def _joint(element: ElementTree.Element) -> UrdfJoint:
    name, kind = str(element.get("name")), str(element.get("type"))
    if kind not in (*_TURNING, *_SLIDING, *_FIXED):
        raise EscherNetError(
            f"joint '{name}' of the robot description is of type '{kind}'; a chain may have "
            f"{', '.join((*_TURNING, *_SLIDING, *_FIXED))}"
        )
    origin = element.find("origin")
    xyz = _numbers(origin, "xyz", (0.0, 0.0, 0.0), name)
    rpy = _numbers(origin, "rpy", (0.0, 0.0, 0.0), name)
    axis = np.array(_numbers(element.find("axis"), "xyz", (1.0, 0.0, 0.0), name))
    length = float(np.linalg.norm(axis))
    if length == 0.0 and kind not in _FIXED:
        raise EscherNetError(f"joint '{name}' of the robot description has the axis 0 0 0")
    mimic = element.find("mimic")
    x, y, z = (axis / (length or 1.0)).tolist()
    return UrdfJoint(
        name=name,
        kind=kind,
        parent=_attribute(element, "parent", "link"),
        child=_attribute(element, "child", "link"),
        parent_from_joint=SE3.from_rotation_translation(Rotation.from_euler("xyz", rpy), xyz),
        axis=(x, y, z),
        driver=name if mimic is None else str(mimic.get("joint")),
        multiplier=1.0 if mimic is None else _number(mimic.get("multiplier", "1"), "multiplier", name),
        offset=0.0 if mimic is None else _number(mimic.get("offset", "0"), "offset", name),
    )


def _attribute(joint: ElementTree.Element, tag: str, attribute: str) -> str:
    element = joint.find(tag)
    if element is None or element.get(attribute) is None:
        raise EscherNetError(f"joint '{joint.get('name')}' of the robot description has no <{tag} {attribute}=...>")
    return str(element.get(attribute))


def _numbers(
    element: ElementTree.Element | None, attribute: str, default: tuple[float, float, float], joint: str
) -> tuple[float, float, float]:
    text = None if element is None else element.get(attribute)
    if text is None:
        return default
    values = [_number(word, attribute, joint) for word in text.split()]
    if len(values) != 3:
        raise EscherNetError(f"joint '{joint}' of the robot description: {attribute}='{text}' must be three numbers")
    return values[0], values[1], values[2]


def _number(text: str, attribute: str, joint: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise EscherNetError(f"joint '{joint}' of the robot description: '{text}' in {attribute} is not a number")
    return value


def _root_link(links: list[str], by_child: Mapping[str, ElementTree.Element]) -> str:
    roots = [link for link in links if link not in by_child]
    if len(roots) != 1:
        raise EscherNetError(
            f"the robot description has {len(roots)} links without a parent ({_some(roots)}): name the base link"
        )
    return roots[0]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "") or "none"
