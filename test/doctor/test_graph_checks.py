# SPDX-License-Identifier: Apache-2.0
"""Judging what was observed: every trouble of a topic, and those that only show between topics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eschernet_ros.doctor import Finding, Level
from eschernet_ros.doctor.graph_checks import check_graph
from eschernet_ros.doctor.observation import Deaf, Endpoint, Graph, TopicRecord
from eschernet_ros.doctor.topics import DEFAULTS, Watched, watched

TOPICS = watched(DEFAULTS)
NAMES = {topic.role: topic.name for topic in TOPICS if topic.needed}
NOW_NS = 1_800_000_000_000_000_000
TYPES = {topic.name: topic.type for topic in TOPICS}


def stream(topic: Watched, hz: float, age_s: float) -> TopicRecord:
    """A steady stream of five seconds."""
    arrivals = [NOW_NS + round(i * 1e9 / hz) for i in range(int(5 * hz))]
    return TopicRecord(
        publishers=[Endpoint("/driver", topic.type, "reliable", "volatile")],
        arrivals_ns=arrivals,
        stamps_ns=[arrival - round(age_s * 1e9) for arrival in arrivals],
        bytes=921_640,
        frame_id="base" if topic.role == "pose" else "camera_color_optical_frame",
        size=None if topic.role == "pose" else (640, 480),
    )


@pytest.fixture
def graph() -> Graph:
    """A graph on which all is well."""
    records = {
        topic.name: stream(topic, *((250.0, 0.001) if topic.role == "pose" else (30.0, 0.04)))
        if topic.needed
        else TopicRecord()
        for topic in TOPICS
    }
    return Graph(5.0, records, nodes=["/driver"], all_topics={name: [TYPES[name]] for name in NAMES.values()})


def judge(graph: Graph) -> dict[tuple[str, str], Finding]:
    """Level and subject -> finding, of warnings and errors."""
    return {
        (f.level.name.lower(), f.subject): f for f in check_graph(TOPICS, graph) if f.level in (Level.WARN, Level.ERROR)
    }


def record(graph: Graph, role: str) -> TopicRecord:
    """The record of a role's topic."""
    return graph.records[NAMES[role]]


def test_all_is_well_and_the_numbers_are_told(graph: Graph) -> None:
    assert judge(graph) == {}
    seen = {finding.subject: finding.seen for finding in check_graph(TOPICS, graph)}
    assert seen["colour"] == (
        "/camera/camera/color/image_raw: 30.0 Hz, longest gap 33 ms, 40 to 40 ms old (least, median), 640x480, "
        "frame 'camera_color_optical_frame', from /driver, reliable"
    )
    assert seen["camera and arm"] == (
        "the quickest image is 39 ms older than the quickest pose; "
        "148 of 150 image stamps lie within the poses received"
    )


def test_an_absent_topic_names_the_nearest_of_its_type(graph: Graph) -> None:
    record(graph, "colour").publishers.clear()
    graph.all_topics["/camera/color/image_raw"] = ["sensor_msgs/msg/Image"]
    graph.all_topics["/scan"] = ["sensor_msgs/msg/LaserScan"]
    finding = judge(graph)["error", "colour"]
    assert finding.seen.startswith("/camera/camera/color/image_raw has no publisher; of that type there are /camera/")
    assert "/camera/color/image_raw" in finding.seen
    assert "/scan" not in finding.seen
    assert "correct colour_topic" in finding.remedy


def test_an_absent_optional_topic_is_no_trouble(graph: Graph) -> None:
    """The metadata of the camera, in the fixture above."""
    (finding, _) = [f for f in check_graph(TOPICS, graph) if f.subject == "metadata"]
    assert finding.level == Level.OK
    assert "has no publisher; not needed" in finding.seen


def test_a_wrong_type_ends_the_judgement_of_a_topic(graph: Graph) -> None:
    record(graph, "pose").publishers[0] = Endpoint("/arm", "geometry_msgs/msg/Pose", "reliable", "volatile")
    record(graph, "pose").arrivals_ns.clear()
    record(graph, "pose").stamps_ns.clear()
    assert set(judge(graph)) == {("error", "pose")}
    assert "carries geometry_msgs/msg/Pose, not geometry_msgs/msg/PoseStamped" in judge(graph)["error", "pose"].seen


def test_two_publishers_are_named(graph: Graph) -> None:
    record(graph, "pose").publishers.append(Endpoint("/other", TYPES[NAMES["pose"]], "reliable", "volatile"))
    assert "has 2 publishers: /driver, /other" in judge(graph)["error", "pose"].seen


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [("it asks for reliable", "Make that subscription best effort"), ("deadline", "ask for no more than")],
)
def test_a_deaf_subscriber_is_named(graph: Graph, reason: str, remedy: str) -> None:
    record(graph, "pose").deaf.append(Deaf("/logger", "/arm", reason))
    finding = judge(graph)["error", "pose"]
    assert f"/logger listens to {NAMES['pose']} but receives nothing of /arm: {reason}" in finding.seen
    assert remedy in finding.remedy


def test_silence(graph: Graph) -> None:
    record(graph, "depth").arrivals_ns.clear()
    record(graph, "depth").stamps_ns.clear()
    assert "is announced by /driver, but no message came in 5 s" in judge(graph)["error", "depth"].seen


