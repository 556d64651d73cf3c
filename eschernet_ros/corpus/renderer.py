# SPDX-License-Identifier: Apache-2.0
"""Draws many views of an object at once, off screen, on a transparent background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from eschernet_ros.corpus.lighting import Lighting, bench_lighting
from eschernet_ros.errors import EscherNetError
from eschernet_ros.objects.mesh import ObjectMesh
from eschernet_ros.optional import require
from eschernet_ros.simulation.graphics import GraphicsError

FOCAL = 280.0 / 256.0
"""The model's focal length as a fraction of the image's side."""

_NEAR, _FAR = 0.05, 20.0
_SAMPLES = 2

_VERTEX = """
#version 330
uniform mat4 camera;
in vec3 position; in vec3 normal; in vec2 uv;
out vec3 world_normal; out vec3 world_point; out vec2 at;
void main() {
    gl_Position = camera * vec4(position, 1.0);
    world_normal = normal; world_point = position; at = uv;
}
"""

_FRAGMENT = """
#version 330
uniform sampler2D picture;
uniform vec3 eye; uniform vec3 forward;
uniform float ambient; uniform float headlight; uniform float specular; uniform float shininess;
uniform vec3 towards[3]; uniform vec3 diffuse[3];
in vec3 world_normal; in vec3 world_point; in vec2 at;
out vec4 colour;
void main() {
    vec3 n = normalize(world_normal);
    if (!gl_FrontFacing) n = -n;
    vec3 light = vec3(ambient + headlight * max(dot(n, -forward), 0.0));
    for (int i = 0; i < 3; ++i) light += diffuse[i] * max(dot(n, towards[i]), 0.0);
    vec3 halfway = normalize(towards[0] + normalize(eye - world_point));
    float shine = specular * pow(max(dot(n, halfway), 0.0), shininess) * step(0.0, dot(n, towards[0]));
    colour = vec4(min(light, 1.0) * texture(picture, at).rgb + shine, 1.0);
}
"""


def straight_alpha(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Halve an RGBA picture [2H, 2W, 4], black where nothing is: the mean colour of what is covered, and coverage."""
    high, wide = samples.shape[0] // _SAMPLES, samples.shape[1] // _SAMPLES
    mean = cv2.resize(samples.astype(np.float32), (wide, high), interpolation=cv2.INTER_AREA)
    alpha = mean[..., 3:]
    partial = (alpha > 0) & (alpha < 255)
    mean[..., :3] *= np.where(partial, 255.0 / np.maximum(alpha, 1.0), 1.0)
    return np.asarray(np.clip(np.rint(mean), 0, 255).astype(np.uint8))


