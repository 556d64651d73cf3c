# SPDX-License-Identifier: Apache-2.0
"""The views that a live capture published into a bag: which frames it took, and what it made of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from eschernet_ros.bags import BagError, BagReader, describe_topics
from eschernet_ros.capture.image_messages import colour_from_image, mask_from_image
from eschernet_ros.capture.message_fields import transform_of
from eschernet_ros.geometry import SE3

POSED_VIEW = "eschernet_ros/msg/PosedView"


@dataclass(frozen=True)
class LiveView:
    """A view of the live capture.

    Attributes:
        number: its id.
        image_stamp_ns: stamp of the frame it was made of.
        image_digest, mask_digest: of the pixels; see `pixels_digest`.
        object_from_camera: pose of the model's camera in the object frame, metres.
    """

    number: int
    image_stamp_ns: int
    image_digest: str
    mask_digest: str
    object_from_camera: SE3


def pixels_digest(pixels: np.ndarray) -> str:
    """SHA-256 of an image's shape and bytes."""
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def live_views(bag: BagReader, topic: str = "") -> list[LiveView]:
    """The views in a bag, in the order they were taken; their pictures are not kept.

    Args:
        bag: open.
        topic: of the views; empty: the only one there is.

    Raises:
        BagError: there is none, or more than one to choose from; the sentence lists what is in the bag.
    """
    topics = [found.name for found in bag.topics if found.type == POSED_VIEW and found.count]
    if topic:
        topics = [name for name in topics if name == topic]
    if len(topics) != 1:
        said = "more than one topic" if topics else f"no topic {topic}".rstrip()
        raise BagError(
            f"{bag.path} holds {said} with views of a live capture ({POSED_VIEW}). Choose one with --views-topic, or "
            f"take views anew: --views still. {describe_topics(bag.topics)}"
        )
    views = {}
    for message in bag.messages(topics):
        view = message.decode()
        stamp = view.image_stamp
        stamp_ns = int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
        views[stamp_ns] = LiveView(
            number=int(view.id),
            image_stamp_ns=stamp_ns,
            image_digest=pixels_digest(colour_from_image(view.image)),
            mask_digest=pixels_digest(mask_from_image(view.mask)),
            object_from_camera=transform_of(view.camera_pose),
        )
    return list(views.values())
