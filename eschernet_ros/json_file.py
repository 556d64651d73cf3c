# SPDX-License-Identifier: Apache-2.0
"""Reading the JSON object in a file, with sentences for what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eschernet_ros.errors import EscherNetError


def read_json_object(path: Path, error_type: type[EscherNetError] = EscherNetError) -> dict[str, Any]:
    """The object in ``path``.

    Raises:
        EscherNetError: the file is missing, is no JSON, or holds something else than an object; names it. It is raised
            as ``error_type``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise error_type(f"{path} is missing; restore it.") from error
    except (OSError, ValueError) as error:
        raise error_type(f"{path} cannot be read, it is no JSON or was cut off ({error}); restore it.") from error
    if not isinstance(content, dict):
        raise error_type(f"{path} holds a JSON {type(content).__name__}; an object is needed.")
    return content
