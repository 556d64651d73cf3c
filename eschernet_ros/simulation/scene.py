# SPDX-License-Identifier: Apache-2.0
"""The bench as a MuJoCo model: arm of simple shapes by the DH table, hand, camera, table, turntable, object.

No file is read: the model is an XML text and its texture a PNG in memory.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.geometry import SE3
from eschernet_ros.kinematics import FLANGE_FROM_HAND_EE
from eschernet_ros.kinematics.dh import DH_A, DH_ALPHA, DH_D, FLANGE_D
from eschernet_ros.objects import ObjectMesh
from eschernet_ros.objects.textures import noise
from eschernet_ros.simulation.config import BenchConfig
from eschernet_ros.simulation.graphics import load_mujoco

GL_CAMERA_FROM_OPTICAL = "1 0 0 0 -1 0"  # xyaxes of a MuJoCo (OpenGL) camera in an optical frame

LINK_SHAPES: dict[int, tuple[str, ...]] = {
    0: (
        'type="cylinder" fromto="0 0 0 0 0 0.03" size="0.088" material="shell"',
        'type="capsule" fromto="-0.07 0 0.06 -0.03 0 0.06" size="0.058" material="shell"',
        'type="cylinder" fromto="0 0 0.03 0 0 0.14" size="0.066" material="shell"',
    ),
    1: (
        'type="cylinder" fromto="0 0 -0.19 0 0 -0.185" size="0.067" material="trim"',
        'type="capsule" fromto="0 0 -0.13 0 0 -0.02" size="0.062" material="shell"',
    ),
    2: (
        'type="capsule" fromto="0 0 -0.055 0 0 0.055" size="0.058" material="shell"',
        'type="cylinder" fromto="0 0 0.055 0 0 0.116" size="0.052" material="trim"',
        'type="cylinder" fromto="0 0 -0.116 0 0 -0.055" size="0.052" material="trim"',
        'type="capsule" fromto="0 -0.04 0 0 -0.15 0" size="0.058" material="shell"',
    ),
    3: (
        'type="cylinder" fromto="0 0 -0.125 0 0 -0.12" size="0.06" material="trim"',
        'type="capsule" fromto="0 0 -0.09 0.0 0 -0.07" size="0.057" material="shell"',
        'type="capsule" fromto="0.01 0 -0.055 0.0825 0 0" size="0.054" material="shell"',
    ),
    4: (
        'type="capsule" fromto="0 0 -0.05 0 0 0.05" size="0.055" material="shell"',
        'type="cylinder" fromto="0 0 -0.105 0 0 0.105" size="0.046" material="trim"',
        'type="capsule" fromto="0 0 0 -0.0825 0.075 0" size="0.052" material="shell"',
    ),
    5: (
        'type="cylinder" fromto="0 0 -0.262 0 0 -0.257" size="0.056" material="trim"',
        'type="capsule" fromto="0 0 -0.21 0 0.015 -0.15" size="0.054" material="shell"',
        'type="capsule" fromto="0 0.03 -0.15 0 0.062 -0.05" size="0.038" material="shell"',
        'type="capsule" fromto="0 0.06 -0.05 0 0 0.0" size="0.04" material="shell"',
    ),
    6: (
        'type="capsule" fromto="0 0 -0.05 0 0 0.02" size="0.046" material="shell"',
        'type="capsule" fromto="0 0 0 0.088 0 0" size="0.044" material="shell"',
        'type="cylinder" fromto="0 0 -0.1 0 0 0" size="0.04" material="trim"',
    ),
    7: (
        'type="cylinder" fromto="0 0 0.042 0 0 0.1" size="0.044" material="shell"',
        'type="cylinder" fromto="0 0 0.1 0 0 0.107" size="0.034" material="trim"',
    ),
}
"""Shapes in the frame of each link (metres); the author's own, roughly as bulky as the real arm."""


def _numbers(values: ArrayLike) -> str:
    return " ".join(f"{float(v):.9g}" for v in np.asarray(values).ravel())


def _pose(pose: SE3) -> str:
    x, y, z, w = pose.quaternion_xyzw
    return f'pos="{_numbers(pose.translation)}" quat="{_numbers([w, x, y, z])}"'


