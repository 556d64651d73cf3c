# SPDX-License-Identifier: Apache-2.0
"""Pictures of the corpus against the pinhole camera and against the simulated bench's renderer."""

import cv2
import numpy as np
import pytest

from eschernet_ros.corpus.lighting import random_lighting
from eschernet_ros.corpus.procedural import procedural_object
from eschernet_ros.corpus.renderer import ViewRenderer, straight_alpha
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import look_at_origin, model_camera
from eschernet_ros.objects import bench_object
from eschernet_ros.objects.assemble import Part, assemble
from eschernet_ros.objects.shapes import box
from eschernet_ros.simulation.graphics import GraphicsError, OffscreenRenderer, load_mujoco
from eschernet_ros.simulation.scene import _mesh, _png

CAMERAS = [look_at_origin(0.7, 1.1, 1.6), look_at_origin(3.9, 0.3, 2.1), look_at_origin(2.0, 2.6, 1.8)]
FINE = 8


def projected(mesh, camera, size):
    """Where the pinhole camera sees the mesh's faces: coverage [size, size] in 0..1, drawn 8 times finer."""
    pinhole = model_camera(size * FINE)
    optical = camera.matrix[:3] * [[1], [-1], [-1]]
    points = mesh.vertices / mesh.longest_side @ optical[:, :3].T + optical[:, 3]
    pixels = np.round(pinhole.project(points) * 16).astype(np.int32)
    fine = np.zeros((size * FINE, size * FINE), np.uint8)
    for face in mesh.faces:
        cv2.fillConvexPoly(fine, pixels[face], 255, cv2.LINE_8, 4)
    return cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA) / 255


@pytest.mark.parametrize("seed", [1, 2, 10, 13, 33])
def test_silhouettes_are_where_the_pinhole_sees_them(renderer, seed):
    mesh = procedural_object(seed)
    views = renderer.render(mesh, [camera.matrix for camera in CAMERAS])
    for view, camera in zip(views, CAMERAS, strict=True):
        expected, seen = projected(mesh, camera, 96), view[..., 3] / 255
        assert np.minimum(expected, seen).sum() / np.maximum(expected, seen).sum() > 0.97
        ys, xs = np.indices(seen.shape)
        for axis in (xs, ys):  # and not half a pixel beside it
            assert (axis * seen).sum() / seen.sum() == pytest.approx((axis * expected).sum() / expected.sum(), abs=0.1)


def test_each_side_is_seen_from_its_side(renderer):
    colours = {
        "front": (255, 0, 0),
        "left": (0, 255, 0),
        "back": (0, 0, 255),
        "right": (255, 255, 0),
        "top": (255, 0, 255),
        "bottom": (0, 255, 255),
    }
    parts = [Part(s, np.full((8, 8, 3), colours[name], np.uint8)) for name, s in box((0.6, 0.8, 1.0)).items()]
    mesh = assemble("six colours", parts)
    quarter = np.pi / 2
    where = {"front": (0, 1), "left": (1, 1), "back": (2, 1), "right": (3, 1), "top": (0, 0), "bottom": (0, 2)}
    cameras = [look_at_origin(a * quarter, p * quarter, 2.0).matrix for a, p in where.values()]
    for name, view in zip(where, renderer.render(mesh, cameras), strict=True):
        middle = view[48, 48, :3].astype(int)
        lit = np.array(colours[name]) > 0
        assert middle[lit].min() > 100, name
        assert middle[~lit].max() < 30, name


def test_pictures_are_upright_and_not_mirrored(renderer):
    print_ = np.full((64, 64, 3), 200, np.uint8)
    print_[:32, :32] = (200, 0, 0)  # top left as seen from the front
    sides = box((0.5, 1.0, 1.0))
    plain = np.full((8, 8, 3), 200, np.uint8)
    mesh = assemble("flag", [Part(s, print_ if name == "front" else plain) for name, s in sides.items()])
    (view,) = renderer.render(mesh, [look_at_origin(0.0, np.pi / 2, 2.0).matrix])
    rows, columns = np.nonzero((view[..., 1] < 40) & (view[..., 3] == 255))
    assert rows.mean() < 42
    assert columns.mean() < 42
    assert rows.max() < 50
    assert columns.max() < 50


def test_colour_is_straight_at_the_edge(renderer):
    mesh = assemble("ball", [Part(s, np.full((8, 8, 3), 255, np.uint8)) for s in box((1, 1, 1)).values()])
    (view,) = renderer.render(mesh, [CAMERAS[0].matrix])
    edge = (view[..., 3] > 0) & (view[..., 3] < 255)
    assert edge.sum() > 30
    assert view[edge][:, :3].min() > 90  # premultiplied colour would be nearly black where coverage is a quarter
    assert not view[view[..., 3] == 0].any()


def test_straight_alpha_divides_by_coverage():
    samples = np.zeros((2, 4, 4), np.uint8)
    samples[0, 0] = (200, 100, 50, 255)
    samples[:, 2:] = (10, 20, 30, 255)
    np.testing.assert_array_equal(straight_alpha(samples), [[[200, 100, 50, 64], [10, 20, 30, 255]]])


