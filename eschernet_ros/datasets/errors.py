# SPDX-License-Identifier: Apache-2.0
"""Errors of reading and writing data sets."""

from eschernet_ros.errors import EscherNetError


class DatasetError(EscherNetError):
    """A data set cannot be read, or asked for what it does not hold."""


class DatasetWriteError(EscherNetError):
    """A data set cannot be written: the disk is full, a permission is missing, or another writer is at it."""
