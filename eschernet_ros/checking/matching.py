# SPDX-License-Identifier: Apache-2.0
"""Points that two pictures both show, found without looking at the poses.

SIFT (Lowe 2004) with RootSIFT distances (Arandjelovic and Zisserman 2012), ratio test in both directions, then an
essential matrix fitted by MAGSAC++ (Barath et al. 2020, in OpenCV): what no camera motion at all explains is a wrong
match and left out. Only pairs with enough such matches overlap enough to be judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from eschernet_ros.checking.recording import CheckFrame
from eschernet_ros.geometry import SE3
from eschernet_ros.geometry.epipolar import essential_matrix, sampson_residual, symmetric_distance

MAX_FEATURES = 1200
PREVIEW_FEATURES = 300
"""The strongest ones, matched first: a pair that shares almost none of them is not looked at further."""
PREVIEW_MATCHES = 5
RATIO = 0.75
MIN_MATCHES = 16
"""A pair with fewer matches is not judged: 5 unknowns, and wrong matches can agree by chance."""
RANSAC_PX = 1.5
MASK_MARGIN_PX = 3
"""No feature so near the rim of a cut-out object: the rim is not a place on its surface."""
STILL_PX = 1.5
"""What moves less in the picture while the camera moves is carried along by it: a gripper, a cable."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Features:
    """Features of one frame.

    Attributes:
        pixels: [M, 2] in the image.
        rays: [M, 2] normalised coordinates x / z, y / z, distortion removed.
        descriptors: [M, 128] float32, RootSIFT.
        depths: [M] metres, NaN where there is no reliable depth.
    """

    pixels: FloatArray
    rays: FloatArray
    descriptors: NDArray[np.float32]
    depths: FloatArray


@dataclass(frozen=True, eq=False)
class MatchedPair:
    """Two frames and the points they share.

    Attributes:
        first, second: indices of the frames.
        rays_first, rays_second: [M, 2] normalised coordinates of the same points.
        pixels_first, pixels_second: [M, 2].
        depths_first, depths_second: [M] metres, NaN where unknown.
        focal: px; turns normalised distances into pixels.
        floor_px: median symmetric epipolar distance under the motion that fits these matches best: what is left
            of noise, blur and lens when the pose is perfect.
    """

    first: int
    second: int
    rays_first: FloatArray
    rays_second: FloatArray
    pixels_first: FloatArray
    pixels_second: FloatArray
    depths_first: FloatArray
    depths_second: FloatArray
    focal: float
    floor_px: float

    def __len__(self) -> int:
        """Number of matches."""
        return len(self.rays_first)


def find_features(frame: CheckFrame) -> Features:
    """SIFT features of a frame; within the mask where the background is blank."""
    grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
    where = None
    if frame.mask is not None and frame.background_is_blank:
        kernel = np.ones((2 * MASK_MARGIN_PX + 1,) * 2, np.uint8)
        where = cv2.erode(frame.mask.astype(np.uint8) * 255, kernel, borderValue=0)
    detector = cv2.SIFT.create(nfeatures=MAX_FEATURES, contrastThreshold=0.02)
    keypoints, descriptors = detector.detectAndCompute(grey, where)
    if descriptors is None or not len(keypoints):
        nothing = np.empty((0, 2))
        return Features(nothing, nothing, np.empty((0, 128), np.float32), np.empty(0))
    pixels = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float64)
    # one feature a place: SIFT gives a corner with two orientations twice
    _, unique = np.unique(np.round(pixels, 1), axis=0, return_index=True)
    strength = np.array([keypoint.response for keypoint in keypoints])[unique]
    unique = unique[np.argsort(-strength, kind="stable")]
    pixels, descriptors = pixels[unique], descriptors[unique]
    descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-7))
    return Features(pixels, frame.camera.rays(pixels)[:, :2], descriptors, smooth_depths(frame, pixels))


def smooth_depths(frame: CheckFrame, pixels: FloatArray, largest_step: float = 0.02) -> FloatArray:
    """Depth [M] (metres) at pixels [M, 2]; NaN without depth, and where it steps by more than 2 % within 5x5 px."""
    depths = np.full(len(pixels), np.nan)
    if frame.depth is None or not len(pixels):
        return depths
    height, width = frame.depth.shape
    column, row = np.round(pixels).astype(int).T
    inside = (column >= 2) & (column < width - 2) & (row >= 2) & (row < height - 2)
    offsets = np.mgrid[-2:3, -2:3].reshape(2, -1)
    patch = frame.depth[row[inside, None] + offsets[0], column[inside, None] + offsets[1]].astype(np.float64)
    valid = patch > 0.0
    middle = np.full(len(patch), np.nan)
    enough = valid.sum(axis=1) >= 15
    patch = np.where(valid, patch, np.nan)[enough]
    if len(patch):
        median = np.nanmedian(patch, axis=1)
        flat = np.nanmax(patch, axis=1) - np.nanmin(patch, axis=1) < 2.0 * largest_step * median
        middle[enough] = np.where(flat, median, np.nan)
    depths[inside] = middle
    return depths


