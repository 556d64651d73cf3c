# SPDX-License-Identifier: Apache-2.0
"""Findings as text for a terminal, and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

from eschernet_ros.doctor.finding import Finding, Level, verdict

_NAMES = {Level.OK: "ok", Level.WARN: "warn", Level.ERROR: "error"}
_LEVEL_WIDTH, _SUBJECT_WIDTH = 7, 18


def as_text(groups: Mapping[str, Sequence[Finding]], width: int = 100) -> str:
    """Return all findings by group, each at most ``width`` columns wide, and a last line that counts them."""
    lines: list[str] = []
    for title, findings in groups.items():
        lines += [title, ""]
        for finding in findings:
            lines += _finding_lines(finding, width)
        lines.append("")
    return "\n".join([*lines, _summary([f for findings in groups.values() for f in findings])])


def as_json(groups: Mapping[str, Sequence[Finding]]) -> str:
    """Return ``{"verdict": "ok|warn|error", "findings": [{group, level, subject, seen, remedy}, ...]}``."""
    findings = [
        {
            "group": title,
            "level": _NAMES[finding.level],
            "subject": finding.subject,
            "seen": finding.seen,
            "remedy": finding.remedy,
        }
        for title, found in groups.items()
        for finding in found
    ]
    worst = _NAMES[verdict(f for found in groups.values() for f in found)]
    return json.dumps({"verdict": worst, "findings": findings}, indent=2)


def _finding_lines(finding: Finding, width: int) -> list[str]:
    margin = " " * (2 + _LEVEL_WIDTH + _SUBJECT_WIDTH)
    head = f"  {_NAMES[finding.level]:<{_LEVEL_WIDTH}}{finding.subject:<{_SUBJECT_WIDTH - 1}} "
    wrap = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    lines = []
    for number, paragraph in enumerate(finding.seen.splitlines()):
        wrap.initial_indent, wrap.subsequent_indent = (head if number == 0 else margin), margin
        lines += wrap.wrap(paragraph)
    for number, paragraph in enumerate(finding.remedy.splitlines()):
        wrap.initial_indent, wrap.subsequent_indent = f"{margin}{'-> ' if number == 0 else '   '}", f"{margin}   "
        lines += wrap.wrap(paragraph)
    return lines


def _summary(findings: Sequence[Finding]) -> str:
    count = Counter(finding.level for finding in findings)
    parts = [
        f"{number} {name if number == 1 else name + 's'}"
        for level, name in ((Level.ERROR, "error"), (Level.WARN, "warning"))
        if (number := count[level])
    ]
    return ", ".join([*parts, f"{count[Level.OK]} fine"])
