# SPDX-License-Identifier: Apache-2.0
"""The ways to a mask, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eschernet_ros.capture.mask import depth_mask
from eschernet_ros.capture.mask_evidence import gather_evidence
from eschernet_ros.capture.mask_refine import refined_mask
from eschernet_ros.capture.mask_segmentation import SegmentationModel, segmented_mask
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, PinholeCamera

MASK_METHODS = ("depth", "depth_refined", "onnx")


@dataclass(frozen=True)
class ObjectMasker:
    """Makes the object's mask of a view.

    Args:
        method: ``depth``: points above the table inside the box; ``depth_refined``: the same, with the edge, the foot
            and what was not measured divided by colour; ``onnx``: a segmentation network inside the box's outline.
        model: the network, for ``onnx`` only.

    Raises:
        EscherNetError: an unknown method, ``onnx`` without a model, a model without ``onnx``.
    """

    method: str = "depth_refined"
    model: SegmentationModel | None = None

    def __post_init__(self) -> None:
        if self.method not in MASK_METHODS:
            raise EscherNetError(f"mask.method is '{self.method}'; it must be one of: {', '.join(MASK_METHODS)}")
        if self.method == "onnx" and self.model is None:
            raise EscherNetError("mask.method 'onnx' needs mask.model, the path of an ONNX segmentation model")
        if self.method != "onnx" and self.model is not None:
            raise EscherNetError(f"mask.model is given, but mask.method is '{self.method}': set it to 'onnx'")

    @classmethod
    def from_names(cls, method: str, model_path: str) -> ObjectMasker:
        """From a method's name and a model's path, which may be empty.

        Raises:
            EscherNetError: as the class, and as `SegmentationModel`.
            MissingDependencyError: onnxruntime is not installed.
        """
        if method == "onnx" and model_path:
            return cls(method, SegmentationModel(Path(model_path).expanduser()))
        if model_path:
            raise EscherNetError(f"mask.model is '{model_path}', but mask.method is '{method}': set it to 'onnx'")
        return cls(method)

    def __call__(
        self,
        colour: np.ndarray,
        depth: np.ndarray | None,
        camera: PinholeCamera,
        object_from_camera_optical: SE3,
        size: Sequence[float],
        margin: float = 0.01,
        plane_margin: float = 0.005,
    ) -> np.ndarray | None:
        """The mask [H, W] bool; None when the method needs depth and there is none.

        Args:
            colour: [H, W, 3] uint8 RGB.
            depth: [H, W] float metres aligned to it (0 or NaN = no measurement), or None.
            camera: the camera of both.
            object_from_camera_optical: pose of the camera in the object frame, metres.
            size, margin, plane_margin: as in `eschernet_ros.capture.object_mask`.

        Raises:
            EscherNetError: images that do not fit the camera, a network that fails.
        """
        if colour.shape != (camera.height, camera.width, 3) or colour.dtype != np.uint8:
            raise EscherNetError(
                f"the colour image is {colour.dtype} {list(colour.shape)}, its camera is {camera.width}x"
                f"{camera.height}: uint8 [height, width, 3] is needed"
            )
        evidence = None
        if depth is not None:
            evidence = gather_evidence(depth, camera, object_from_camera_optical, size, margin, plane_margin)
        if self.model is not None:
            return segmented_mask(self.model, colour, camera, object_from_camera_optical, size, evidence, margin)
        if evidence is None:
            return None
        part = refined_mask(colour, evidence) if self.method == "depth_refined" else depth_mask(evidence)
        return evidence.whole(part)
