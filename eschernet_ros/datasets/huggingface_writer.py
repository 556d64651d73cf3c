# SPDX-License-Identifier: Apache-2.0
"""Hugging Face ``datasets`` image folder: RGBA images, ``metadata.jsonl``, and a card in ``README.md``.

``load_dataset("imagefolder", data_dir=...)`` reads it, and ``load_dataset`` of the hub once it is there
(https://huggingface.co/docs/datasets/image_dataset). Writing needs nothing of that library.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from eschernet_ros import __version__
from eschernet_ros.datasets.dataset_writer import EDGE_ALPHA, DatasetWriter, WriteOptions, picture, write_png
from eschernet_ros.datasets.posed_images import PosedImages
from eschernet_ros.geometry import PinholeCamera

METADATA_FILE = "metadata.jsonl"
CARD_FILE = "README.md"

_HUB_LICENCE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
"""How the hub writes licences: ``cc-by-4.0``, ``apache-2.0``."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))

_CARD = """
# {name}

{images} images of {objects} with the poses of their cameras, written by eschernet_ros {version}.

| object | views | from | poses | licence |
| --- | --- | --- | --- | --- |
{table}

Images are RGBA where the object's mask is known: alpha is 255 on the object, 0 on white around it and {edge} on edge
pixels. The columns beside each image:

| column | meaning |
| --- | --- |
| `object`, `view` | the object's name and the view's number |
| `camera_gl_from_world` | 4x4 world-to-camera, OpenGL camera axes (x right, y up, looks along -z), z up, object at \
the origin |
| `units_per_metre` | how many units of that world a metre is; null where the data set has no metric scale |
| `width`, `height`, `fx`, `fy`, `cx`, `cy` | pinhole camera in pixels, whole numbers are pixel centres (OpenCV) |
| `distortion` | coefficients in OpenCV's order, empty for none |

Licence: {licence}
"""


class HuggingFaceWriter(DatasetWriter):
    """All objects in one data set: ``train/<object>/<view>.png``, views held out for testing under ``test``."""

    layout: ClassVar[str] = "huggingface"
    description: ClassVar[str] = "Hugging Face datasets: image folder with metadata.jsonl and a card"
    joint: ClassVar[bool] = True

    def __init__(self, options: WriteOptions) -> None:
        """Write by these options."""
        super().__init__(options)
        self._rows: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
        self._table: list[str] = []
        self._licences: list[str] = []

    def add(self, views: PosedImages, folder: Path) -> list[str]:
        """Write the images of one object."""
        name = views.name.replace("/", "_")
        test = self.options.test_ids(views)
        for row, view_id in enumerate(views.view_ids):
            split = "test" if view_id in test else "train"
            file_name = f"{name}/{view_id:06d}.png"
            path = folder / split / file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, picture(views, row))
            camera = None if views.cameras is None else views.cameras[row]
            self._rows[split].append(
                {
                    "file_name": file_name,
                    "object": views.name,
                    "view": view_id,
                    "camera_gl_from_world": views.camera_gl_from_world[row].tolist(),
                    "units_per_metre": views.scale,
                    **_intrinsics(camera),
                }
            )
        licence = self.options.licence or views.licence
        self._licences.append(licence)
        cells = (views.name, str(len(views)), views.layout, views.pose_source, licence or "not stated")
        self._table.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
        return [] if views.cameras is not None else [f"'{views.name}' has no intrinsics: their columns are empty."]

    def finish(self, folder: Path) -> None:
        """Write the metadata of every split and the card."""
        splits = {split: rows for split, rows in self._rows.items() if rows}
        for split, rows in splits.items():
            lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
            (folder / split / METADATA_FILE).write_text(lines, encoding="utf-8")
        (folder / CARD_FILE).write_text(self._card(splits), encoding="utf-8")

    def _card(self, splits: dict[str, list[dict[str, Any]]]) -> str:
        count = sum(map(len, splits.values()))
        licences = sorted(set(filter(None, self._licences)))
        # the card's front matter has room for one licence, of the hub's own list
        known = licences[0].lower() if len(licences) == 1 and _HUB_LICENCE.fullmatch(licences[0].lower()) else ""
        names = list(dict.fromkeys(row["object"] for rows in splits.values() for row in rows))
        header: dict[str, Any] = {
            "pretty_name": names[0] if len(names) == 1 else f"{len(names)} objects",
            "license": known or ("other" if licences else "unknown"),
            "tags": ["novel-view-synthesis", "multi-view", "camera-pose"],
            "size_categories": [next((word for limit, word in _SIZES if count < limit), "100K<n<1M")],
            "configs": [
                {
                    "config_name": "default",
                    "data_files": [{"split": split, "path": f"{split}/**"} for split in splits],
                }
            ],
        }
        body = _CARD.format(
            name=header["pretty_name"],
            images=count,
            objects="one object" if len(names) == 1 else f"{len(names)} objects",
            version=__version__,
            table="\n".join(self._table),
            edge=EDGE_ALPHA,
            licence="; ".join(licences) or "not stated by the data this was made from.",
        )
        return f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n{body}"


def _intrinsics(camera: PinholeCamera | None) -> dict[str, Any]:
    names = ("width", "height", "fx", "fy", "cx", "cy")
    if camera is None:
        return {**dict.fromkeys(names), "distortion": []}
    return {**{name: getattr(camera, name) for name in names}, "distortion": list(camera.distortion)}
