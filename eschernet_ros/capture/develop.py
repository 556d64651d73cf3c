# SPDX-License-Identifier: Apache-2.0
"""From the pixels of a posed frame to the model's image: mask, resampling, scores.

Needs no pose stream, so it can be done long after the frame was taken (a continuous recording is finished that way).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eschernet_ros.capture.gates import ViewScores, box_region, image_scores
from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.geometry import SE3, ObjectFrame, PinholeCamera, resample

_LEAST_TURN_RAD = 1e-9
"""Rounding alone turns one camera against the other by less."""


@dataclass(frozen=True, eq=False)
class DevelopedView:
    """What the pixels of a frame become.

    Attributes:
        image: [S, S, 3] uint8 RGB of the model's camera, white where nothing of the object contributes.
        mask: [S, S] bool of the model's camera.
        source_mask: [H, W] bool of the camera that took the picture; None: the background counts as object.
        scores: of the picture; where and how the arm stood is not among them.
        warnings: sentences about mask and picture.
    """

    image: np.ndarray
    mask: np.ndarray
    source_mask: np.ndarray | None
    scores: ViewScores
    warnings: tuple[str, ...]


def develop(
    colour: np.ndarray,
    depth: np.ndarray | None,
    mask: np.ndarray | None,
    *,
    source_camera: PinholeCamera,
    camera: PinholeCamera,
    base_from_source: SE3,
    base_from_camera: SE3,
    object_frame: ObjectFrame,
    masker: ObjectMasker,
    mask_margin: float = 0.01,
    plane_margin: float = 0.005,
) -> DevelopedView:
    """Mask and resample one picture.

    Args:
        colour: [H, W, 3] uint8 RGB.
        depth: [H, W] float metres aligned to colour, or None.
        mask: [H, W] bool exact mask, or None: the masker makes one. When it cannot for want of depth, the whole image
            is foreground, with a warning.
        source_camera: the camera that took the picture.
        camera: the model's camera.
        base_from_source: pose of the source camera's optical frame in the base frame, metres.
        base_from_camera: pose of the model's camera: the same centre; other axes where it was aimed at the object.
        object_frame: the object's box in the base frame.
        masker: makes masks.
        mask_margin: enlargement of the box for the mask from depth, metres.
        plane_margin: height above the box's bottom face that counts as table, metres.

    Raises:
        EscherNetError: images that do not fit the camera or are of the wrong type.
    """
    object_from_source = object_frame.base_from_object.inverse() @ base_from_source
    warnings = []
    region = mask
    if region is None:
        region = box_region(source_camera, object_from_source, object_frame.size)
        mask = masker(colour, depth, source_camera, object_from_source, object_frame.size, mask_margin, plane_margin)
    if mask is None:
        warnings.append("there is neither a mask nor depth: the background is taken for the object")
    turn = (base_from_source.inverse() @ base_from_camera).rotation
    resampled = resample(colour, source_camera, camera, mask, turn if turn.magnitude() > _LEAST_TURN_RAD else None)
    if mask is not None:
        warnings += _mask_warnings(mask, resampled.mask)
    return DevelopedView(
        image=resampled.image,
        mask=resampled.mask,
        source_mask=mask,
        scores=ViewScores(**image_scores(colour, depth, mask, region)),
        warnings=tuple(warnings),
    )


def _mask_warnings(mask: np.ndarray, model_mask: np.ndarray) -> list[str]:
    if not mask.any():
        return [
            "the mask is empty: no pixel belongs to the object; check the object's box, the hand-eye "
            "calibration and the depth"
        ]
    warnings = []
    for name, image_mask in (("camera's", mask), ("model's", model_mask)):
        edges = {
            "top": image_mask[0],
            "bottom": image_mask[-1],
            "left": image_mask[:, 0],
            "right": image_mask[:, -1],
        }
        touched = [side for side, edge in edges.items() if edge.any()]
        if touched:
            warnings.append(
                f"the mask touches the {', '.join(touched)} border of the {name} image: the object may be "
                "cut off there; move the camera back or turn it"
            )
    return warnings
