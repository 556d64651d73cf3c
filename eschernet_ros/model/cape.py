# SPDX-License-Identifier: Apache-2.0
"""CaPE, the camera positional encoding (EscherNet, CVPR 2024, section 3.2).

An encoding belongs to T cameras of S scenes and is applied to the queries and keys of an attention layer,
never to its values, over the full channel dimension before the split into heads. Queries always carry
the target cameras; keys carry the reference cameras in cross-attention, the target cameras in
self-attention. The scores then depend only on how two cameras stand to each other.

Features are [S, T*l, d]: the l tokens of camera 0, then those of camera 1, and so on. An encoding made for one
scene serves any number of scenes that share its cameras.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from eschernet_ros.errors import EscherNetError

CAPES = ("6dof", "4dof")


class CameraEncoding(Protocol):
    """What the attention layers ask of an encoding."""

    #: number T of cameras per scene
    cameras: int

    def queries(self, features: Tensor) -> Tensor:
        """Encode queries [S, T*l, d]."""

    def keys(self, features: Tensor) -> Tensor:
        """Encode keys [S, T*l, d]."""


class CaPE6DoF:
    """Blocks of 4 adjacent channels, as row vectors, times the camera's matrix.

    With P the world-to-camera matrix, q' = q P^-T and k' = k P, so that q'.k' holds P_key P_query^-1 only: a change
    of the world frame cancels. The inverse is taken in float64.

    Args:
        poses: [S, T, 4, 4] world-to-camera matrices, OpenGL axes.
        device: where the features will be.
        dtype: of the features; encodings are held in float32 at least.
    """

    channel_multiple = 4

    def __init__(self, poses: Tensor, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32):
        if poses.ndim != 4 or poses.shape[-2:] != (4, 4):
            raise EscherNetError(f"6DoF CaPE takes poses [scenes, cameras, 4, 4], not {list(poses.shape)}.")
        self.cameras = poses.shape[1]
        camera_from_world = poses.detach().to("cpu", torch.float64)
        at_least_float32 = torch.promote_types(dtype, torch.float32)
        inverse_transposed = torch.linalg.inv(camera_from_world).transpose(-1, -2)
        self._query_matrix = inverse_transposed.to(device, at_least_float32)
        self._key_matrix = camera_from_world.to(device, at_least_float32)

    def queries(self, features: Tensor) -> Tensor:
        """Multiply queries [S, T*l, d], d a multiple of 4, by P^-T."""
        return self._multiply(features, self._query_matrix)

    def keys(self, features: Tensor) -> Tensor:
        """Multiply keys [S, T*l, d], d a multiple of 4, by P."""
        return self._multiply(features, self._key_matrix)

    def _multiply(self, features: Tensor, matrix: Tensor) -> Tensor:
        rows = features.reshape(features.shape[0], self.cameras, -1, 4)
        return (rows.to(matrix.dtype) @ matrix).reshape(features.shape).to(features.dtype)


class CaPE4DoF:
    """Adjacent channel pairs rotated by the entries of (polar angle, azimuth, log radius, 0).

    The first quarter of the channels turns by the first entry and so on; there are no frequencies.
    Queries and keys turn alike, so that scores depend on differences of the entries only.

    Args:
        poses: [S, T, 4] vectors as of ``eschernet_ros.geometry.pose_vector_4dof``, radians.
        device: where the features will be.
        dtype: of the features; encodings are held in float32 at least.
    """

    channel_multiple = 8

    def __init__(self, poses: Tensor, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32):
        if poses.ndim != 3 or poses.shape[-1] != 4:
            raise EscherNetError(f"4DoF CaPE takes pose vectors [scenes, cameras, 4], not {list(poses.shape)}.")
        self.cameras = poses.shape[1]
        at_least_float32 = torch.promote_types(dtype, torch.float32)
        # [S, T, 1 (tokens), 4 (quarters), 1 (pairs)]
        angles = poses.detach().to("cpu", torch.float64)[:, :, None, :, None]
        self._cos = angles.cos().to(device, at_least_float32)
        self._sin = angles.sin().to(device, at_least_float32)

    def queries(self, features: Tensor) -> Tensor:
        """Rotate queries [S, T*l, d], d a multiple of 8."""
        return self._rotate(features)

    def keys(self, features: Tensor) -> Tensor:
        """Rotate keys [S, T*l, d], d a multiple of 8."""
        return self._rotate(features)

    def _rotate(self, features: Tensor) -> Tensor:
        scenes, tokens, channels = features.shape
        pairs = features.reshape(scenes, self.cameras, tokens // self.cameras, 4, channels // 8, 2)
        even, odd = pairs.to(self._cos.dtype).unbind(-1)
        rotated = torch.stack((even * self._cos - odd * self._sin, odd * self._cos + even * self._sin), dim=-1)
        return rotated.reshape(features.shape).to(features.dtype)


def check_cape(cape: str) -> str:
    """Return ``cape`` when it is ``"6dof"`` or ``"4dof"``.

    Raises:
        EscherNetError: for anything else.
    """
    if cape not in CAPES:
        raise EscherNetError(f"cape is {cape!r}; EscherNet knows '6dof' and '4dof'.")
    return cape


def camera_encoding(
    cape: str, poses: Tensor, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> CameraEncoding:
    """The encoding named ``cape`` for poses [S, T, 4, 4] (``"6dof"``) or pose vectors [S, T, 4] (``"4dof"``)."""
    return (CaPE6DoF if check_cape(cape) == "6dof" else CaPE4DoF)(poses, device, dtype)
