# SPDX-License-Identifier: Apache-2.0
"""Uploads checkpoints to the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from eschernet_ros.errors import EscherNetError, first_line
from eschernet_ros.training.checkpoints import STATE_FOLDER


def push_to_hub(folder: Path, hub_id: str) -> None:
    """Upload a checkpoint, less its training state, to the Hugging Face hub.

    Raises:
        EscherNetError: when the hub refuses or cannot be reached; the folder stays as it is.
    """
    import huggingface_hub

    try:
        api = huggingface_hub.HfApi()
        api.create_repo(hub_id, exist_ok=True)
        api.upload_folder(repo_id=hub_id, folder_path=folder, ignore_patterns=[f"{STATE_FOLDER}/*"])
    except Exception as error:  # the hub's client lets through whatever its HTTP library raises
        raise EscherNetError(
            f"{folder} could not be uploaded to '{hub_id}': {first_line(error)}. Log in (hf auth login) and "
            "upload the folder, or resume the finished run, which tries again."
        ) from error
