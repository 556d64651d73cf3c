# SPDX-License-Identifier: Apache-2.0
"""The one exception type of the library: its text is a sentence for the person at the keyboard."""


class EscherNetError(ValueError):
    """Bad input or state; the message names the thing, its value and the remedy."""
