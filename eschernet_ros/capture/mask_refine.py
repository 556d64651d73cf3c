# SPDX-License-Identifier: Apache-2.0
"""The mask's edge from colour: where depth is missing or unsure, GrabCut decides."""

from __future__ import annotations

import math

import numpy as np

from eschernet_ros.capture.mask import depth_mask, without_specks
from eschernet_ros.capture.mask_evidence import MaskEvidence, grown

_BAND_PX = 3
"""Depth is unsure this far from the border between object and background."""
_COARSE_PIXELS = 10_000
"""Colours are learned on every n-th pixel, so that about this many are left."""
_COARSE_ROUNDS = 2
_FEWEST_PIXELS = 30
"""GrabCut learns five colours of each side."""


def refined_mask(colour: np.ndarray, evidence: MaskEvidence) -> np.ndarray:
    """The object's pixels, with the edge where the colour changes.

    Measured pixels away from the border keep what depth says. The others are divided by GrabCut (Rother, Kolmogorov
    and Blake, "GrabCut": interactive foreground extraction using iterated graph cuts, 2004): the border, what was not
    measured (beside edges, in the stereo shadow, on shiny spots) and the foot, which depth cannot tell from the table.
    The colours are learned on a coarse grid, then the graph is cut once on every pixel.

    Args:
        colour: [H, W, 3] uint8 RGB, the whole image.
        evidence: of the depth image aligned to it.

    Returns:
        [h, w] bool in the evidence's window. Without enough object or background in sight to learn colours from, it
        is the mask of depth alone.
    """
    import cv2

    if not evidence.object.any():
        return evidence.object
    window = np.ascontiguousarray(colour[evidence.window])
    labels = _labels(evidence)
    step = max(1, math.isqrt(labels.size // _COARSE_PIXELS))
    coarse = np.ascontiguousarray(labels[::step, ::step])
    surely_object, surely_not = coarse == cv2.GC_FGD, coarse == cv2.GC_BGD
    if min(int(surely_object.sum()), int(surely_not.sum())) < _FEWEST_PIXELS:
        return depth_mask(evidence)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    few = np.ascontiguousarray(window[::step, ::step])
    cv2.setRNGSeed(0)  # GrabCut starts from k-means
    cv2.grabCut(few, coarse, None, background, foreground, _COARSE_ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    cv2.grabCut(window, labels, None, background, foreground, 1, cv2.GC_EVAL_FREEZE_MODEL)  # type: ignore[call-overload]
    return without_specks((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _labels(evidence: MaskEvidence) -> np.ndarray:
    """GrabCut's labels [h, w] uint8: what is sure, and what is likely where it is not."""
    import cv2

    seen = without_specks(evidence.object)
    labels = np.full(seen.shape, cv2.GC_PR_BGD, np.uint8)
    labels[~evidence.measured | seen] = cv2.GC_PR_FGD
    labels[seen & ~grown(evidence.measured & ~seen, _BAND_PX)] = cv2.GC_FGD
    labels[evidence.surely_background(seen, _BAND_PX)] = cv2.GC_BGD
    labels[~evidence.within] = cv2.GC_BGD
    return labels
