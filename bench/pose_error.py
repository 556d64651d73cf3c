# SPDX-License-Identifier: Apache-2.0
"""Claim: poses interpolated at mid-exposure are nearer to the truth than any matching of stamps, at every pose rate.

The arm of the simulated bench tours the viewpoints, the camera at up to 0.5 m/s. Its poses are sampled at uneven
instants with jittering stamps, and some are lost; frames carry the stamp of the end of their exposure, with jitter. No
graph, no clock and no picture: the same figures every time. Writes the table into docs/pose_error.md.

    .venv/bin/python bench/pose_error.py [--speed 0.5] [--exposure 0.008] [--viewpoints 40] [--print]
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eschernet_ros.capture import NS_PER_S, PoseBuffer, PoseGap, mid_exposure_ns, pose_error
from eschernet_ros.geometry import SE3
from eschernet_ros.simulation import ArmMotion, JointTrajectory, SimulatedBench
from eschernet_ros.simulation.noise import SensorModel

PAGE = Path(__file__).resolve().parents[1] / "docs/pose_error.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"
RATES_HZ = (30, 100, 250, 1000)
FPS = 30.0
SLOWEST = 0.05
"""Only frames count in which the camera moves at least this fast, m/s: at rest every method is right."""
POSE_JITTER_S = 0.0002
"""Standard deviation of the poses' stamps: host time of a control update under a real-time kernel, and then some."""
UNEVEN = 0.1
"""Standard deviation of the sampling instants, in periods."""
LOST = 0.005
"""Share of poses lost on a best-effort topic."""
TIME_UNCERTAINTY_S = 0.001
"""As the capture node's parameter time_uncertainty_s."""
MAX_GAP_S = 0.1


@dataclass(frozen=True)
class Frame:
    """A frame: its stamp, the true pose of the camera in the middle of its exposure, and its speed there, m/s."""

    stamp_ns: int
    truth: SE3
    speed: float


class Tour:
    """The camera's true motion through all viewpoints, at a limited speed."""

    def __init__(self, bench: SimulatedBench, viewpoints: int, speed: float) -> None:
        self._bench = bench
        self._motion = ArmMotion(bench.home)
        self._segments: list[tuple[int, JointTrajectory]] = []
        self.end_ns = NS_PER_S
        here = bench.home
        for viewpoint in bench.viewpoints(viewpoints):
            plan = bench.plan(here, viewpoint.q, max_speed=2.0)
            slowed = self._slowed(plan, speed)
            self._segments.append((self.end_ns, slowed))
            self.end_ns += round(slowed.duration_s * NS_PER_S)
            here = viewpoint.q

    def _slowed(self, plan: JointTrajectory, speed: float) -> JointTrajectory:
        """The same path, no segment faster than ``speed`` (m/s of the camera); never faster than planned."""
        points = plan.waypoints
        durations = []
        for start, end in itertools.pairwise(points):
            one = JointTrajectory.through([start, end], self._bench.config.limits, 2.0)
            times = np.linspace(0.0, one.duration_s, 200)
            places = np.array([self._bench.base_from_camera_optical(one.position(t)).translation for t in times])
            fastest = float(np.linalg.norm(np.diff(places, axis=0), axis=1).max() / (times[1] - times[0]))
            durations.append(one.duration_s * max(1.0, fastest / speed))
        return JointTrajectory(points, durations)

    def ee(self, stamp_ns: int) -> SE3:
        """True pose of the end effector."""
        start_ns, segment = next((s for s in reversed(self._segments) if s[0] <= stamp_ns), self._segments[0])
        return self._bench.base_from_ee(segment.position((stamp_ns - start_ns) / NS_PER_S))

    def camera(self, stamp_ns: int) -> SE3:
        """True pose of the camera."""
        return self.ee(stamp_ns) @ self._bench.ee_from_camera_optical


def box_pixels(bench: SimulatedBench, camera: SE3) -> np.ndarray:
    """Where a camera pose puts centre and corners of the object's box in the image [9, 2]; NaN behind the camera."""
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    points = bench.base_from_object @ (np.vstack([np.zeros(3), corners]) * bench.object_size)
    return bench.camera.project(camera.inverse() @ points)


def frames(bench: SimulatedBench, tour: Tour, exposure_s: float, rng: np.random.Generator) -> list[Frame]:
    """Frames of the whole tour, as a driver stamps them, in which the camera moves and sees the object's box."""
    taken = []
    for i in range(int(FPS * (tour.end_ns / NS_PER_S - 2.0))):
        middle_ns = NS_PER_S + round((i + rng.uniform()) / FPS * NS_PER_S)
        step_ns = 1_000_000
        metres, _ = tour.camera(middle_ns - step_ns).distance_to(tour.camera(middle_ns + step_ns))
        speed = metres * NS_PER_S / (2 * step_ns)
        if speed < SLOWEST:
            continue
        if not bench.camera.contains(box_pixels(bench, tour.camera(middle_ns))).all():
            continue
        stamp_ns = middle_ns + round(exposure_s / 2 * NS_PER_S + rng.normal(0.0, SensorModel().stamp_jitter_ns))
        taken.append(Frame(stamp_ns, tour.camera(middle_ns), speed))
    return taken


def pose_stream(tour: Tour, rate_hz: int, rng: np.random.Generator) -> tuple[PoseBuffer, np.ndarray]:
    """Poses as a robot publishes them, in a buffer, and their stamps."""
    buffer = PoseBuffer(horizon_s=1e4)
    period_ns = NS_PER_S / rate_hz
    samples: dict[int, SE3] = {}
    for i in range(int(tour.end_ns / period_ns) + 2):
        taken_ns = round((i + UNEVEN * float(np.clip(rng.standard_normal(), -3, 3))) * period_ns)
        if rng.uniform() >= LOST:
            samples[max(0, taken_ns + round(rng.normal(0.0, POSE_JITTER_S * NS_PER_S)))] = tour.ee(max(0, taken_ns))
    for stamp_ns in sorted(samples):
        buffer.add(stamp_ns, samples[stamp_ns])
    return buffer, np.array(sorted(samples))


