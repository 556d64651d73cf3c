# SPDX-License-Identifier: Apache-2.0
"""The frames that a live capture took, by its views in the bag; and the comparison with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import resting_arm as arm
from bag_builder import Entry, stamped, write

from eschernet_ros.bags import BagError, open_bag
from eschernet_ros.cli.main import main
from eschernet_ros.replay import BagSource, Replayer, StillViews, replay
from eschernet_ros.replay.replayer import ReplayedView
from eschernet_ros.replay.taken_views import POSED_VIEW
from eschernet_ros.streams import CAPTURE_PARAMETERS, values_of

DEFINITIONS = arm.definitions_of(Path(__file__).parents[2] / "msg")
BOTH = [*arm.camera_entries(), *arm.pose_entries()]
P = values_of(CAPTURE_PARAMETERS, arm.PARAMETERS)


def posed_view(replayed: ReplayedView) -> Entry:
    """Return a PosedView as the capture node publishes it: what a comparison looks at."""
    view = replayed.view
    stamp = {"sec": view.image_stamp_ns // 10**9, "nanosec": view.image_stamp_ns % 10**9}
    mask = arm.image_fields(view.mask.astype(np.uint16), view.stamp_ns)
    mask |= {"encoding": "mono8", "step": view.mask.shape[1], "data": (view.mask * np.uint8(255)).reshape(-1)}
    fields = stamped(
        view.stamp_ns,
        "object",
        id=view.index,
        image_stamp=stamp,
        image=arm.image_fields(view.image, view.stamp_ns),
        mask=mask,
        camera_pose=arm.pose_fields(view.object_frame.base_from_object.inverse() @ view.base_from_camera_optical),
    )
    return replayed.received_ns + 10**8, "/capture/posed_view", POSED_VIEW, fields


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> list[ReplayedView]:
    """Return the views of three places."""
    views: list[ReplayedView] = []
    with open_bag(write(tmp_path_factory.mktemp("live") / "bag", BOTH)) as bag:
        replayer = Replayer(P, StillViews(), views.append)
        source = BagSource(bag, replayer.streams.inputs)
        source.prime()
        for delivery in source.deliveries():
            replayer.deliver(delivery.now_ns, delivery.deliver)
            assert replayer.waiting <= 2  # frames wait for poses that were recorded 40 ms late, no longer
        replayer.finish()
    assert len(views) == 3
    return views


def test_the_live_views_are_made_again(tmp_path: Path, live: list[ReplayedView]) -> None:
    """Of the frames that were taken, and no others; each is equal to the live one, bit for bit."""
    path = write(tmp_path / "tour", [*BOTH, *map(posed_view, live)], definitions=DEFINITIONS)
    report = replay(path, P, tmp_path / "views", views="taken")
    assert (report.views, report.equal) == (3, True)
    assert report.comparison.startswith(
        "of 3 live views 3 images and 3 masks are equal, bit for bit; poses within 0.0000 mm"
    )


def test_a_view_that_differs_is_named(
    tmp_path: Path, live: list[ReplayedView], capsys: pytest.CaptureFixture[str]
) -> None:
    """And one of a frame that is not in the bag; the command's exit code tells."""
    entries = [posed_view(view) for view in live]
    other: Any = entries[1][3]
    other["image"]["data"] = other["image"]["data"].copy()
    other["image"]["data"][5] ^= 1
    lost: Any = entries[2][3]
    lost["image_stamp"] = {"sec": 5, "nanosec": 0}
    path = write(tmp_path / "tour", [*BOTH, *entries], definitions=DEFINITIONS)
    given = [x for name, value in arm.PARAMETERS.items() for x in ("-p", f"{name}:={value}")]
    assert main(["replay", str(path), "--views", "taken", "--output", str(tmp_path), "--object", "duck", *given]) == 1
    printed = capsys.readouterr().out
    assert "of 3 live views 1 images and 2 masks are equal" in printed
    assert "different: 1; not made: 2" in printed


def test_a_bag_without_live_views_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        BagError, match=r"holds no topic with views of a live capture .*--views still. The bag holds /cam"
    ):
        replay(write(tmp_path / "bag", BOTH), P, tmp_path / "views", views="taken")
