# SPDX-License-Identifier: Apache-2.0
"""The main job on the simulated bench, end to end, with real processes on a real ROS graph."""
