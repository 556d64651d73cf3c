# SPDX-License-Identifier: Apache-2.0
"""A network of one convolution stands in for U2-Net: it finds what is redder than blue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eschernet_ros.capture.mask_method import ObjectMasker
from eschernet_ros.capture.mask_segmentation import SegmentationModel
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import look_at

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

EYE = (0.3, -0.1, 0.25)
CENTRE = (0.5, 0.0, 0.03)


def _network(path: Path, shape: list[Any], *, logits: bool = False, channels: int = 3, masks: int = 1) -> Path:
    """Write a network: red minus blue, as probability or as logit."""
    helper, tensor = onnx.helper, onnx.TensorProto
    weights = np.zeros((masks, channels, 1, 1), np.float32)
    weights[:, 0], weights[:, -1] = 3.0, -3.0
    nodes = [helper.make_node("Conv", ["picture", "w"], ["logit"], kernel_shape=[1, 1])]
    if not logits:
        nodes.append(helper.make_node("Sigmoid", ["logit"], ["mask"]))
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("picture", tensor.FLOAT, shape)],
        [helper.make_tensor_value_info("logit" if logits else "mask", tensor.FLOAT, None)],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("shape", "logits", "side"),
    [([1, 3, 320, 320], False, 320), ([1, 3, 96, 96], True, 96), (["batch", 3, "h", "w"], False, 320)],
)
def test_the_object_is_what_the_network_says_inside_the_box(bench, realsense, tmp_path, shape, logits, side) -> None:
    masker = ObjectMasker.from_names("onnx", str(_network(tmp_path / "red.onnx", shape, logits=logits)))
    assert masker.model is not None
    assert (masker.model.height, masker.model.width) == (side, side)
    shot = bench.shoot(look_at(EYE, CENTRE), realsense)
    colour = shot.colour.copy()
    colour[:60] = (255, 0, 0)  # red things elsewhere are not the object
    pose = bench.frame.base_from_object.inverse() @ look_at(EYE, CENTRE)
    mask = masker(colour, None, realsense, pose, bench.frame.size)
    assert mask is not None
    assert (mask & shot.mask).sum() / (mask | shot.mask).sum() > 0.97
    assert not mask[:60].any()


def test_measured_background_is_taken_out(bench, realsense, tmp_path) -> None:
    """A red stain on the table inside the box's outline: the network takes it for the object, depth does not."""
    masker = ObjectMasker.from_names("onnx", str(_network(tmp_path / "red.onnx", [1, 3, 320, 320])))
    shot = bench.shoot(look_at(EYE, CENTRE), realsense)
    stained = np.full_like(shot.colour, (255, 0, 0))
    pose = bench.frame.base_from_object.inverse() @ look_at(EYE, CENTRE)
    without = masker(stained, None, realsense, pose, bench.frame.size, margin=0.03)
    with_depth = masker(stained, shot.depth, realsense, pose, bench.frame.size, margin=0.03)
    assert without is not None
    assert with_depth is not None
    assert (without & ~shot.mask).sum() > 5 * (with_depth & ~shot.mask).sum()
    assert (with_depth & shot.mask).sum() > 0.99 * shot.mask.sum()


def test_models_that_do_not_fit_are_refused_by_name(tmp_path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    with pytest.raises(EscherNetError, match=r"'.*broken.onnx' cannot be loaded"):
        SegmentationModel(broken)
    with pytest.raises(EscherNetError, match=r"takes tensor\(float\) \[1, 4, 32, 32\]; a picture .* is needed"):
        SegmentationModel(_network(tmp_path / "four.onnx", [1, 4, 32, 32], channels=4))
    with pytest.raises(EscherNetError, match=r"takes tensor\(float\) \[1, 32, 32, 3\]"):
        SegmentationModel(_network(tmp_path / "channels_last.onnx", [1, 32, 32, 3], channels=32))
    with pytest.raises(EscherNetError, match=r"answers \[1, 2, 32, 32\]; one mask"):
        SegmentationModel(_network(tmp_path / "two.onnx", [1, 3, 32, 32], masks=2))(np.zeros((8, 8, 3), np.uint8))
