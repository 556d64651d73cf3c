# SPDX-License-Identifier: Apache-2.0
"""The imperfections of a real camera, modelled on a RealSense D435i."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import PinholeCamera

GAMMA = 2.2


@dataclass(frozen=True)
class SensorModel:
    """How strong each imperfection is; the defaults resemble a D435i.

    Depth noise follows the stereo formula of "Tuning depth cameras for best performance" (Intel, Grunnet-Jepsen
    et al.): sigma = z^2 * subpixel / (focal * baseline). Baseline and field of view, the shortest distance at 640x480
    and the range are those of the D400 series data sheet (337029).

    Attributes:
        subpixel: RMS error of the disparity, pixels of the depth imager.
        baseline: distance of the two infrared imagers, metres.
        depth_fov_deg: horizontal field of view of the depth imager.
        depth_correlation: radius (sigma, colour pixels) over which depth noise is alike; 0 is white noise.
        depth_range: (nearest, farthest) measurable depth, metres.
        depth_step: resolution of 16UC1 depth, metres.
        edge_jump: neighbouring depths that differ by more than this fraction are an edge.
        edge_loss: share of pixels lost beside an edge.
        random_loss: share of pixels lost anywhere.
        electrons_at_white: photo-electrons of a white pixel; colour variance grows with brightness as 255 / this.
        read_noise: colour noise in the dark, grey levels.
        stamp_jitter_ns: standard deviation of time stamps.
    """

    subpixel: float = 0.08
    baseline: float = 0.050
    depth_fov_deg: float = 87.0
    depth_correlation: float = 1.2
    depth_range: tuple[float, float] = (0.175, 10.0)
    depth_step: float = 0.001
    edge_jump: float = 0.04
    edge_loss: float = 0.6
    random_loss: float = 0.002
    electrons_at_white: float = 7000.0
    read_noise: float = 0.8
    stamp_jitter_ns: float = 400_000.0


class SensorNoise:
    """Makes rendered images look measured. Not thread safe: give every stream its own, with its own seed.

    Args:
        seed: the same seed and the same calls give the same noise.
        enabled: False passes everything through unchanged.
        model: how strong.
    """

    def __init__(self, seed: int, enabled: bool = True, model: SensorModel | None = None) -> None:
        self.enabled = enabled
        self.model = model or SensorModel()
        self._rng = np.random.default_rng(seed)
        self._last_stamp: int | None = None

    def depth_sigma(self, depth: NDArray[np.float32], width: int) -> NDArray[np.float32]:
        """Standard deviation (metres) of a measured depth (metres) for a depth image ``width`` pixels wide."""
        focal = width / 2 / np.tan(np.radians(self.model.depth_fov_deg / 2))
        return (depth * depth * np.float32(self.model.subpixel / (focal * self.model.baseline))).astype(np.float32)

    def depth(self, depth: NDArray[np.float32], camera: PinholeCamera) -> NDArray[np.float32]:
        """Depth with noise, holes and the sensor's resolution.

        Lost are: what is too near or too far; what the right imager cannot see (the shadow on the left of near
        things); many pixels beside edges and a few anywhere.

        Args:
            depth: [H, W] float32 metres, 0 where there is nothing.
            camera: the camera that took it.

        Returns:
            [H, W] float32 metres, 0 where nothing was measured.
        """
        if not self.enabled:
            return depth
        model, shape = self.model, depth.shape
        noise: NDArray[Any] = self._rng.standard_normal(shape, dtype=np.float32)
        if model.depth_correlation > 0:
            noise = cv2.GaussianBlur(noise, (0, 0), model.depth_correlation)
            noise = noise / np.float32(_blur_gain(model.depth_correlation))
        lost = self._rng.random(shape, dtype=np.float32) < model.random_loss
        lost |= _beside_edges(depth, model.edge_jump) & (self._rng.random(shape, dtype=np.float32) < model.edge_loss)
        lost |= _hidden_from_right(depth, camera.fx * model.baseline)
        lost |= (depth < model.depth_range[0]) | (depth > model.depth_range[1])
        measured = depth + noise * self.depth_sigma(depth, camera.width)
        measured = np.round(measured / model.depth_step) * model.depth_step
        return np.where(lost, 0.0, measured).astype(np.float32)

    def colour(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Colour [H, W, 3] with shot noise (variance in proportion to brightness) and read noise."""
        if not self.enabled:
            return image
        value = image.astype(np.float32)
        sigma = np.sqrt(value * (255.0 / self.model.electrons_at_white) + self.model.read_noise**2)
        value += sigma * self._rng.standard_normal(image.shape, dtype=np.float32)
        return np.clip(np.round(value), 0, 255).astype(np.uint8)

    def stamp(self, stamp_ns: int) -> int:
        """A jittered time stamp (ns), always later than the one before."""
        if not self.enabled:
            return stamp_ns
        jittered = stamp_ns + round(self._rng.normal(0.0, self.model.stamp_jitter_ns))
        if self._last_stamp is not None:
            jittered = max(jittered, self._last_stamp + 1)
        self._last_stamp = jittered
        return jittered