def _png(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _camera(config: BenchConfig) -> str:
    camera = config.camera
    # MuJoCo's principal point counts from the image's centre, towards the left and up.
    principal = ((camera.width - 1) / 2 - camera.cx, (camera.height - 1) / 2 - camera.cy)
    return (
        f'<camera name="wrist" xyaxes="{GL_CAMERA_FROM_OPTICAL}" resolution="{camera.width} {camera.height}" '
        f'sensorsize="{camera.width * 1e-5:.9g} {camera.height * 1e-5:.9g}" '
        f'focalpixel="{camera.fx:.9g} {camera.fy:.9g}" principalpixel="{_numbers(principal)}"/>'
    )


def _hand(config: BenchConfig) -> str:
    hand_from_ee = SE3.from_rotvec([0, 0, 0], [0, 0, FLANGE_FROM_HAND_EE.translation[2]])
    hand_from_camera = hand_from_ee @ config.ee_from_camera_optical
    bracket = hand_from_camera @ np.array([0.0, 0.0, -0.022])
    return f"""
      <body name="hand" quat="{np.cos(np.pi / 8):.12g} 0 0 {-np.sin(np.pi / 8):.12g}" pos="0 0 {FLANGE_D}">
        <geom type="box" size="0.0315 0.096 0.022" pos="0 0 0.024" material="shell"/>
        <geom type="box" size="0.024 0.09 0.011" pos="0 0 0.055" material="trim"/>
        <geom type="box" size="0.0105 0.009 0.0215" pos="0 0.03 0.0855" material="trim"/>
        <geom type="box" size="0.0105 0.009 0.0215" pos="0 -0.03 0.0855" material="trim"/>
        <geom type="capsule" fromto="0.025 0 0.02 {_numbers(bracket)}" size="0.008" material="trim"/>
        <body name="camera" {_pose(hand_from_camera)}>
          {_camera(config)}
          <geom type="box" size="0.045 0.0125 0.0115" pos="-0.015 0 -0.0155" material="metal"/>
          <geom type="box" size="0.042 0.010 0.0015" pos="-0.015 0 -0.0035" material="glass"/>
        </body>
      </body>"""


def _arm(config: BenchConfig) -> str:
    opened, closed = "", ""
    for i in range(7):
        position = (DH_A[i], -np.sin(DH_ALPHA[i]) * DH_D[i], np.cos(DH_ALPHA[i]) * DH_D[i])
        half = DH_ALPHA[i] / 2
        shapes = "".join(f"<geom {shape}/>" for shape in LINK_SHAPES[i + 1])
        opened += (
            f'<body name="link{i + 1}" pos="{_numbers(position)}" '
            f'quat="{np.cos(half):.12g} {np.sin(half):.12g} 0 0">'
            f'<joint name="joint{i + 1}" axis="0 0 1"/>{shapes}'
        )
        closed += "</body>"
    base = "".join(f"<geom {shape}/>" for shape in LINK_SHAPES[0])
    return f'<body name="link0">{base}{opened}{_hand(config)}{closed}</body>'


def _mesh(mesh: ObjectMesh) -> str:
    texcoord = np.column_stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]])
    return (
        f'<mesh name="object" vertex="{_numbers(mesh.vertices)}" normal="{_numbers(mesh.normals)}" '
        f'texcoord="{_numbers(texcoord)}" face="{" ".join(map(str, mesh.faces.ravel()))}"/>'
    )


