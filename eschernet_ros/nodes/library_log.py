# SPDX-License-Identifier: Apache-2.0
"""What the library logs, said by the node that uses it."""

from __future__ import annotations

import logging

from rclpy.logging import get_logger


class _ToRos(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logger = get_logger(record.name)
        text = self.format(record)
        # one call a severity: rclpy refuses to change the severity of a call site
        if record.levelno >= logging.ERROR:
            logger.error(text)
        elif record.levelno >= logging.WARNING:
            logger.warning(text)
        else:
            logger.info(text)


def forward_library_log() -> None:
    """Send the library's log records, INFO and above, to the ROS log: console, file and /rosout."""
    library = logging.getLogger("eschernet_ros")
    library.addHandler(_ToRos())
    library.setLevel(logging.INFO)
    library.propagate = False
