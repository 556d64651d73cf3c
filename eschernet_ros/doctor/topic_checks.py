# SPDX-License-Identifier: Apache-2.0
"""Judging each topic: is it there, does it come, how fast, with which stamps, and who cannot hear it."""

from __future__ import annotations

import difflib
from dataclasses import replace

import numpy as np

from eschernet_ros.doctor.finding import Finding, Level, error, fine, warn
from eschernet_ros.doctor.observation import Graph, TopicRecord
from eschernet_ros.doctor.topics import Watched

MAX_OFFSET_S = 1.0
"""Stamps further than this from the host's clock are of another clock."""
MAX_AHEAD_S = 0.005
MAX_AGE_S = 0.25
"""The quickest message of a healthy stream on one network is younger."""
LONG_GAP = 5.0
"""A gap of so many usual periods is named."""
_LEAST_FOR_GAPS = 5


def check_topic(topic: Watched, graph: Graph) -> list[Finding]:
    """Return what is to be said of one topic: its troubles, or one line that all is well."""
    record = graph.records[topic.name]
    if not record.publishers:
        return [_absent(topic, graph)]
    others = [*_type(topic, record), *_several(topic, record), *_deaf(topic, record)]
    if record.unreadable:
        return [*others, fine(topic.role, f"{topic.name} has a publisher; not listened to: {record.unreadable}")]
    if any(publisher.type != topic.type for publisher in record.publishers):
        return others
    if not record.arrivals_ns:
        return [*others, _silent(topic, record, graph.seconds)]
    found = [*_rate(topic, record), *_stamps(topic, record), *_content(topic, record)]
    return [*others, *_with_summary(found, topic, record)]


def _with_summary(found: list[Finding], topic: Watched, record: TopicRecord) -> list[Finding]:
    """Say also what is right of a topic that comes, unless its messages themselves are wrong."""
    summary = _summary(topic, record)
    if not found:
        return [fine(topic.role, summary)]
    if any(finding.level == Level.ERROR for finding in found):
        return found
    return [replace(found[0], seen=f"{summary}\n{found[0].seen}"), *found[1:]]


def _absent(topic: Watched, graph: Graph) -> Finding:
    seen = f"{topic.name} has no publisher"
    if not topic.needed:
        return fine(topic.role, f"{seen}; {topic.remedy}")
    others = [name for name, types in graph.all_topics.items() if topic.type in types and name != topic.name]
    if others:
        near = difflib.get_close_matches(topic.name, others, 3, 0.0)
        seen += f"; of that type there are {', '.join(near)}"
        if len(others) > len(near):
            seen += f" and {len(others) - len(near)} more"
    return error(topic.role, seen, f"{_sentence(topic.remedy)}.")


def _type(topic: Watched, record: TopicRecord) -> list[Finding]:
    wrong = sorted({p.type for p in record.publishers} - {topic.type})
    if not wrong:
        return []
    seen = f"{topic.name} carries {', '.join(wrong)}, not {topic.type}"
    return [error(topic.role, seen, "Name the right topic in the capture node's parameters, or stop the publisher.")]


def _several(topic: Watched, record: TopicRecord) -> list[Finding]:
    if len(record.publishers) < 2:
        return []
    nodes = ", ".join(publisher.node for publisher in record.publishers)
    seen = f"{topic.name} has {len(record.publishers)} publishers: {nodes}"
    return [error(topic.role, seen, "Stop all but one, or give them names or namespaces of their own.")]


def _deaf(topic: Watched, record: TopicRecord) -> list[Finding]:
    return [
        error(
            topic.role,
            f"{deaf.subscriber} listens to {topic.name} but receives nothing of {deaf.publisher}: {deaf.reason}",
            "Make that subscription best effort (rclpy: qos_profile_sensor_data), or the publisher reliable."
            if "reliab" in deaf.reason.lower()
            else "Make the QoS of that subscription ask for no more than the publisher offers.",
        )
        for deaf in record.deaf
    ]


def _silent(topic: Watched, record: TopicRecord, seconds: float) -> Finding:
    nodes = ", ".join(publisher.node for publisher in record.publishers)
    seen = f"{topic.name} is announced by {nodes}, but no message came in {seconds:g} s"
    if not topic.needed:
        return fine(topic.role, f"{seen}; {topic.remedy}")
    return error(
        topic.role,
        seen,
        f"See the log of {nodes}; if it does publish, the data do not get through: another computer's firewall, or "
        "socket buffers that are too small (below).",
    )