def expose(
    render_colour: Callable[[NDArray[np.float64]], NDArray[np.uint8]],
    position: Callable[[int], NDArray[np.float64]],
    mid_exposure_ns: int,
    exposure_ns: int,
    samples: int = 7,
) -> NDArray[np.uint8]:
    """A colour image with the blur of what moves while the shutter is open.

    Args:
        render_colour: draws the colour image [H, W, 3] at joint angles [7].
        position: joint angles at a time stamp (ns).
        mid_exposure_ns: middle of the exposure.
        exposure_ns: its length; 0 for none.
        samples: pictures that are averaged, in linear light. When nothing moves one is drawn.

    Raises:
        EscherNetError: a negative exposure, or fewer than one sample.
    """
    if exposure_ns < 0 or samples < 1:
        raise EscherNetError(f"exposure ({exposure_ns} ns) must not be negative and samples ({samples}) at least 1")
    offsets = ((np.arange(samples) + 0.5) / samples - 0.5) * exposure_ns
    poses = [position(mid_exposure_ns + round(float(offset))) for offset in offsets]
    if np.ptp(np.array(poses), axis=0).max() < 1e-6:
        return render_colour(position(mid_exposure_ns))
    linear = (np.arange(256, dtype=np.float32) / 255.0) ** GAMMA
    light = np.mean([linear[render_colour(q)] for q in poses], axis=0)
    return np.round(255.0 * light ** (1.0 / GAMMA)).astype(np.uint8)


def depth_to_millimetres(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth as a driver publishes it (16UC1): [H, W] uint16 millimetres, 0 = no measurement (also for NaN)."""
    return np.clip(np.nan_to_num(np.round(depth * 1000.0), nan=0.0), 0, 65535).astype(np.uint16)


def _blur_gain(sigma: float) -> float:
    """Standard deviation of white noise after ``cv2.GaussianBlur`` with this sigma."""
    impulse = np.zeros((129, 129), np.float32)
    impulse[64, 64] = 1.0
    return float(np.sqrt((cv2.GaussianBlur(impulse, (0, 0), sigma).astype(np.float64) ** 2).sum()))


def _beside_edges(depth: NDArray[np.float32], jump: float) -> NDArray[np.bool_]:
    """Pixels within one pixel of a depth step of more than ``jump`` times the depth."""
    kernel = np.ones((3, 3), np.uint8)
    return cv2.dilate(depth, kernel) - cv2.erode(depth, kernel) > jump * depth


def _hidden_from_right(depth: NDArray[np.float32], focal_baseline: float) -> NDArray[np.bool_]:
    """Pixels whose point lies behind something nearer in the right imager: left of a near thing, per row."""
    column = np.arange(depth.shape[1], dtype=np.float32)
    disparity = np.where(depth > 0, focal_baseline / np.maximum(depth, 1e-3), 0.0)
    landing = column - disparity
    to_the_right = np.minimum.accumulate(landing[:, ::-1], axis=1)[:, ::-1]
    hidden = np.zeros(depth.shape, bool)
    hidden[:, :-1] = landing[:, :-1] >= to_the_right[:, 1:] + 0.5
    return hidden
