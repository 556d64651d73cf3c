# SPDX-License-Identifier: Apache-2.0
"""From a folder of photos, with COLMAP's poses or with a board in view, to a data set."""
