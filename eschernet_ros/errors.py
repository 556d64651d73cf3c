# SPDX-License-Identifier: Apache-2.0
"""The one exception type of the library: its text is a sentence for the person at the keyboard."""


class EscherNetError(ValueError):
    """Bad input or state; the message names the thing, its value and the remedy."""


def first_line(error: BaseException) -> str:
    """What a library's exception says, in one line; its type where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
