# SPDX-License-Identifier: Apache-2.0
"""A fake of a GPU: a torch device whose tensors lie in ordinary memory, but mix with no others.

Code that forgets to move something fails here as it would on CUDA: operations on tensors of two devices, NumPy arrays
of a tensor that is elsewhere, random generators of the wrong place. Results are those of the CPU. It says nothing about
CUDA's kernels, memory or speed.

The device is torch's PrivateUse1, registered for the whole process: use it in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretend"

_ACROSS = {"aten::copy_", "aten::_to_copy"}
"""What takes tensors of two devices."""
_INDEXED = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}
"""What takes indices from the CPU, as CUDA does."""


class _Module(_DummyBackendModule):
    """``torch.pretend``: one device."""

    def device_count(self) -> int:
        return 1


class PretendTensor(torch.Tensor):
    """A tensor that says it is on the device; ``held`` has its values."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> PretendTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=torch.device(NAME, 0),
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        """Nested lists, as CUDA's tensors give them."""
        return self.held.tolist()

    def untyped_storage(self) -> torch.UntypedStorage:
        """Where the values lie: files are written from there."""
        return self.held.untyped_storage()

    def data_ptr(self) -> int:
        """The first value's address."""
        return self.held.data_ptr()

    def storage(self) -> Any:
        """The same with a type."""
        return self.held.storage()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickled with its place, as CUDA's tensors are."""
        return PretendTensor, (self.held,)


class _Placement(TorchDispatchMode):
    """Also sees what makes tensors of nothing, and moves them."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        found = _run(func, args, kwargs or {})
        self.operations += any(isinstance(leaf, PretendTensor) for leaf in tree_leaves(found))
        return found


def _run(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    name = func.name().split(".")[0]
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    here = [tensor for tensor in tensors if isinstance(tensor, PretendTensor)]
    indexed = name in _INDEXED and isinstance(args[0], PretendTensor)
    together = (args[0], *args[2:]) if indexed else (args, kwargs)
    elsewhere = [
        leaf
        for leaf in tree_leaves(together)
        if isinstance(leaf, torch.Tensor) and not isinstance(leaf, PretendTensor) and leaf.dim() > 0
    ]
    if here and elsewhere and name not in _ACROSS:
        places = ", ".join(f"{tensor.device} {list(tensor.shape)}" for tensor in tensors)
        raise RuntimeError(f"Expected all tensors to be on the same device in {func}, but found {places}.")
    wanted = next((leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.device)), None)
    generator = kwargs.get("generator")
    inside = bool(here) if wanted is None else wanted.type == NAME
    if inside and generator is not None:
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found '{generator.device.type}'.")
    found = func(*tree_map(_held, args), **tree_map(_held, dict(kwargs)))
    if name == "aten::copy_":
        return args[0]
    known = {id(tensor.held): tensor for tensor in here}  # what is changed in place stays the same tensor

    def placed(value: Any) -> Any:
        if not inside or not isinstance(value, torch.Tensor):
            return value
        if id(value) in known:
            return known[id(value)]
        with torch.inference_mode(value.is_inference()):
            return PretendTensor(value)

    return tree_map(placed, found)


def _held(value: Any) -> Any:
    if isinstance(value, torch.device):
        return torch.device("cpu")
    if not isinstance(value, PretendTensor):
        return value
    assert (value.shape, value.dtype) == (value.held.shape, value.held.dtype), "its data was replaced"
    return value.held


def _register() -> torch.library.Library:
    """Register the device, and what ``torch.tensor(..., device=...)`` calls below any mode."""
    _setup_privateuseone_for_python_backend(NAME, _Module())
    torch.serialization.add_safe_globals([PretendTensor])
    library = torch.library.Library("aten", "IMPL")

    def empty_strided(size: Any, stride: Any, dtype: Any = None, **_: Any) -> PretendTensor:
        return PretendTensor(torch.empty_strided(size, stride, dtype=dtype))

    def copy_from(source: torch.Tensor, target: PretendTensor, non_blocking: bool = False) -> PretendTensor:
        target.held.copy_(source)
        return target

    library.impl("empty_strided", empty_strided, "PrivateUse1")
    library.impl("_copy_from", copy_from, "PrivateUse1")
    return library


_registered: list[torch.library.Library] = []


@contextmanager
def pretend_device() -> Iterator[_Placement]:
    """Within it, ``torch.device("pretend")`` exists; ``operations`` of what it yields counts results that lie there."""
    if not _registered:
        _registered.append(_register())
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)  # a moved parameter stays the same object, as on CUDA
    try:
        with _Placement() as placement:
            yield placement
    finally:
        torch.__future__.set_swap_module_params_on_conversion(before)
