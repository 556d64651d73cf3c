# SPDX-License-Identifier: Apache-2.0
"""A judgement in words for the terminal and in JSON for programs."""

from __future__ import annotations

import math
from typing import Any

from eschernet_ros import __version__
from eschernet_ros.checking.findings import Level
from eschernet_ros.checking.fits import PoseFit
from eschernet_ros.checking.judge import Judgement


def as_text(judgement: Judgement) -> str:
    """The verdict, its cause and all findings, a line each."""
    lines = [f"{judgement.recording.name}: {judgement.verdict.upper()}", judgement.sentence]
    lines += [f"cause: {cause.text}" for cause in judgement.causes]
    lines += [
        f"{finding.level.word if finding.level > Level.PASS else 'ok'} [{finding.topic}] {finding.text}"
        for finding in judgement.findings
    ]
    return "\n".join(lines)


def as_dict(judgement: Judgement) -> dict[str, Any]:
    """Everything, as plain numbers and texts; what does not apply is null."""
    recording = judgement.recording
    return {
        "format": "eschernet_ros/check",
        "version": 1,
        "package_version": __version__,
        "name": recording.name,
        "source": recording.source,
        "verdict": judgement.verdict,
        "sentence": judgement.sentence,
        "epipolar_px": _number(judgement.epipolar_px),
        "epipolar_floor_px": _number(judgement.floor_px),
        "depth_mm": _number(judgement.depth_mm),
        "depth_share": _number(judgement.depth_share),
        "silhouette": _number(judgement.silhouette),
        "flagged_frames": [frame.name for frame in judgement.flagged],
        "causes": [
            {
                "kind": cause.kind,
                "text": cause.text,
                "misfit_before": _number(cause.misfit_before),
                "misfit_after": _number(cause.misfit_after),
                "fit": None if cause.fit is None else _fit(cause.fit, recording.length_unit_m),
            }
            for cause in judgement.causes
        ],
        "findings": [
            {"level": finding.level.word, "topic": finding.topic, "text": finding.text}
            for finding in judgement.findings
        ],
        "frames": [
            {
                "name": frame.name,
                "level": None if frame.level is None else frame.level.word,
                "pairs": frame.pairs,
                "epipolar_px": _number(frame.epipolar_px),
                "depth_mm": _number(frame.depth_mm),
                "silhouette": _number(frame.silhouette),
            }
            for frame in judgement.frames
        ],
        "pairs": [
            {
                "frames": [recording.frames[judged.pair.first].name, recording.frames[judged.pair.second].name],
                "matches": len(judged.pair),
                "epipolar_px": _number(judged.epipolar_px),
                "floor_px": _number(judged.floor_px),
            }
            for judged in judgement.pairs
        ],
    }


def _fit(fit: PoseFit, unit_m: float | None) -> dict[str, Any]:
    return {
        "time_offset_s": _number(fit.time_offset_s),
        "time_offset_interval_s": None if fit.offset_interval_s is None else list(fit.offset_interval_s),
        "hand_eye_deg": _number(math.degrees(fit.angle_rad)),
        "hand_eye_mm": None if unit_m is None else _number(1e3 * fit.length * unit_m),
        "given_camera_from_true": fit.given_camera_from_true.matrix.tolist(),
    }


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None