def match_pair(
    first: int, second: int, features: Sequence[Features], focals: Sequence[float], camera_moved: bool = True
) -> tuple[MatchedPair | None, int]:
    """The matches of two frames, or None when they share too little; and how many were carried along.

    Args:
        first: index of one frame.
        second: index of the other.
        features: of all frames, strongest first.
        focals: focal lengths of all frames, px.
        camera_moved: by the poses; matches that stay in their place are then left out and counted.
    """
    a, b = features[first], features[second]
    preview, _ = _mutual_matches(a.descriptors[:PREVIEW_FEATURES], b.descriptors[:PREVIEW_FEATURES])
    if len(preview) < PREVIEW_MATCHES:
        return None, 0
    rows, columns = _mutual_matches(a.descriptors, b.descriptors)
    carried = 0
    if camera_moved:
        moves = np.linalg.norm(a.pixels[rows] - b.pixels[columns], axis=1) > STILL_PX
        carried = int((~moves).sum())
        rows, columns = rows[moves], columns[moves]
    if len(rows) < MIN_MATCHES:
        return None, carried
    focal = float(np.sqrt(focals[first] * focals[second]))
    essential, inliers = cv2.findEssentialMat(
        a.rays[rows], b.rays[columns], np.eye(3), method=cv2.USAC_MAGSAC, prob=0.999, threshold=RANSAC_PX / focal
    )
    if essential is None or essential.shape != (3, 3) or inliers is None:
        return None, carried
    keep = inliers.ravel().astype(bool)
    if keep.sum() < MIN_MATCHES or keep.mean() < 0.3:
        return None, carried
    rows, columns = rows[keep], columns[keep]
    pair = MatchedPair(
        first=first,
        second=second,
        rays_first=a.rays[rows],
        rays_second=b.rays[columns],
        pixels_first=a.pixels[rows],
        pixels_second=b.pixels[columns],
        depths_first=a.depths[rows],
        depths_second=b.depths[columns],
        focal=focal,
        floor_px=0.0,
    )
    return replace(pair, floor_px=_floor(np.asarray(essential, dtype=np.float64), pair)), carried


def match_all(frames: Sequence[CheckFrame], poses: Sequence[SE3]) -> tuple[list[MatchedPair], int]:
    """All pairs of frames that share enough, and the number of matches on things carried along by the camera.

    Args:
        frames: the pictures.
        poses: ``world_from_camera`` of each; used only to tell whether the camera moved at all between two.
    """
    features = [find_features(frame) for frame in frames]
    focals = [float(np.sqrt(frame.camera.fx * frame.camera.fy)) for frame in frames]
    centres = np.array([pose.translation for pose in poses])
    extent = float(np.linalg.norm(np.ptp(centres, axis=0)))
    pairs, carried = [], 0
    for first in range(len(frames)):
        for second in range(first + 1, len(frames)):
            metres, radians = poses[first].distance_to(poses[second])
            moved = metres > 0.02 * extent or radians > np.radians(0.3)
            pair, still = match_pair(first, second, features, focals, moved)
            carried += still
            if pair is not None:
                pairs.append(pair)
    return pairs, carried


def pair_distances(pair: MatchedPair, poses: Sequence[SE3]) -> FloatArray:
    """Symmetric epipolar distances [M] in px of a pair's matches under ``world_from_camera`` poses of all frames."""
    second_from_first = poses[pair.second].inverse() @ poses[pair.first]
    return symmetric_distance(essential_matrix(second_from_first), pair.rays_first, pair.rays_second) * pair.focal


def _floor(essential: FloatArray, pair: MatchedPair) -> float:
    """Median symmetric distance (px) under the best motion near an essential matrix."""
    _, rotation, direction, _ = cv2.recoverPose(essential, pair.rays_first, pair.rays_second, np.eye(3))
    start = Rotation.from_matrix(rotation)

    def essential_of(x: FloatArray) -> FloatArray:
        turned = Rotation.from_rotvec(x[:3]) * start
        return essential_matrix(SE3.from_rotation_translation(turned, direction.ravel() + x[3:]))

    def residuals(x: FloatArray) -> FloatArray:
        return sampson_residual(essential_of(x), pair.rays_first, pair.rays_second) * pair.focal

    found = least_squares(residuals, np.zeros(6), loss="soft_l1", max_nfev=12)
    distances = symmetric_distance(essential_of(found.x), pair.rays_first, pair.rays_second)
    return float(np.median(distances) * pair.focal)


def _mutual_matches(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Indices of descriptors that are each other's nearest and pass the ratio test both ways."""
    if min(len(first), len(second)) < 2:
        return np.empty(0, int), np.empty(0, int)
    similarity = first @ second.T  # unit vectors: distance^2 = 2 - 2 similarity
    best = similarity.argmax(axis=1)
    back = similarity.argmax(axis=0)
    rows = np.flatnonzero(back[best] == np.arange(len(first)))
    columns = best[rows]
    nearest = 2.0 - 2.0 * similarity[rows, columns]
    limit = RATIO**2
    passes = np.ones(len(rows), bool)
    for table in (similarity[rows], similarity.T[columns]):
        runner_up = 2.0 - 2.0 * np.partition(table, -2, axis=1)[:, -2]
        passes &= nearest < limit * runner_up
    return rows[passes], columns[passes]
