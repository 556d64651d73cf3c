# SPDX-License-Identifier: Apache-2.0
"""Taking calibration samples live: a sentence after each, keys at the terminal, everything kept in a folder."""

from __future__ import annotations

import argparse
import select
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import rclpy
from PIL import Image
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from eschernet_ros.calibration.board import parse_board
from eschernet_ros.calibration.result_file import CameraRoot
from eschernet_ros.calibration.sample_folder import SAMPLES_FILE, Entry, SampleFolder, with_entries, write_samples
from eschernet_ros.calibration.sample_taker import Taken
from eschernet_ros.capture.camera_infos import INFO_OF_ANOTHER
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3
from eschernet_ros.nodes.camera_root import root_frame_of
from eschernet_ros.nodes.hand_eye_sampling import HandEyeSamplingNode, SamplingOptions

_SILENT_AFTER_S = 5.0
_ROOT_WAIT_S = 2.0
_LAST_ANSWER_S = 0.5
"""The answer to the service call that took the last sample goes out before the node ends."""


class _Session:
    """What is taken goes to the folder at once, so that nothing is lost when the program ends."""

    def __init__(self, arguments: argparse.Namespace, flange_from_ee: SE3) -> None:
        self.folder = Path(arguments.live)
        self._arguments = arguments
        self._flange_from_ee = flange_from_ee
        self._entries: list[Entry] = []
        self.result: SampleFolder | None = None
        self.node: HandEyeSamplingNode | None = None
        self.failure: Exception | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def on_sample(self, taken: Taken) -> None:
        """Write picture and list."""
        assert self.node is not None
        path = self.folder / f"{taken.sample.name}.png"
        try:
            Image.fromarray(taken.picture).save(path)
            self._entries.append(Entry(taken.sample.name, taken.sample.base_from_flange, True, picture=path))
            self.result = SampleFolder(
                folder=self.folder,
                layout="samples",
                camera=taken.camera,
                entries=tuple(self._entries),
                eye_in_hand=not self._arguments.eye_to_hand,
                board=self._arguments.board,
                flange_from_ee=self._flange_from_ee,
                base_frame=self.node.base_frame,
                camera_frame=self.node.camera_frame,
            )
            write_samples(self.result)
        except (OSError, EscherNetError) as error:
            self.failure = error
            return
        print(f"{taken.sample.name}: {len(taken.sample.view.ids)} corners, {taken.sample.view.rms_px:.2f} px. ", end="")
        print(f"{taken.guidance}", flush=True)

    def on_refusal(self, sentence: str) -> None:
        """Say why a place gives no sample."""
        print(f"no sample here: {sentence}", flush=True)

    def drop_last(self, name: str) -> None:
        """Take the last sample out of the list; its picture stays."""
        self._entries = [entry for entry in self._entries if entry.name != name]
        if self.result is not None:
            self.result = with_entries(self.result, tuple(self._entries))
            write_samples(self.result)


def take_samples(arguments: argparse.Namespace) -> tuple[SampleFolder, CameraRoot | None]:
    """Take samples until ``q``, the end of input, or ``--samples``; returns them and the camera's root frame by TF.

    Raises:
        EscherNetError: no board or F_T_EE given, a folder that holds samples, or no sample taken.
    """
    if arguments.board is None:
        raise EscherNetError("live calibration needs --board")
    if arguments.flange_from_ee is None:
        raise EscherNetError(
            "live calibration needs --flange-from-ee: hand for the Franka hand, none when the pose topic tells of the "
            "flange, or F_T_EE as set on the controller"
        )
    if (arguments.live / SAMPLES_FILE).exists():
        raise EscherNetError(
            f"{arguments.live} holds samples already: choose another folder, or calibrate from it without --live"
        )
    arguments.live.mkdir(parents=True, exist_ok=True)
    session = _Session(arguments, arguments.flange_from_ee)
    options = SamplingOptions(
        board=parse_board(arguments.board),
        eye_in_hand=not arguments.eye_to_hand,
        ee_from_flange=arguments.flange_from_ee.inverse(),
        auto=not arguments.manual,
        colour_topic=arguments.colour_topic,
        camera_info_topic=arguments.camera_info_topic,
        pose_topic=arguments.pose_topic,
    )
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = session.node = HandEyeSamplingNode(options, session.on_sample, session.on_refusal, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    ended = threading.Event()

    def spin() -> None:
        try:
            while not ended.is_set():
                executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            pass

    thread = threading.Thread(target=spin, name="spin", daemon=True)
    thread.start()
    try:
        _converse(node, session, arguments)
        root = _root(node, session, arguments)
    finally:
        node.close()
        ended.set()
        thread.join()
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
    if session.failure is not None:
        raise EscherNetError(f"a sample could not be kept: {session.failure}")
    if session.result is None or not len(session):
        silent = node.silent_at_end
        raise EscherNetError(f"no sample was taken{f': {silent}' if silent else ''}")
    if others := node.infos.counts[INFO_OF_ANOTHER]:
        print(f"{INFO_OF_ANOTHER}: {others} (their own was lost or late)", flush=True)
    return session.result, root


def _converse(node: HandEyeSamplingNode, session: _Session, arguments: argparse.Namespace) -> None:
    """Until the user or the number of samples ends it."""
    how = "Enter takes one" if arguments.manual else "one is taken whenever the arm rests at a new place, or on Enter"
    print(f"taking samples: {how}; u takes the last one back, q (or Ctrl-D) calibrates", flush=True)
    reading = True
    waiting: Future[str] | None = None
    alive, told = time.monotonic(), ""
    while arguments.samples is None or len(session) < arguments.samples:
        if session.failure is not None:
            return
        ready = select.select([sys.stdin], [], [], 0.2)[0] if reading else []
        if not reading:
            threading.Event().wait(0.2)
        if ready:
            line = sys.stdin.readline()
            word = line.strip().lower()
            if not line and arguments.samples is not None:
                reading = False  # no terminal: go on until there are enough
            elif not line or word == "q":
                break
            elif word == "u":
                name = node.taker.drop_last()
                if name is not None:
                    session.drop_last(name)
                print(f"sample {name} taken back" if name else "there is no sample to take back", flush=True)
            elif word == "":
                waiting = node.request()
        if waiting is not None and waiting.done():
            if (error := waiting.exception()) is not None:
                print(error, flush=True)
            waiting = None
        silent = node.silent()
        if not silent:
            alive = time.monotonic()
        elif time.monotonic() - alive > _SILENT_AFTER_S and silent.split(":")[0] != told:
            print(f"waiting: {silent}", flush=True)
            told = silent.split(":")[0]
    node.silent_at_end = node.silent()
    time.sleep(_LAST_ANSWER_S)


def _root(node: HandEyeSamplingNode, session: _Session, arguments: argparse.Namespace) -> CameraRoot | None:
    """The camera's root frame by TF; None, said why, when TF does not know it."""
    if arguments.camera_root_from_optical is not None or session.result is None:
        return None
    optical = arguments.camera_frame or session.result.camera_frame
    root = arguments.camera_root_frame
    if root == "camera_link" and root_frame_of(optical):
        root = root_frame_of(optical)
    found = node.camera_root.wait(root, optical, _ROOT_WAIT_S)
    if found is None:
        why = node.camera_root.missing or f"TF does not know '{optical}' in '{root}'"
        print(f"the camera's root frame is left out of the files: {why}", flush=True)
        return None
    return CameraRoot(root, found, "TF")
