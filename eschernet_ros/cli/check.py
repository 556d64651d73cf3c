# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros check``: do the poses of a recording, or of the live graph, fit its pictures?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from eschernet_ros.checking.audit import RecordingFacts
from eschernet_ros.checking.judge import Limits, judge
from eschernet_ros.checking.recording import CheckRecording
from eschernet_ros.cli.stream_options import add_stream_options, settings_of
from eschernet_ros.datasets import layouts
from eschernet_ros.errors import EscherNetError

EXIT_CODES = {"pass": 0, "suspicious": 1, "bad": 1, "cannot judge": 3}
"""Verdict -> exit code; 2 is an error of the command itself."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "source",
        type=Path,
        nargs="?",
        metavar="SOURCE",
        help="a data set folder, a folder with cam.info.txt, or a bag; none with --live",
    )
    parser.add_argument("--live", action="store_true", help="listen to the running graph instead")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long --live listens (default: %(default)s)")
    parser.add_argument("--layout", choices=list(layouts()), help="layout of a data set folder (default: found out)")
    parser.add_argument("--object", metavar="NAME", help="which object of a collection")
    parser.add_argument(
        "--frames", type=int, default=24, metavar="N", help="most frames that are looked at (default: %(default)s)"
    )
    parser.add_argument(
        "--earlier", type=Path, action="append", default=[], metavar="BAG", help="compare F_T_EE with this bag's"
    )
    parser.add_argument(
        "--max-calibration-age",
        type=float,
        default=Limits.max_calibration_age_days,
        metavar="DAYS",
        help="an older calibration file is stale (default: %(default)s)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder to write to (default: check/NAME)")
    add_stream_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read, judge, write and print; the exit code tells the verdict (0 pass, 1 suspicious or bad, 3 cannot judge)."""
    from eschernet_ros.checking.picture import save_check_picture
    from eschernet_ros.checking.report import as_dict, as_text

    if arguments.frames < 2:
        raise EscherNetError(f"--frames must be at least 2, it is {arguments.frames}")
    recording, facts = _read(arguments, show_progress)
    limits = Limits(max_calibration_age_days=arguments.max_calibration_age)
    judgement = judge(recording, facts, limits, show_progress)
    output = arguments.output or Path("check") / recording.name
    output.mkdir(parents=True, exist_ok=True)
    (output / "check.json").write_text(json.dumps(as_dict(judgement), indent=1) + "\n", encoding="utf-8")
    save_check_picture(output / "check.png", judgement)
    print(as_text(judgement))
    print(f"written: {output / 'check.png'}, {output / 'check.json'}")
    return EXIT_CODES[judgement.verdict]


def show_progress(text: str) -> None:
    """Say on the terminal's error stream what is being done."""
    print(f"... {text}", file=sys.stderr)


def _read(
    arguments: argparse.Namespace, progress: Callable[[str], None]
) -> tuple[CheckRecording, RecordingFacts | None]:
    """The recording of whatever the source is."""
    from eschernet_ros.bags import is_bag
    from eschernet_ros.checking.from_dataset import dataset_recording
    from eschernet_ros.checking.rgbd_folder import is_rgbd_folder, rgbd_recording
    from eschernet_ros.checking.streams import bag_recording, end_effector_of

    source: Path | None = arguments.source
    if arguments.live == (source is not None):
        raise EscherNetError("give either a SOURCE or --live")
    if source is not None and is_rgbd_folder(source):
        return rgbd_recording(source, arguments.frames), None
    if source is not None and not is_bag(source):
        return dataset_recording(source, arguments.layout, arguments.object, arguments.frames), None
    settings = settings_of(arguments)
    if source is None:
        from eschernet_ros.nodes.check_streams import live_recording

        progress(f"listening for {arguments.seconds:g} s: move the arm around the object meanwhile")
        recording, facts = live_recording(settings, arguments.seconds, arguments.frames)
    else:
        progress(f"reading {source}")
        recording, facts = bag_recording(source, settings, arguments.frames)
    earlier = [(str(path), end_effector_of(path, settings)) for path in arguments.earlier]
    known = tuple((name, ee) for name, ee in earlier if ee is not None)
    return recording, replace(facts, earlier_ee=known)
