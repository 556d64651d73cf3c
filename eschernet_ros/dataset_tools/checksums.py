# SPDX-License-Identifier: Apache-2.0
"""Are a recording's files those that were recorded? Asks the checksums of its journal (docs/dataset.md)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from eschernet_ros.checking.findings import Finding, Level
from eschernet_ros.datasets.errors import DatasetError
from eschernet_ros.datasets.frame_journal import read_journal
from eschernet_ros.datasets.franka16_layout import JOURNAL_FILE

MOST_NAMED = 12


def checksum_findings(folder: Path) -> list[Finding]:
    """A finding for every recorded file that is missing or changed; none where the folder has no journal.

    Later lines of the journal about a frame complete or replace earlier ones.
    """
    journal = folder / JOURNAL_FILE
    if not journal.is_file():
        return []
    expected: dict[str, str] = {}
    try:
        for entry in read_journal(journal):
            for file in (entry.get("files") or {}).values():
                expected[str(file["path"])] = str(file["sha256"])
    except (DatasetError, KeyError, TypeError, AttributeError) as error:
        return [Finding(Level.BAD, "checksum", f"{JOURNAL_FILE} cannot be followed: {error}")]
    missing = [path for path in expected if not (folder / path).is_file()]
    changed = [path for path in expected if path not in set(missing) and _sha256(folder / path) != expected[path]]
    findings = []
    for paths, text in (
        (missing, "recorded, but not there any more; restore it, or leave the frame out when merging"),
        (changed, "not what was recorded: its checksum differs; restore it"),
    ):
        findings += [Finding(Level.BAD, "checksum", f"{path} is {text}.") for path in paths[:MOST_NAMED]]
        if len(paths) > MOST_NAMED:
            findings.append(Finding(Level.BAD, "checksum", f"{len(paths) - MOST_NAMED} more files are {text}."))
    if expected and not findings:
        findings.append(
            Finding(Level.PASS, "checksum", f"all {len(expected)} recorded files are as they were recorded.")
        )
    return findings


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
