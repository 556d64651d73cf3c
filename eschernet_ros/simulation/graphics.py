# SPDX-License-Identifier: Apache-2.0
"""Off-screen OpenGL for MuJoCo: which backend works here, and a renderer that does no more than it is asked.

``MUJOCO_GL`` is read once, when mujoco is imported. ``load_mujoco`` therefore sets it first.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import os
import sys
import threading
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.optional import require

PACKAGES = "apt install libegl1 libgl1 libgl1-mesa-dri (EGL) or apt install libosmesa6 (OSMesa)"


class GraphicsError(EscherNetError):
    """No picture can be drawn on this machine, or from this thread."""


def _egl_works() -> bool:
    """Whether an EGL device can be initialised without a screen, and PyOpenGL will find the functions it draws with."""
    try:
        ctypes.CDLL("libGL.so.1")
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = [ctypes.c_char_p]
    query = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_of = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query or not display_of:
        return False
    query_devices = ctypes.CFUNCTYPE(
        ctypes.c_uint, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int)
    )(query)
    get_display = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)(display_of)
    egl.eglInitialize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    devices = (ctypes.c_void_p * 16)()
    found = ctypes.c_int(0)
    if not query_devices(16, devices, ctypes.byref(found)):
        return False
    platform_device = 0x313F  # EGL_PLATFORM_DEVICE_EXT
    for device in devices[: found.value]:
        display = get_display(platform_device, device, None)
        if display and egl.eglInitialize(display, None, None):
            return True
    return False


def _osmesa_works() -> bool:
    return ctypes.util.find_library("OSMesa") is not None


def choose_backend() -> str:
    """``MUJOCO_GL`` when it is set, else ``egl`` or ``osmesa``, whichever works here first.

    Raises:
        GraphicsError: when neither does; the message names the Debian packages.
    """
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    if asked:
        return asked
    if _egl_works():
        return "egl"
    if _osmesa_works():
        return "osmesa"
    raise GraphicsError(
        f"the simulated bench finds no off-screen OpenGL (neither EGL nor OSMesa); {PACKAGES}, "
        "or set MUJOCO_GL yourself"
    )


def load_mujoco(graphics: bool = True) -> ModuleType:
    """Import mujoco, with ``MUJOCO_GL`` set to a backend that works unless the environment sets one.

    Args:
        graphics: False for a user that never renders: then a machine without OpenGL is no error.

    Raises:
        GraphicsError: no off-screen OpenGL on this machine.
        MissingDependencyError: mujoco is not installed.
    """
    if "mujoco" not in sys.modules and not os.environ.get("MUJOCO_GL", "").strip():
        try:
            os.environ["MUJOCO_GL"] = choose_backend()
        except GraphicsError:
            if graphics:
                raise
            os.environ["MUJOCO_GL"] = "off"
    try:
        return require("mujoco", "pip install 'mujoco>=3.6'", "the simulated bench")
    except (
        RuntimeError,
        AttributeError,
        OSError,
    ) as error:  # what mujoco and PyOpenGL raise on a bad backend
        raise GraphicsError(
            f"MUJOCO_GL={os.environ.get('MUJOCO_GL')} does not work on this machine ({error}); {PACKAGES}"
        ) from error


def _context_class(mujoco: ModuleType) -> Any:
    """The OpenGL context of the chosen backend, also when mujoco was imported before the choice was made."""
    backend = choose_backend()
    if backend in ("egl", "osmesa"):
        return importlib.import_module(f"mujoco.{backend}").GLContext
    return mujoco.GLContext


class OffscreenRenderer:
    """Draws one MuJoCo model off screen, in the thread that made it and no other.

    Args:
        model: the ``mujoco.MjModel``; its off-screen buffer bounds the picture size.
    """

    def __init__(self, model: Any) -> None:
        mj = load_mujoco()
        self._mj = mj
        self._model = model
        self._thread = threading.get_ident()
        self._gl: Any = None
        self._context: Any = None
        size = model.vis.global_.offwidth, model.vis.global_.offheight
        try:
            self._gl = _context_class(mj)(*size)
            self._gl.make_current()
            self._context = mj.MjrContext(model, mj.mjtFontScale.mjFONTSCALE_100.value)
        except Exception as error:
            self.close()
            raise GraphicsError(
                f"no OpenGL context with MUJOCO_GL={os.environ.get('MUJOCO_GL', '')!r} ({error}); {PACKAGES}"
            ) from error
        mj.mjr_setBuffer(mj.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mj.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mj.MjvScene(model=model, maxgeom=256)
        self._option = mj.MjvOption()

    def _draw(self, data: Any, camera: int, size: tuple[int, int], identify: bool, shadows: bool = False) -> Any:
        if threading.get_ident() != self._thread:
            raise GraphicsError(
                "an OpenGL context belongs to the thread that first rendered; render from that thread only, "
                "or give every thread its own SimulatedBench"
            )
        if self._context is None:
            raise GraphicsError("this renderer is closed")
        mj = self._mj
        self._gl.make_current()
        view = mj.MjvCamera()
        view.type = mj.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = camera
        mj.mjv_updateScene(self._model, data, self._option, None, view, mj.mjtCatBit.mjCAT_ALL.value, self._scene)
        self._scene.flags[mj.mjtRndFlag.mjRND_SEGMENT] = identify
        self._scene.flags[mj.mjtRndFlag.mjRND_IDCOLOR] = identify
        self._scene.flags[mj.mjtRndFlag.mjRND_SHADOW] = False
        rectangle = mj.MjrRect(0, 0, *size)
        mj.mjr_render(rectangle, self._scene, self._context)
        return rectangle

    def colour(self, data: Any, camera: int, size: tuple[int, int], shadows: bool = False) -> NDArray[np.uint8]:
        """RGB [H, W, 3] uint8 from a fixed camera; ``size`` is (width, height)."""
        rectangle = self._draw(data, camera, size, identify=False)
        pixels = np.empty((size[1], size[0], 3), np.uint8)
        self._mj.mjr_readPixels(pixels, None, rectangle, self._context)
        return np.ascontiguousarray(pixels[::-1])

    def depth_and_mask(
        self, data: Any, camera: int, size: tuple[int, int], geom: int, depth: bool = True, mask: bool = True
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.bool_] | None]:
        """Depth [H, W] float32 (metres along the optical axis, 0 where nothing is) and the mask of one geom.

        Both come from one drawing; what is not asked for is not read and returned as None.
        """
        rectangle = self._draw(data, camera, size, identify=True)
        shape = (size[1], size[0])
        buffer = np.empty(shape, np.float32) if depth else None
        colours = np.empty((*shape, 3), np.uint8) if mask else None
        self._mj.mjr_readPixels(colours, buffer, rectangle, self._context)
        metres = None if buffer is None else self._metres(buffer[::-1])
        seen = None if colours is None else self._matches(colours[::-1], geom)
        return metres, seen

    def _metres(self, reverse_z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Undo the perspective of a reversed depth buffer (1 at the near plane, 0 at the far plane)."""
        near = np.float32(self._model.vis.map.znear * self._model.stat.extent)
        far = np.float32(self._model.vis.map.zfar * self._model.stat.extent)
        metres = (far * near) / (reverse_z * (far - near) + near)
        metres[reverse_z <= 0.0] = 0.0
        return metres

    def _matches(self, colours: NDArray[np.uint8], geom: int) -> NDArray[np.bool_]:
        wanted = next(
            g.segid + 1
            for g in self._scene.geoms[: self._scene.ngeom]
            if g.objid == geom and g.objtype == self._mj.mjtObj.mjOBJ_GEOM
        )
        code = [wanted & 255, wanted >> 8 & 255, wanted >> 16 & 255]
        return (colours[..., 0] == code[0]) & (colours[..., 1] == code[1]) & (colours[..., 2] == code[2])

    def close(self) -> None:
        """Free the OpenGL context; afterwards nothing can be drawn."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._context = None
        if self._gl is not None:
            self._gl.free()
            self._gl = None
