# SPDX-License-Identifier: Apache-2.0
"""Judging what only shows between topics: camera against arm, image against depth, clocks, transforms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eschernet_ros.doctor.finding import Finding, error, fine, warn
from eschernet_ros.doctor.observation import Graph, TopicRecord
from eschernet_ros.doctor.topic_checks import check_topic
from eschernet_ros.doctor.topics import Watched

MAX_SKEW_S = 0.2
"""Camera and arm stamps of one clock differ in age by less: an exposure, a transfer, a conversion."""


def check_graph(topics: Sequence[Watched], graph: Graph) -> list[Finding]:
    """Return the findings of a graph that was listened to."""
    found = [_who(graph)]
    for topic in topics:
        found += check_topic(topic, graph)
    by_role = {topic.role: graph.records[topic.name] for topic in topics if topic.role != "metadata"}
    arm = by_role.get("pose") or by_role.get("joint states")
    if arm is not None and "colour" in by_role:
        found += camera_against_arm(by_role["colour"], arm)
    found += same_size(by_role)
    found += same_stamps(by_role)
    found += clock_domains(graph)
    found += transforms(graph, by_role["colour"].frame_id if "colour" in by_role else "")
    return found


def _who(graph: Graph) -> Finding:
    if not graph.nodes:
        return warn(
            "nodes",
            "no other node was found",
            "Start the drivers, and use the same ROS_DOMAIN_ID and discovery range here as there (below).",
        )
    shown = ", ".join(graph.nodes[:8]) + (f" and {len(graph.nodes) - 8} more" if len(graph.nodes) > 8 else "")
    return fine("nodes", f"{len(graph.nodes)}: {shown}")


def camera_against_arm(camera: TopicRecord, arm: TopicRecord) -> list[Finding]:
    """Whether the stamps of images and poses meet."""
    if not camera.stamps_ns or not arm.stamps_ns:
        return []
    first, last = min(arm.stamps_ns), max(arm.stamps_ns)
    stamps = np.array(camera.stamps_ns, np.int64)
    inside = int(((stamps >= first) & (stamps <= last)).sum())
    skew = float(camera.ages_s.min() - arm.ages_s.min())
    seen = (
        f"the quickest image is {abs(skew) * 1e3:.0f} ms {'older' if skew > 0 else 'younger'} than the quickest pose; "
        f"{inside} of {len(stamps)} image stamps lie within the poses received"
    )
    if inside == 0:
        return [
            error(
                "camera and arm",
                f"images and poses never meet: {seen}",
                "Bring both to one clock: chrony or PTP between computers, global_time_enabled in realsense-ros.",
            )
        ]
    if abs(skew) > MAX_SKEW_S:
        return [
            warn(
                "camera and arm",
                seen,
                "Check the clocks of camera and arm; measure what remains and set time_offset_s of the capture node.",
            )
        ]
    return [fine("camera and arm", seen)]


def same_size(records: dict[str, TopicRecord]) -> list[Finding]:
    """Whether camera_info and depth fit the colour image."""
    colour = records["colour"].size if "colour" in records else None
    if colour is None:
        return []
    remedies = {
        "camera_info": "Take the camera_info of the same stream, or restart the driver.",
        "depth": "Use the depth that is aligned to the colour image (align_depth.enable:=true).",
        "mask": "Publish masks of the size of the colour image.",
    }
    return [
        error(role, f"{role} is {size[0]}x{size[1]}, colour {colour[0]}x{colour[1]}", remedy)
        for role, remedy in remedies.items()
        if role in records and (size := records[role].size) is not None and size != colour
    ]


def same_stamps(records: dict[str, TopicRecord]) -> list[Finding]:
    """Whether the streams that the capture node joins by stamp have stamps in common."""
    roles = [role for role in ("camera_info", "depth", "mask") if role in records and records[role].stamps_ns]
    if "colour" not in records or not records["colour"].stamps_ns:
        return []
    stamps = set(records["colour"].stamps_ns)
    return [
        error(
            role,
            f"none of {len(records[role].stamps_ns)} stamps of {role} is that of one of {len(stamps)} colour images",
            "Have both published by one driver; with realsense-ros, set enable_sync:=true.",
        )
        for role in roles
        if not stamps & set(records[role].stamps_ns)
    ]


def clock_domains(graph: Graph) -> list[Finding]:
    """Which clock the camera's stamps are of, as its metadata say."""
    remedy = "Set rgb_camera.global_time_enabled and depth_module.global_time_enabled of realsense-ros to true."
    found = []
    for domain in sorted(graph.clock_domains):
        if domain == "hardware_clock":
            found.append(error("camera clock", "stamps are of the camera's own clock (hardware_clock)", remedy))
        elif domain == "system_time":
            seen = "stamps are times of arrival (system_time), later than the exposure by the transfer"
            found.append(warn("camera clock", seen, remedy))
        else:
            found.append(fine("camera clock", f"stamps are of the host's clock ({domain})"))
    return found or [fine("camera clock", "not told: no metadata came")]


def transforms(graph: Graph, camera_frame: str) -> list[Finding]:
    """Whether every frame has one parent."""
    if graph.tf_unreadable:
        return [fine("transforms", f"not looked at: {graph.tf_unreadable}")]
    if not graph.parents:
        return [fine("transforms", "no transform on /tf or /tf_static")]
    found = []
    for child, parents in sorted(graph.parents.items()):
        if len(parents) > 1:
            named = " and ".join(f"'{parent}'" for parent in sorted(parents))
            camera = child == camera_frame or child.endswith("_optical_frame")
            found.append(
                error(
                    "transforms",
                    f"frame '{child}' has {len(parents)} parents: {named}",
                    "Attach the hand-eye transform to the camera's root frame (camera_link), not to its optical frame."
                    if camera
                    else "Stop one of the publishers of this frame's transform.",
                )
            )
    return found or [fine("transforms", f"{len(graph.parents)} frames, each with one parent")]