class ViewRenderer:
    """Draws objects, normalised to longest side 1, in the thread that made it.

    Args:
        size: side of the square views, pixels.
        most: how many views one drawing holds; more are drawn in several.

    Raises:
        GraphicsError: no off-screen OpenGL 3.3 on this machine.
        MissingDependencyError: moderngl is not installed.
    """

    def __init__(self, size: int = 256, most: int = 16) -> None:
        if size < 8 or most < 1:
            raise EscherNetError(f"views of {size} pixels, {most} at once: at least 8 pixels and one view are needed")
        moderngl = require("moderngl", "pip install 'moderngl>=5.12'", "the corpus renderer")
        try:
            self._gl: Any = moderngl.create_context(standalone=True, backend="egl", require=330)
        except Exception as error:  # moderngl and glcontext raise plain Exception
            raise GraphicsError(
                f"no off-screen OpenGL 3.3 through EGL for the corpus renderer ({error}); "
                "apt install libegl1 libgl1 libgl1-mesa-dri"
            ) from error
        self.size = size
        self._cell = size * _SAMPLES
        limit = int(self._gl.info["GL_MAX_TEXTURE_SIZE"])
        if self._cell > limit:
            raise GraphicsError(f"views of {size} pixels are too large for this OpenGL, which draws up to {limit // 2}")
        self._columns = max(1, min(int(np.ceil(np.sqrt(most))), limit // self._cell))
        self._rows = max(1, min(-(-most // self._columns), limit // self._cell))
        self._program = self._gl.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        shape = (self._columns * self._cell, self._rows * self._cell)
        self._target = self._gl.framebuffer([self._gl.texture(shape, 4)], self._gl.depth_renderbuffer(shape))
        self._gl.enable(moderngl.DEPTH_TEST)
        self._linear = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        near, far, f = _NEAR, _FAR, 2.0 * FOCAL
        self._projection = np.array(
            [
                [f, 0, 0, 0],
                [0, f, 0, 0],
                [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
                [0, 0, -1, 0],
            ]
        )

    def render(
        self, mesh: ObjectMesh, cameras: Sequence[ArrayLike], lighting: Lighting | None = None
    ) -> NDArray[np.uint8]:
        """Views [N, size, size, 4] uint8: RGB where the object is (not premultiplied), alpha its coverage.

        Args:
            mesh: the object; it is scaled to longest side 1, in the world's axes, centred at the origin.
            cameras: ``camera_gl_from_world`` [4, 4], in longest sides.
            lighting: that of the bench if not given.
        """
        if self._gl is None:
            raise GraphicsError("this renderer is closed")
        for index, camera in enumerate(cameras):
            if np.shape(camera) != (4, 4):
                raise EscherNetError(f"camera {index} must be a matrix [4, 4], it has shape {np.shape(camera)}")
        with self._gl:  # another renderer of this thread may have drawn last
            return self._render(mesh, cameras, bench_lighting() if lighting is None else lighting)

    def _render(self, mesh: ObjectMesh, cameras: Sequence[ArrayLike], lighting: Lighting) -> NDArray[np.uint8]:
        buffers = self._upload(mesh)
        self._set_lights(lighting)
        views = np.empty((len(cameras), self.size, self.size, 4), np.uint8)
        at_once = self._columns * self._rows
        try:
            for start in range(0, len(cameras), at_once):
                part = [np.asarray(camera, float) for camera in cameras[start : start + at_once]]
                views[start : start + len(part)] = self._draw(buffers[0], part)
        finally:
            for item in buffers:
                item.release()
        return views

    def _upload(self, mesh: ObjectMesh) -> tuple[Any, ...]:
        data = np.concatenate([mesh.vertices / mesh.longest_side, mesh.normals, mesh.uv], axis=1).astype("f4")
        points = self._gl.buffer(data.tobytes())
        faces = self._gl.buffer(np.ascontiguousarray(mesh.faces, np.int32).tobytes())
        array = self._gl.vertex_array(
            self._program, [(points, "3f 3f 2f", "position", "normal", "uv")], faces, index_element_size=4
        )
        high, wide = mesh.texture.shape[:2]
        picture = self._gl.texture((wide, high), 3, mesh.texture[::-1].tobytes(), alignment=1)
        picture.build_mipmaps(max_level=3)  # as deep as the atlas's gutter
        picture.filter = self._linear
        picture.use(0)
        return array, points, faces, picture

    def _set_lights(self, lighting: Lighting) -> None:
        for name in ("ambient", "headlight", "specular", "shininess"):
            self._program[name].value = float(getattr(lighting, name))
        self._program["towards"].write(np.ascontiguousarray(lighting.towards, "f4").tobytes())
        self._program["diffuse"].write(np.ascontiguousarray(lighting.diffuse, "f4").tobytes())

    def _draw(self, array: Any, cameras: list[NDArray[np.float64]]) -> NDArray[np.uint8]:
        cell = self._cell
        self._target.use()
        self._target.viewport = (0, 0, *self._target.size)
        self._gl.clear(0.0, 0.0, 0.0, 0.0)
        for index, camera in enumerate(cameras):
            row, column = divmod(index, self._columns)
            self._target.viewport = (column * cell, row * cell, cell, cell)
            self._program["camera"].write((self._projection @ camera).T.astype("f4").tobytes())
            rotation = camera[:3, :3]
            self._program["eye"].value = tuple(-rotation.T @ camera[:3, 3])
            self._program["forward"].value = tuple(-rotation[2])
            array.render()
        rows = -(-len(cameras) // self._columns)
        wide = self._columns * cell
        raw = self._target.read(viewport=(0, 0, wide, rows * cell), components=4, alignment=1)
        sheet = straight_alpha(np.frombuffer(raw, np.uint8).reshape(rows * cell, wide, 4))
        views = sheet.reshape(rows, self.size, self._columns, self.size, 4).swapaxes(1, 2)
        return views.reshape(-1, self.size, self.size, 4)[: len(cameras), ::-1]

    def close(self) -> None:
        """Free the OpenGL context; afterwards nothing can be drawn."""
        if self._gl is not None:
            self._gl.release()
            self._gl = None
