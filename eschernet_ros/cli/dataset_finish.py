# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros dataset finish``: make the pictures that a continuous recording left for later."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from eschernet_ros.capture.mask_method import MASK_METHODS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="an object's folder")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="threads (default: one per core)")
    parser.add_argument("--mask-method", choices=MASK_METHODS, help="how masks are made (default: as recorded)")
    parser.add_argument("--mask-model", default="", metavar="FILE", help="ONNX segmentation model, for onnx")


def run(arguments: argparse.Namespace) -> int:
    """Finish the recording, with progress; what was finished stays when this is interrupted."""
    from tqdm import tqdm

    from eschernet_ros.capture.mask_method import ObjectMasker
    from eschernet_ros.datasets import DatasetError
    from eschernet_ros.recording import finish_recording

    if arguments.jobs < 1:
        raise DatasetError(f"--jobs is {arguments.jobs}; at least 1 thread is needed.")
    masker = None
    if arguments.mask_method or arguments.mask_model:
        masker = ObjectMasker.from_names(arguments.mask_method or "onnx", arguments.mask_model)
    with tqdm(unit="frame", desc="finishing") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = finish_recording(arguments.folder, masker=masker, jobs=arguments.jobs, on_progress=progress)
    print(f"{arguments.folder}: {report.made} frames finished, {report.frames} in all.")
    for warning, number in sorted(report.warnings.items(), key=lambda item: -item[1]):
        print(f"  {number} x {warning}")
    return 0
