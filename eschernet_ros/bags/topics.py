# SPDX-License-Identifier: Apache-2.0
"""The topics of a bag: listed in a sentence, and the one that is meant found among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eschernet_ros.errors import EscherNetError

_MOST = 40


@dataclass(frozen=True, order=True)
class BagTopic:
    """A topic, its type (``sensor_msgs/msg/Image``) and how many messages of it there are."""

    name: str
    type: str
    count: int


def describe_topics(topics: Sequence[BagTopic], lead: str = "The bag holds") -> str:
    """What is in a bag: name, type and count of its topics, in one sentence."""
    if not topics:
        return f"{lead} no topic."
    shown = [f"{topic.name} ({topic.type}, {topic.count})" for topic in topics[:_MOST]]
    more = f" and {len(topics) - _MOST} more" if len(topics) > _MOST else ""
    return f"{lead} {', '.join(shown)}{more}."


def find_topic(
    path: Path,
    topics: Sequence[BagTopic],
    name: str,
    kinds: Sequence[str],
    what: str,
    option: str,
    words: Sequence[str] | None = None,
    needed: bool = True,
) -> tuple[str, str]:
    """The topic of this name, or the only one that fits, and a sentence when it is another than was asked for.

    Args:
        path: the bag, for sentences.
        topics: what is in it.
        name: wanted; empty, when not needed: none.
        kinds: types it may have.
        what: what it is for.
        option: how to choose another, for sentences.
        words: what the name of another must hold (``a|b``: one of them) or must not (``!a``); None: no other will do.
        needed: whether to do without is an error.

    Raises:
        EscherNetError: it is of another type, or not there and needed; the sentence lists what is in the bag.
    """
    here = next((topic for topic in topics if topic.name == name), None)
    if here is not None and here.type not in kinds:
        raise EscherNetError(
            f"{path}: {name} is of type {here.type}; {what} must be {' or '.join(kinds)}. {option}. "
            f"{describe_topics(topics)}"
        )
    if here is not None:
        return name, ""
    fits = [t.name for t in topics if t.type in kinds and words is not None and all(_said(t.name, w) for w in words)]
    if len(fits) == 1 and name:
        return fits[0], f"{what} was read from {fits[0]}; there is no {name}."
    if not needed:
        return "", ""
    of_kind = [topic.name for topic in topics if topic.type in kinds]
    raise EscherNetError(
        f"{path} has no topic {name} for {what}; of its type are in it: {', '.join(of_kind) or 'none'}. "
        f"{option}. {describe_topics(topics)}"
    )


def _said(topic: str, word: str) -> bool:
    """Whether a topic's name holds one of the words (joined by ``|``), or holds none of them (``!``)."""
    lower = topic.lower()
    if word.startswith("!"):
        return word[1:] not in lower
    return any(part in lower for part in word.split("|"))