@pytest.mark.parametrize(
    ("role", "offset_s", "level", "sentence"),
    [
        ("colour", 3.0, "error", "are 2.96 s ahead of this computer's clock"),
        ("colour", -3.0, "error", "are 3.04 s behind this computer's clock"),
        ("pose", 0.05, "warn", "are 49 ms ahead of this computer's clock"),
        ("colour", -0.5, "warn", "was 540 ms old when it came"),
    ],
)
def test_stamps_of_another_clock(graph: Graph, role: str, offset_s: float, level: str, sentence: str) -> None:
    here = record(graph, role)
    here.stamps_ns = [stamp + round(offset_s * 1e9) for stamp in here.stamps_ns]
    assert sentence in judge(graph)[level, role].seen


def test_stamps_that_are_no_times(graph: Graph) -> None:
    here = record(graph, "pose")
    good = list(here.stamps_ns)
    for stamps, sentence in (
        ([0] * len(good), "has no stamps (0)"),
        ([good[0]] * len(good), "repeats one stamp in all of its 1250 messages"),
        ([*good[:600], *good[100:750]], "went back 1 times"),
    ):
        here.stamps_ns = stamps
        assert sentence in judge(graph)["error", "pose"].seen


def test_a_slow_pose_stream_and_a_gap(graph: Graph) -> None:
    slow = next(topic for topic in TOPICS if topic.role == "pose")
    graph.records[slow.name] = stream(slow, 30.0, 0.001)
    assert "comes at 30.0 Hz; below 100 Hz is too slow for a moving arm" in judge(graph)["warn", "pose"].seen
    graph.records[slow.name] = here = stream(slow, 250.0, 0.001)
    del here.arrivals_ns[500:600], here.stamps_ns[500:600]
    finding = judge(graph)["warn", "pose"]
    assert "has a gap of 404 ms, 4 ms are usual; 100 of about 1250 messages are missing" in finding.seen
    assert finding.seen.startswith(f"{slow.name}: 2")  # the summary stays


def test_a_message_that_the_capture_node_cannot_use(graph: Graph) -> None:
    record(graph, "colour").problem = "colour image has encoding 'yuv422'"
    assert "encoding 'yuv422'" in judge(graph)["error", "colour"].seen


def test_images_and_poses_that_never_meet(graph: Graph) -> None:
    """Each within a second of this clock, and yet."""
    here = record(graph, "pose")
    record(graph, "colour").stamps_ns = [stamp - 900_000_000 for stamp in record(graph, "colour").stamps_ns[:20]]
    record(graph, "colour").arrivals_ns = record(graph, "colour").arrivals_ns[:20]
    here.stamps_ns = [stamp - 1_000_000 for stamp in here.stamps_ns]
    found = judge(graph)
    assert "images and poses never meet: the quickest image is 938 ms older" in found["error", "camera and arm"].seen


def test_a_skew_between_camera_and_arm(graph: Graph) -> None:
    here = record(graph, "colour")
    here.stamps_ns = [stamp - 300_000_000 for stamp in here.stamps_ns]
    found = judge(graph)
    assert "the quickest image is 339 ms older than the quickest pose" in found["warn", "camera and arm"].seen
    assert "time_offset_s" in found["warn", "camera and arm"].remedy


@pytest.mark.parametrize("role", ["camera_info", "depth"])
def test_sizes_and_stamps_that_do_not_fit_the_colour_image(graph: Graph, role: str) -> None:
    here = record(graph, role)
    here.size = (848, 480)
    assert judge(graph)["error", role].seen == f"{role} is 848x480, colour 640x480"
    here.size = (640, 480)
    here.stamps_ns = [stamp + 1 for stamp in here.stamps_ns]
    assert "none of 150 stamps of" in judge(graph)["error", role].seen


@pytest.mark.parametrize(
    ("domain", "level"), [("hardware_clock", "error"), ("system_time", "warn"), ("global_time", None)]
)
def test_clock_domains(graph: Graph, domain: str, level: str | None) -> None:
    graph.clock_domains = {domain}
    found = {f.subject: f for f in check_graph(TOPICS, graph)}["camera clock"]
    assert domain in found.seen
    assert found.level == (Level.OK if level is None else Level[level.upper()])
    if level is not None:
        assert "global_time_enabled" in found.remedy


def test_two_parents_of_a_frame(graph: Graph) -> None:
    graph.parents = {
        "camera_color_optical_frame": {"camera_color_frame", "fr3_hand_tcp"},
        "fr3_link1": {"fr3_link0"},
    }
    finding = judge(graph)["error", "transforms"]
    assert finding.seen == "frame 'camera_color_optical_frame' has 2 parents: 'camera_color_frame' and 'fr3_hand_tcp'"
    assert "camera's root frame (camera_link)" in finding.remedy
    graph.parents = {"fr3_link1": {"fr3_link0", "world"}}
    assert "Stop one of the publishers" in judge(graph)["error", "transforms"].remedy
    graph.parents = {"fr3_link1": {"fr3_link0"}}
    assert judge(graph) == {}


def test_an_empty_graph(graph: Graph) -> None:
    empty = replace(graph, records={topic.name: TopicRecord() for topic in TOPICS}, nodes=[], all_topics={})
    found = judge(empty)
    assert set(found) == {("warn", "nodes"), *(("error", role) for role in NAMES)}
    assert "ROS_DOMAIN_ID" in found["warn", "nodes"].remedy


def test_ages_gaps_and_rates() -> None:
    here = TopicRecord(arrivals_ns=[10**9, 3 * 10**9], stamps_ns=[0, 2_500_000_000])
    np.testing.assert_allclose(here.ages_s, [1.0, 0.5])
    assert (here.rate_hz, here.longest_gap_s) == (0.5, 2.5)
    assert (TopicRecord().rate_hz, TopicRecord().longest_gap_s) == (0.0, 0.0)