def build_model(config: BenchConfig, mesh: ObjectMesh, base_from_object: SE3) -> Any:
    """The bench as a ``mujoco.MjModel``: seven hinges, cameras ``wrist`` and ``overview``, geom ``object``.

    Geoms of group 3 are not drawn: the object's box stands in for it in collision checks.
    """
    wide, high = config.overview_size
    buffer = max(wide * 2, config.camera.width), max(high * 2, config.camera.height)
    x, y = config.object_xy
    grain = noise((256, 256), ((196, 186, 170), (206, 197, 182), (214, 206, 192)), 7, 0.5, 1.2)
    half = np.array(mesh.size) / 2
    xml = f"""
<mujoco model="bench">
  <compiler angle="radian" autolimits="true"/>
  <default>
    <geom margin="{config.clearance}"/>
    <light type="directional" castshadow="false" specular="0 0 0"/>
  </default>
  <statistic extent="1" center="0.3 0 0.3"/>
  <visual>
    <global offwidth="{buffer[0]}" offheight="{buffer[1]}"/>
    <quality offsamples="0" shadowsize="0"/>
    <map znear="0.02" zfar="20"/>
    <headlight ambient="0.42 0.42 0.42" diffuse="0.22 0.22 0.22" specular="0 0 0"/>
  </visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" width="64" height="384"
      rgb1="0.93 0.94 0.95" rgb2="0.80 0.81 0.82"/>
    <texture name="object" type="2d" file="object.png"/>
    <texture name="table" type="2d" file="table.png"/>
    <material name="object" texture="object" specular="0.15" shininess="0.3"/>
    <material name="table" texture="table" texrepeat="3 3" texuniform="true" specular="0.05"/>
    <material name="shell" rgba="0.93 0.94 0.95 1" specular="0.3" shininess="0.4"/>
    <material name="trim" rgba="0.22 0.24 0.27 1" specular="0.2" shininess="0.3"/>
    <material name="metal" rgba="0.66 0.68 0.71 1" specular="0.5" shininess="0.6"/>
    <material name="glass" rgba="0.05 0.05 0.07 1" specular="0.6" shininess="0.8"/>
    <material name="disc" rgba="0.56 0.59 0.62 1" specular="0.1"/>
    <material name="floor" rgba="0.62 0.64 0.66 1" specular="0"/>
    {_mesh(mesh)}
  </asset>
  <worldbody>
    <light pos="0.5 1 3" dir="-0.35 -0.55 -0.75" diffuse="0.36 0.35 0.33" specular="0.2 0.2 0.2"/>
    <light pos="-1 -1 3" dir="0.55 0.5 -0.65" diffuse="0.24 0.24 0.26"/>
    <light pos="2 0 1" dir="-0.8 0.2 -0.35" diffuse="0.18 0.18 0.18"/>
    <camera name="overview" pos="1.36 -1.12 0.86" xyaxes="0.68 0.733 0 -0.256 0.237 0.937" fovy="42"/>
    <body name="floor"><geom type="plane" size="6 6 0.1" pos="0 0 -0.75" material="floor"/></body>
    <body name="table">
      <geom type="box" size="0.55 0.55 0.02" pos="0.3 0 -0.02" material="table"/>
      <geom type="box" size="0.03 0.03 0.355" pos="0.78 0.48 -0.395" material="trim"/>
      <geom type="box" size="0.03 0.03 0.355" pos="0.78 -0.48 -0.395" material="trim"/>
      <geom type="box" size="0.03 0.03 0.355" pos="-0.18 0.48 -0.395" material="trim"/>
      <geom type="box" size="0.03 0.03 0.355" pos="-0.18 -0.48 -0.395" material="trim"/>
    </body>
    <body name="turntable" pos="{x} {y} 0">
      <geom type="cylinder" size="{config.turntable_radius} 0.008"
        pos="0 0 {config.turntable_height - 0.008}" material="disc"/>
      <geom type="cylinder" size="{config.turntable_radius * 0.45} {config.turntable_height / 2 - 0.004}"
        pos="0 0 {config.turntable_height / 2 - 0.004}" material="trim"/>
    </body>
    <body name="object" {_pose(base_from_object)}>
      <geom name="object" type="mesh" mesh="object" material="object" contype="0" conaffinity="0"/>
      <geom type="box" size="{_numbers(half)}" group="3" rgba="0 0 0 0"/>
    </body>
    {_arm(config)}
  </worldbody>
  <contact><exclude body1="link0" body2="link1"/></contact>
</mujoco>"""
    assets = {"object.png": _png(mesh.texture), "table.png": _png(grain)}
    return load_mujoco(graphics=False).MjModel.from_xml_string(xml, assets)
