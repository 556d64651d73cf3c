# SPDX-License-Identifier: Apache-2.0
"""A validation in words for the terminal and in JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from eschernet_ros import __version__
from eschernet_ros.checking.findings import Level
from eschernet_ros.dataset_tools.validate import ObjectValidation
from eschernet_ros.datasets import Dataset

VERDICTS = {Level.PASS: "valid", Level.SUSPICIOUS: "suspicious", Level.BAD: "bad"}


def verdict_of(objects: Sequence[ObjectValidation]) -> Level:
    """The worst of all."""
    return max((validated.level for validated in objects), default=Level.PASS)


def as_text(validated: ObjectValidation) -> str:
    """One object: the verdict, then a line a finding."""
    lines = [
        f"{validated.name}: {VERDICTS[validated.level].upper()} ({validated.views} views, {validated.files} files)"
    ]
    lines += [
        f"  {finding.level.word if finding.level > Level.PASS else 'ok'} [{finding.topic}] {finding.text}"
        for finding in validated.findings
    ]
    return "\n".join(lines)


def as_dict(dataset: Dataset, objects: Sequence[ObjectValidation]) -> dict[str, Any]:
    """All objects, as plain numbers and texts; what does not apply is null."""
    return {
        "format": "eschernet_ros/dataset-validation",
        "version": 1,
        "package_version": __version__,
        "folder": str(dataset.folder),
        "layout": dataset.layout,
        "verdict": VERDICTS[verdict_of(objects)],
        "objects": [
            {
                "name": validated.name,
                "folder": str(validated.folder),
                "verdict": VERDICTS[validated.level],
                "views": validated.views,
                "files": validated.files,
                "measure": validated.measure,
                "value": round(validated.value, 6) if math.isfinite(validated.value) else None,
                "findings": [
                    {"level": finding.level.word, "topic": finding.topic, "text": finding.text}
                    for finding in validated.findings
                ],
            }
            for validated in objects
        ],
    }
