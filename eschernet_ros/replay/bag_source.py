# SPDX-License-Identifier: Apache-2.0
"""A bag's messages for the inputs of a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from eschernet_ros.bags import BagError, BagMessage, BagReader, describe_topics, find_topic
from eschernet_ros.streams import Input

_FIRST_COUNTS = ("camera_info",)
"""Beside what is latched, of these the first message serves the frames before it."""
_ALL_COUNT = ("tf_static",)


class Delivery(NamedTuple):
    """Something recorded.

    Attributes:
        now_ns: when it was recorded.
        deliver: brings it to the capture.
        size: bytes.
    """

    now_ns: int
    deliver: Callable[[], None]
    size: int


class BagSource:
    """Finds the inputs' topics in a bag and delivers their messages.

    Args:
        bag: open.
        inputs: of a capture.

    Attributes:
        notes: a sentence for each topic that was taken for another.
        messages: how many there are to deliver.

    Raises:
        EscherNetError: a topic that is needed is missing, empty or of another type; the sentence lists what is there.
    """

    def __init__(self, bag: BagReader, inputs: Iterable[Input]) -> None:
        self.notes: list[str] = []
        self._bag = bag
        self._by_topic: dict[str, list[Input]] = {}
        for found in inputs:
            topic, note = find_topic(
                bag.path,
                bag.topics,
                _absolute(found.topic),
                found.kinds,
                _what(found),
                _option(found),
                found.words,
                found.needed,
            )
            if note:
                self.notes.append(note)
            if topic:
                self._by_topic.setdefault(topic, []).append(found)
            if topic and found.needed and not bag.count_of({topic}):
                raise BagError(
                    f"{bag.path}: {topic} holds no message, so there is nothing for {_what(found)}. {_option(found)}. "
                    f"{describe_topics(bag.topics)}"
                )
        self.messages = bag.count_of(self._by_topic)

    def has(self, name: str) -> bool:
        """Whether the bag holds messages of an input."""
        return any(
            found.name == name and self._bag.count_of({topic})
            for topic, inputs in self._by_topic.items()
            for found in inputs
        )

    def prime(self) -> None:
        """Deliver what counts from the beginning, however late it was recorded: what is latched, first intrinsics."""
        for topic, inputs in self._by_topic.items():
            wanted = [found for found in inputs if found.latched or found.name in _FIRST_COUNTS]
            for message in self._bag.messages({topic}) if wanted else ():
                for found in wanted:
                    found.take(message.decode(), message.log_ns)
                if not any(found.name in _ALL_COUNT for found in wanted):
                    break

    def deliveries(self) -> Iterator[Delivery]:
        """Everything in the order it was recorded, one message in memory."""
        for message in self._bag.messages(self._by_topic):
            yield Delivery(message.log_ns, partial(self._deliver, message), len(message.raw))

    def _deliver(self, message: BagMessage) -> None:
        decoded = message.decode()
        for found in self._by_topic[message.topic]:
            found.take(decoded, message.log_ns)


def _absolute(topic: str) -> str:
    """A relative name as the node has it in the namespace ``/``."""
    return topic if topic.startswith("/") else f"/{topic}"


def _what(found: Input) -> str:
    return {"colour": "the colour image", "camera_info": "the camera's intrinsics", "pose": "the arm's pose"}.get(
        found.name, found.name
    )


def _option(found: Input) -> str:
    without = ", or do without: -p depth_topic:=''" if found.name == "depth" else ""
    if found.name in ("tf", "pose", "joint states"):
        without = (
            "; poses may also come from -p pose_source:=topic, tf or joint_states, or from another bag: --poses BAG"
        )
    if found.name == "tf":
        return f"Record /tf{without}"
    return f"Name the topic with -p {found.parameter}:=TOPIC{without}"
