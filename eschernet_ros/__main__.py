# SPDX-License-Identifier: Apache-2.0
"""``python -m eschernet_ros``: the same program as ``eschernet-ros``, for ``accelerate launch -m``."""

import sys

from eschernet_ros.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
