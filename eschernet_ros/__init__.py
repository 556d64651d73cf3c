# SPDX-License-Identifier: Apache-2.0
"""Views the robot's camera never took: EscherNet view synthesis for ROS 2."""

__version__ = "0.1.0"