def _rate(topic: Watched, record: TopicRecord) -> list[Finding]:
    if topic.slow_hz <= 0.0:
        return []
    found = []
    if record.rate_hz < topic.slow_hz:
        seen = f"{topic.name} comes at {record.rate_hz:.1f} Hz; below {topic.slow_hz:g} Hz is too slow for a moving arm"
        found.append(warn(topic.role, seen, f"Raise the rate at {record.publishers[0].node}, or look at its load."))
    times = np.sort(record.stamps_ns or record.arrivals_ns)
    if len(times) >= _LEAST_FOR_GAPS:
        usual_s = float(np.median(np.diff(times))) / 1e9
        if usual_s > 0.0 and record.longest_gap_s > LONG_GAP * usual_s:
            lost = int(np.round(np.diff(times) / 1e9 / usual_s - 1.0).clip(0).sum())
            seen = (
                f"{topic.name} has a gap of {record.longest_gap_s * 1e3:.0f} ms, {usual_s * 1e3:.0f} ms are usual; "
                f"{lost} of about {lost + len(times)} messages are missing"
            )
            remedy = "Look at the load of both computers, the USB cable, and the socket buffers (below)."
            found.append(warn(topic.role, seen, remedy))
    return found


def _stamps(topic: Watched, record: TopicRecord) -> list[Finding]:
    if not record.stamps_ns or topic.slow_hz <= 0.0:
        return []
    ages = record.ages_s
    youngest = float(ages.min())
    if record.stamps_ns[-1] == 0:
        return [error(topic.role, f"{topic.name} has no stamps (0)", "Have its publisher fill in header.stamp.")]
    if len(record.stamps_ns) > 1 and len(set(record.stamps_ns)) == 1:
        seen = f"{topic.name} repeats one stamp in all of its {len(record.stamps_ns)} messages"
        return [error(topic.role, seen, "Have its publisher stamp each message with the time of its data.")]
    if (backwards := int((np.diff(np.array(record.stamps_ns, np.int64)) < 0).sum())) > 0:
        seen = f"stamps of {topic.name} went back {backwards} times"
        return [error(topic.role, seen, "End the second publisher, or the bag that plays in a loop.")]
    if abs(youngest) > MAX_OFFSET_S:
        return [
            error(
                topic.role,
                f"stamps of {topic.name} are {abs(youngest):.2f} s {'behind' if youngest > 0 else 'ahead of'} this "
                "computer's clock",
                "Synchronise the computers (chrony or PTP), set global_time_enabled of realsense-ros, or use sim time "
                "for a bag.",
            )
        ]
    if youngest < -MAX_AHEAD_S:
        seen = f"stamps of {topic.name} are {-youngest * 1e3:.0f} ms ahead of this computer's clock"
        return [warn(topic.role, seen, "Synchronise the computers' clocks (chrony or PTP).")]
    if youngest > MAX_AGE_S:
        seen = f"the youngest message of {topic.name} was {youngest * 1e3:.0f} ms old when it came"
        return [warn(topic.role, seen, "Synchronise the computers' clocks (chrony or PTP), or lighten their load.")]
    return []


def _content(topic: Watched, record: TopicRecord) -> list[Finding]:
    if not record.problem:
        return []
    return [error(topic.role, f"{topic.name}: {record.problem}", "Change the driver's setting that the text names.")]


def _summary(topic: Watched, record: TopicRecord) -> str:
    publisher = record.publishers[0]
    parts = [f"{topic.name}: "]
    if topic.slow_hz > 0.0:
        parts.append(f"{record.rate_hz:.1f} Hz, longest gap {record.longest_gap_s * 1e3:.0f} ms, ")
    else:
        parts.append(f"{len(record.arrivals_ns)} message{'s' if len(record.arrivals_ns) > 1 else ''}, ")
    if record.stamps_ns and topic.slow_hz > 0.0:
        median, youngest = float(np.median(record.ages_s)) * 1e3, float(record.ages_s.min()) * 1e3
        parts.append(f"{youngest:.0f} to {median:.0f} ms old (least, median), ")
    if record.size is not None:
        parts.append(f"{record.size[0]}x{record.size[1]}, ")
    if record.frame_id:
        parts.append(f"frame '{record.frame_id}', ")
    parts.append(f"from {publisher.node}, {publisher.reliability}")
    if publisher.reliability == "best effort":
        parts.append(" (a default, reliable subscription receives nothing; this package's nodes adapt)")
    return "".join(parts)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
