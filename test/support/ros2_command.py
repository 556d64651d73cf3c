# SPDX-License-Identifier: Apache-2.0
"""The real ``ros2`` of the interpreter that runs the tests, wherever its script lies."""

from __future__ import annotations

import sys

ROS2 = (sys.executable, "-c", "import sys; from ros2cli.cli import main; sys.exit(main())")
