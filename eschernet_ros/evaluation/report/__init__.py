# SPDX-License-Identifier: Apache-2.0
"""The page of an evaluation, and that of two runs compared."""
