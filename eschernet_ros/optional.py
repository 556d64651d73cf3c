# SPDX-License-Identifier: Apache-2.0
"""Optional dependencies, imported where they are used and named when they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType


class MissingDependencyError(ImportError):
    """A module that a feature needs is not installed; the message says what to install."""


def require(module: str, install: str, purpose: str) -> ModuleType:
    """Import ``module`` and return it.

    Args:
        module: dotted module name, for example ``"mujoco"``.
        install: the command that installs it, for example ``"pip install mujoco"``.
        purpose: what needs it, for example ``"the simulated bench"``.

    Raises:
        MissingDependencyError: when the module, or something it imports, is absent.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{purpose} needs the Python module '{module}', which could not be imported ({error}). "
            f"Install it with: {install}"
        ) from error
