# SPDX-License-Identifier: Apache-2.0
"""ROS 2 nodes: they translate messages, own parameters and threads, and call the library."""
