# SPDX-License-Identifier: Apache-2.0
"""Warnings of a stream that may come a thousand times a second."""

from __future__ import annotations

import logging
import time

PERIOD_S = 5.0


class Throttle:
    """Logs a warning, then none of the same beginning for five seconds; whoever uses it counts them all."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._last: dict[str, float] = {}

    def warning(self, sentence: str) -> None:
        """Say it, unless the like was said just now."""
        kind, now = sentence[:24], time.monotonic()
        if now - self._last.get(kind, -PERIOD_S) >= PERIOD_S:
            self._last[kind] = now
            self._log.warning("%s", sentence)