@pytest.mark.parametrize("name", ["mug", "toy_truck"])
def test_the_bench_renderer_draws_the_same(renderer, name):
    """MuJoCo with the bench's lights against the corpus renderer with its default lights."""
    mesh = bench_object(name)
    camera = look_at_origin(0.9, 1.0, 1.7)
    size = 96
    try:
        mujoco = load_mujoco()
        model = mujoco.MjModel.from_xml_string(_bare_scene(mesh, camera, size), {"object.png": _png(mesh.texture)})
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        drawing = OffscreenRenderer(model)
    except (GraphicsError, ImportError) as error:
        pytest.skip(f"MuJoCo cannot draw here: {error}")
    expected = drawing.colour(data, 0, (size, size)).astype(float)
    _, mask = drawing.depth_and_mask(data, 0, (size, size), 0, depth=False)
    drawing.close()
    (view,) = renderer.render(mesh, [camera.matrix])
    covered = view[..., 3] > 127
    assert (covered & mask).sum() / (covered | mask).sum() > 0.97
    inside = cv2.erode((covered & mask).astype(np.uint8), np.ones((5, 5))) > 0
    difference = np.abs(view[..., :3] - expected)[inside]
    assert difference.mean() < 8
    assert abs((view[..., :3] - expected)[inside].mean()) < 3


def _bare_scene(mesh, camera, size):
    """The object alone at longest side 1, lit as on the bench, and one camera of the model's focal length."""
    pose = camera.inverse().matrix
    axes = " ".join(f"{v:.9g}" for v in (*pose[:3, 0], *pose[:3, 1]))
    at = " ".join(f"{v:.9g}" for v in pose[:3, 3])
    scale = " ".join([f"{1 / mesh.longest_side:.9g}"] * 3)
    return f"""
<mujoco><default><light type="directional" castshadow="false" specular="0 0 0"/></default>
  <statistic extent="1"/>
  <visual><global offwidth="{size}" offheight="{size}"/><quality offsamples="0" shadowsize="0"/>
    <map znear="0.02" zfar="20"/>
    <headlight ambient="0.42 0.42 0.42" diffuse="0.22 0.22 0.22" specular="0 0 0"/></visual>
  <asset><texture name="object" type="2d" file="object.png"/>
    <material name="object" texture="object" specular="0.15" shininess="0.3"/>
    {_mesh(mesh).replace('<mesh name="object"', f'<mesh name="object" scale="{scale}"')}</asset>
  <worldbody>
    <light pos="0.5 1 3" dir="-0.35 -0.55 -0.75" diffuse="0.36 0.35 0.33" specular="0.2 0.2 0.2"/>
    <light pos="-1 -1 3" dir="0.55 0.5 -0.65" diffuse="0.24 0.24 0.26"/>
    <light pos="2 0 1" dir="-0.8 0.2 -0.35" diffuse="0.18 0.18 0.18"/>
    <camera name="eye" pos="{at}" xyaxes="{axes}" fovy="{np.degrees(2 * np.arctan(0.5 / (280 / 256))):.9g}"/>
    <body><geom name="object" type="mesh" mesh="object" material="object" contype="0" conaffinity="0"/></body>
  </worldbody></mujoco>"""


def test_many_views_are_drawn_in_several_goes(renderer):
    mesh = procedural_object(2)
    cameras = [look_at_origin(0.5 * i, 1.2, 1.8).matrix for i in range(14)]
    together = renderer.render(mesh, cameras, random_lighting(2))
    assert together.shape == (14, 96, 96, 4)
    for index in (0, 5, 6, 13):
        (alone,) = renderer.render(mesh, cameras[index : index + 1], random_lighting(2))
        difference = np.abs(together[index].astype(int) - alone)  # the place in the buffer rounds differently
        assert difference.max() <= 16
        assert (difference > 0).mean() < 1e-3


def test_lights_stay_in_the_world_and_differ_between_objects(renderer):
    mesh = assemble("cube", [Part(s, np.full((8, 8, 3), 200, np.uint8)) for s in box((1, 1, 1)).values()])
    around = [look_at_origin(i * np.pi / 2, np.pi / 2, 2.0).matrix for i in range(4)]
    views = renderer.render(mesh, around)
    sides = views[:, 48, 48, :3].astype(float).mean(axis=1)
    assert np.ptp(sides) > 20
    others = renderer.render(mesh, around, random_lighting(5))[:, 48, 48, :3].astype(float).mean(axis=1)
    assert np.abs(others - sides).max() > 5


def test_a_camera_that_is_no_matrix_is_refused(renderer):
    with pytest.raises(EscherNetError, match="camera 0"):
        renderer.render(procedural_object(1), [np.eye(3)])


def test_a_closed_renderer_says_so(renderer):
    second = ViewRenderer(16, 1)
    second.close()
    second.close()
    with pytest.raises(GraphicsError, match="closed"):
        second.render(procedural_object(1), [CAMERAS[0].matrix])
