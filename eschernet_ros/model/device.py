# SPDX-License-Identifier: Apache-2.0
"""Where networks run."""

from __future__ import annotations

import torch

from eschernet_ros.errors import EscherNetError, first_line


def torch_device(value: torch.device | str) -> torch.device:
    """The device of that name, after it was tried; ``"auto"`` is the GPU where there is one.

    Raises:
        EscherNetError: a device that is not there, or ``"meta"``.
    """
    if value == "auto":
        value = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(value)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise EscherNetError(f"device {str(value)!r} cannot be used here: {first_line(error)}") from error
    if device.type == "meta":
        raise EscherNetError("device 'meta' holds no numbers; use 'cpu' or 'cuda'.")
    return device
