# SPDX-License-Identifier: Apache-2.0
"""Chains of a robot description: the Franka table written as URDF, every joint type, and every reason to refuse one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE, UrdfChain, forward_kinematics
from eschernet_ros.kinematics.dh import DH_A, DH_ALPHA, DH_D, FLANGE_D


def franka_urdf() -> str:
    """Return the published table as franka_description writes it: a joint's origin is its row at zero."""
    links = [f"fr3_link{i}" for i in range(9)] + ["fr3_hand", "fr3_hand_tcp", "fr3_leftfinger"]
    lines = ["<?xml version='1.0'?>", "<robot name='fr3'>", *(f"<link name='{name}'/>" for name in links)]

    def joint(name: str, kind: str, parent: str, child: str, xyz: object, rpy: object, inner: str = "") -> None:
        x, y, z = np.array(xyz)
        r, p, w = np.array(rpy)
        lines.append(
            f"<joint name='{name}' type='{kind}'><parent link='{parent}'/><child link='{child}'/>"
            f"<origin xyz='{x} {y} {z}' rpy='{r} {p} {w}'/>{inner}</joint>"
        )

    for i in range(7):
        d, alpha = DH_D[i], DH_ALPHA[i]
        xyz = [DH_A[i], -d * np.sin(alpha), d * np.cos(alpha)]
        inner = "<axis xyz='0 0 1'/><limit lower='-3' upper='3'/>"
        joint(f"fr3_joint{i + 1}", "revolute", f"fr3_link{i}", f"fr3_link{i + 1}", xyz, [alpha, 0, 0], inner)
    joint("fr3_joint8", "fixed", "fr3_link7", "fr3_link8", [0, 0, FLANGE_D], [0, 0, 0])
    joint("fr3_hand_joint", "fixed", "fr3_link8", "fr3_hand", [0, 0, 0], [0, 0, -np.pi / 4])
    joint("fr3_hand_tcp_joint", "fixed", "fr3_hand", "fr3_hand_tcp", [0, 0, 0.1034], [0, 0, 0])
    joint(
        "fr3_finger_joint1", "prismatic", "fr3_hand", "fr3_leftfinger", [0, 0, 0.05], [0, 0, 0], "<axis xyz='0 1 0'/>"
    )
    return "\n".join([*lines, "</robot>"])


FRANKA = franka_urdf()
NAMES = tuple(f"fr3_joint{i + 1}" for i in range(7))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-3.0, 3.0), min_size=7, max_size=7))
def test_the_franka_table_as_urdf_gives_the_same_poses(q: list[float]) -> None:
    positions = dict(zip(NAMES, q, strict=True))
    flange = UrdfChain(FRANKA, "fr3_link8").forward(positions)
    assert flange.is_close(forward_kinematics(q), 1e-9)
    tool = UrdfChain(FRANKA, "fr3_hand_tcp", "fr3_link0").forward({**positions, "fr3_finger_joint1": 0.02})
    assert tool.is_close(forward_kinematics(q) @ FLANGE_FROM_HAND_EE, 1e-9)


def test_a_chain_names_what_it_needs() -> None:
    chain = UrdfChain(FRANKA, "fr3_hand_tcp")
    assert (chain.base_link, chain.tip_link, chain.joint_names) == ("fr3_link0", "fr3_hand_tcp", NAMES)
    part = UrdfChain(FRANKA, "fr3_link3", "fr3_link1")
    assert part.joint_names == ("fr3_joint2", "fr3_joint3")
    assert UrdfChain(FRANKA, "fr3_link0").forward({}).is_close(SE3.identity())


def arm(joints: str, links: str = "abcd") -> str:
    """Return a description of links and joints."""
    return f"<robot name='r'>{''.join(f'<link name={name!r}/>' for name in links)}{joints}</robot>"


def joint(kind: str, inner: str = "", name: str = "j", parent: str = "a", child: str = "b") -> str:
    """Return one joint."""
    return f"<joint name='{name}' type='{kind}'><parent link='{parent}'/><child link='{child}'/>{inner}</joint>"