def errors(bench: SimulatedBench, taken: list[Frame], estimate: Callable[[Frame], SE3]) -> np.ndarray:
    """Return errors [N, 3] in mm, deg and px of a method."""
    rows = []
    for frame in taken:
        camera = estimate(frame) @ bench.ee_from_camera_optical
        metres, radians = camera.distance_to(frame.truth)
        shift = np.linalg.norm(box_pixels(bench, camera) - box_pixels(bench, frame.truth), axis=1).max()
        rows.append((metres * 1e3, np.degrees(radians), shift))
    return np.array(rows)


def estimated(bench: SimulatedBench, taken: list[Frame], poses: PoseBuffer, exposure_s: float) -> np.ndarray:
    """Return the error estimates [N, 3] of the interpolated poses, in mm, deg and px."""
    rows = []
    for frame in taken:
        sample = poses.lookup(mid_exposure_ns(frame.stamp_ns, exposure_s), MAX_GAP_S)
        error = pose_error(
            poses,
            sample,
            bench.ee_from_camera_optical,
            bench.camera,
            bench.object_frame,
            exposure_s,
            TIME_UNCERTAINTY_S,
        )
        rows.append((error.position_m * 1e3, np.degrees(error.rotation_rad), error.pixels))
    return np.array(rows)


def methods(poses: PoseBuffer, stamps: np.ndarray, exposure_s: float) -> dict[str, Callable[[Frame], SE3]]:
    """Return the ways from a frame to a pose of the end effector, by name; ours first."""

    def middle(frame: Frame) -> int:
        return mid_exposure_ns(frame.stamp_ns, exposure_s)

    def interpolated(stamp_ns: int) -> SE3:
        return poses.lookup(stamp_ns, MAX_GAP_S).pose

    def nearest(stamp_ns: int) -> SE3:
        return poses.lookup(int(stamps[np.abs(stamps - stamp_ns).argmin()]), MAX_GAP_S).pose

    return {
        "**interpolated at mid-exposure**": lambda frame: interpolated(middle(frame)),
        "nearest pose to mid-exposure": lambda frame: nearest(middle(frame)),
        "interpolated at the image's stamp": lambda frame: interpolated(frame.stamp_ns),
        "nearest pose to the image's stamp": lambda frame: nearest(frame.stamp_ns),
    }


def table(tour: Tour, bench: SimulatedBench, exposure_s: float) -> str:
    """Measure everything and return it as Markdown."""
    taken = frames(bench, tour, exposure_s, np.random.default_rng(0))
    speeds = np.array([frame.speed for frame in taken])
    lines = [
        f"{len(taken)} frames of {exposure_s * 1e3:g} ms exposure that show the object's whole box, taken while the "
        f"camera moved at {speeds.min():.2f} to {speeds.max():.2f} m/s (median {np.median(speeds):.2f}). "
        "Median / 99th percentile:",
        "",
        "| poses | method | error, mm | error, deg | error, px | estimate, px | errors within the estimate |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    refused = {}
    for rate_hz in RATES_HZ:
        poses, stamps = pose_stream(tour, rate_hz, np.random.default_rng(rate_hz))
        usable = [frame for frame in taken if is_usable(frame, poses, exposure_s)]
        refused[rate_hz] = len(taken) - len(usable)
        for name, method in methods(poses, stamps, exposure_s).items():
            found = errors(bench, usable, method)
            cells = [cell(found[:, i], digits) for i, digits in enumerate((2, 3, 2))]
            if name.startswith("**"):
                bound = estimated(bench, usable, poses, exposure_s)
                cells += [cell(bound[:, 2], 2), f"{(found <= bound).all(axis=1).mean():.1%}"]
            else:
                cells += ["", ""]
            lines.append(f"| {rate_hz} Hz | {name} | {' | '.join(cells)} |")
    counts = ", ".join(f"{count} at {rate_hz} Hz" for rate_hz, count in refused.items())
    lines += ["", f"Frames refused because poses around them were more than {MAX_GAP_S * 1e3:g} ms apart: {counts}."]
    return "\n".join(lines) + "\n"


def is_usable(frame: Frame, poses: PoseBuffer, exposure_s: float) -> bool:
    """Whether there are poses near enough for every method; capture refuses the frame otherwise."""
    try:
        poses.lookup(mid_exposure_ns(frame.stamp_ns, exposure_s), MAX_GAP_S)
        poses.lookup(frame.stamp_ns, MAX_GAP_S)
    except PoseGap:
        return False
    return True


def cell(values: np.ndarray, digits: int) -> str:
    """Return median and 99th percentile."""
    return f"{np.median(values):.{digits}f} / {np.percentile(values, 99):.{digits}f}"


def main() -> None:
    """Measure, and write the page or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=0.5, help="fastest the camera moves, m/s")
    parser.add_argument("--exposure", type=float, default=0.008, help="exposure time, s")
    parser.add_argument("--viewpoints", type=int, default=40)
    parser.add_argument("--print", action="store_true", help="print the table instead of writing the page")
    options = parser.parse_args()
    bench = SimulatedBench()
    figures = table(Tour(bench, options.viewpoints, options.speed), bench, options.exposure)
    if options.print:
        print(figures)
        return
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE} lacks the markers {BEGIN.strip()} and {END.strip()}")
    PAGE.write_text(f"{before}{BEGIN}{figures}{END}{after}")
    print(figures)


if __name__ == "__main__":
    main()
