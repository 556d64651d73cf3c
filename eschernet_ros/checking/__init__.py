# SPDX-License-Identifier: Apache-2.0
"""Judging whether the poses of a recording fit its pictures."""