def test_every_joint_type() -> None:
    """Turning about and sliding along any axis, of any length; x where none is given; rpy is about fixed axes."""
    origin = "<origin xyz='1 2 3' rpy='0.1 0.2 0.3'/>"
    placed = UrdfChain(arm(joint("fixed", origin), "ab"), "b").forward({})
    x, y, z = (SE3.from_rotvec(np.eye(3)[i] * angle, np.zeros(3)) for i, angle in enumerate((0.1, 0.2, 0.3)))
    assert placed.is_close(SE3.from_rotvec(np.zeros(3), [1, 2, 3]) @ z @ y @ x, 1e-12)
    turned = UrdfChain(arm(joint("continuous", "<axis xyz='0 2 0'/>"), "ab"), "b").forward({"j": 4.0})
    assert turned.is_close(SE3.from_rotvec([0, 4.0, 0], [0, 0, 0]), 1e-12)
    slid = UrdfChain(arm(joint("prismatic", origin + "<axis xyz='0 0 1'/>"), "ab"), "b").forward({"j": 0.5})
    assert slid.is_close(placed @ SE3.from_rotvec([0, 0, 0], [0, 0, 0.5]), 1e-12)
    default = UrdfChain(arm(joint("revolute"), "ab"), "b").forward({"j": 1.0})
    assert default.is_close(SE3.from_rotvec([1.0, 0, 0], [0, 0, 0]), 1e-12)


def test_a_mimicked_joint_follows_the_other() -> None:
    text = arm(
        joint("prismatic", name="one")
        + joint("prismatic", "<mimic joint='one' multiplier='-2' offset='0.1'/>", "two", "b", "c"),
        "abc",
    )
    chain = UrdfChain(text, "c")
    assert chain.joint_names == ("one",)
    assert chain.forward({"one": 0.3}).translation[0] == pytest.approx(0.3 - 0.6 + 0.1)


@pytest.mark.parametrize(
    ("text", "tip", "sentence"),
    [
        ("<robot", "b", "is not XML"),
        ("<sdf/>", "b", "its first element is <sdf>, not <robot>"),
        ("<robot xmlns:xacro='http://www.ros.org/wiki/xacro'><xacro:arm/></robot>", "b", "run xacro on it first"),
        (arm(joint("fixed"), "ab"), "tool", "no link 'tool' .wanted as tip.; it has a, b"),
        (arm(joint("fixed"), "abc"), "b", "2 links without a parent .a, c.: name the base link"),
        (arm(joint("floating"), "ab"), "b", "'j' of the robot description is of type 'floating'"),
        (arm(joint("revolute", "<axis xyz='0 0 0'/>"), "ab"), "b", "has the axis 0 0 0"),
        (arm(joint("fixed", "<origin xyz='0 0'/>"), "ab"), "b", "xyz='0 0' must be three numbers"),
        (arm(joint("fixed", "<origin xyz='0 0 up'/>"), "ab"), "b", "'up' in xyz is not a number"),
        (arm("<joint name='j' type='fixed'><child link='b'/></joint>", "ab"), "b", "has no <parent link=...>"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, tip: str, sentence: str) -> None:
    with pytest.raises(EscherNetError, match=sentence):
        UrdfChain(text, tip)


def test_links_that_are_not_connected_are_named() -> None:
    text = arm(joint("fixed") + joint("fixed", name="k", parent="c", child="d"))
    with pytest.raises(EscherNetError, match="no chain of joints leads from 'a' to 'd': going up it ends at 'c'"):
        UrdfChain(text, "d", "a")
    with pytest.raises(EscherNetError, match="no chain of joints leads from 'b' to 'a'"):
        UrdfChain(text, "a", "b")


def test_missing_and_broken_positions_are_named() -> None:
    chain = UrdfChain(FRANKA, "fr3_link8")
    with pytest.raises(EscherNetError, match="no joint 'fr3_joint1'; they have panda_joint1"):
        chain.forward({"panda_joint1": 0.0})
    with pytest.raises(EscherNetError, match="position of joint 'fr3_joint2' is nan"):
        chain.forward({"fr3_joint1": 0.0, "fr3_joint2": float("nan")})
