# SPDX-License-Identifier: Apache-2.0
"""The mask from a segmentation network that the user brings as an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eschernet_ros.capture.mask import without_specks
from eschernet_ros.capture.mask_evidence import MaskEvidence, box_outline
from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.geometry import SE3, PinholeCamera
from eschernet_ros.optional import require

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""Of ImageNet, as U2-Net, its small version and BiRefNet were trained."""
_DEFAULT_SIDE = 320
_CONTEXT = 0.2
"""The network sees this share of the box's outline around it."""
_BAND_PX = 3
"""Depth is unsure this far from the border between object and background."""


class SegmentationModel:
    """A network that tells foreground from background, in the layout of U2-Net's exports.

    Its first input is a picture [1, 3, h, w] float32, RGB normalised with ImageNet's figures; its first output a mask
    [1, 1, h, w] (or [1, h, w]): probabilities, or logits when a value lies outside 0..1. Height and width are read from
    the file; where it leaves them open they are 320.

    Args:
        path: the ONNX file.

    Raises:
        EscherNetError: a file that is not there, not ONNX, or whose input is not such a picture.
        MissingDependencyError: onnxruntime is not installed.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise EscherNetError(
                f"the segmentation model '{self.path}' does not exist: mask.model must be the path of an ONNX file"
            )
        runtime = require("onnxruntime", "pip install 'onnxruntime>=1.17'", "the mask method 'onnx'")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class for each status code, with nothing in common
            raise EscherNetError(
                f"the segmentation model '{self.path}' cannot be loaded: {first_line(error)}"
            ) from error
        self._input = self._session.get_inputs()[0]
        self._output = self._session.get_outputs()[0].name
        shape = self._input.shape
        if len(shape) != 4 or shape[1] not in (3, None) or self._input.type != "tensor(float)":
            raise EscherNetError(
                f"the segmentation model '{self.path}' takes {self._input.type} {shape}; "
                "a picture tensor(float) [1, 3, height, width] is needed"
            )
        self.height, self.width = (side if isinstance(side, int) else _DEFAULT_SIDE for side in shape[2:])

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Probability [H, W] float32 of each pixel of a picture [H, W, 3] uint8 RGB to be foreground.

        Raises:
            EscherNetError: the network fails, or answers something that is not one mask.
        """
        import cv2

        small = cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_AREA)
        normalised = (small.astype(np.float32) / np.float32(255.0) - _MEAN) / _DEVIATION
        try:
            (answer,) = self._session.run(
                [self._output], {self._input.name: np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])}
            )
        except Exception as error:
            raise EscherNetError(f"the segmentation model '{self.path}' failed: {first_line(error)}") from error
        mask = np.asarray(answer, dtype=np.float32)
        while mask.ndim > 2 and mask.shape[0] == 1:
            mask = mask[0]
        if mask.ndim != 2:
            raise EscherNetError(
                f"the segmentation model '{self.path}' answers {list(np.shape(answer))}; one mask "
                "[1, 1, height, width] is needed"
            )
        if mask.min() < -1e-3 or mask.max() > 1.0 + 1e-3:
            mask = (1.0 / (1.0 + np.exp(-np.clip(mask, -50.0, 50.0)))).astype(np.float32)
        return cv2.resize(mask, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)


def segmented_mask(
    model: SegmentationModel,
    colour: np.ndarray,
    camera: PinholeCamera,
    object_from_camera_optical: SE3,
    size: Sequence[float],
    evidence: MaskEvidence | None,
    margin: float = 0.01,
) -> np.ndarray:
    """The network's foreground within the outline of the object's box.

    The network sees the box's outline and a fifth more around it, so the object is large in its picture.

    Args:
        model: the network.
        colour: [H, W, 3] uint8 RGB.
        camera: its camera.
        object_from_camera_optical: pose of the camera in the object frame, metres.
        size: side lengths (x, y, z) of the box, metres.
        evidence: of the depth image, or None. Measured background is taken out of the mask, but for the border and
            the foot, where depth is unsure.
        margin: by how much the outline is enlarged, metres.

    Returns:
        [H, W] bool.
    """
    outline = box_outline(camera, object_from_camera_optical, size, margin)
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    if not len(rows):
        return outline
    extra = round(_CONTEXT * max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
    window = (
        slice(max(0, int(rows[0]) - extra), int(rows[-1]) + extra + 1),
        slice(max(0, int(columns[0]) - extra), int(columns[-1]) + extra + 1),
    )
    mask = np.zeros(outline.shape, dtype=bool)
    mask[window] = model(np.ascontiguousarray(colour[window])) >= 0.5
    mask &= outline
    if evidence is not None:
        mask[evidence.window] &= ~evidence.surely_background(evidence.object, _BAND_PX)
    return without_specks(mask)
