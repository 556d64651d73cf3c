# SPDX-License-Identifier: Apache-2.0
"""The report of one evaluation as one HTML file."""

from __future__ import annotations

from pathlib import Path

from eschernet_ros.datasets.atomic_files import write_atomically
from eschernet_ros.evaluation.report.about import about, subtitle, warnings
from eschernet_ros.evaluation.report.choice import main_metric, shown_references
from eschernet_ros.evaluation.report.curves import angle_curves, reference_curves
from eschernet_ros.evaluation.report.layout import Section, page
from eschernet_ros.evaluation.report.markup import Markup, element, join
from eschernet_ros.evaluation.report.objects import Sheets, object_sheets
from eschernet_ros.evaluation.report.pictures import ENCODINGS, PictureShelf
from eschernet_ros.evaluation.report.robustness import consistency_table, pose_table
from eschernet_ros.evaluation.report.summary_tables import summary_tables
from eschernet_ros.evaluation.report.views_table import object_table, views_table
from eschernet_ros.evaluation.report.words import count_text
from eschernet_ros.evaluation.results import Evaluation
from eschernet_ros.evaluation.results_file import read_results

REPORT_FILE = "report.html"
MOST_OBJECTS, MOST_ROWS, MOST_PICTURE_BYTES = 40, 4000, 16_000_000


def write_report(
    results: Path,
    output: Path | None = None,
    references: int | None = None,
    most_objects: int = MOST_OBJECTS,
    most_rows: int = MOST_ROWS,
    most_bytes: int = MOST_PICTURE_BYTES,
) -> Path:
    """Write the page of a folder of results.

    Args:
        results: the folder, or its ``results.json``.
        output: the file to write; None: ``report.html`` in that folder.
        references: number of references at which pictures are shown; None: 3, or else the middle one.
        most_objects: so many objects get pictures.
        most_rows: so many rows the table of views gets.
        most_bytes: pictures are made smaller and coarser, down to 96 pixels, until they take no more than this.

    Returns:
        The file's path.

    Raises:
        EscherNetError: no results, damaged ones, or this number of references was not evaluated.
        DatasetWriteError: the file cannot be written.
    """
    evaluation = read_results(results)
    folder = results if results.is_dir() else results.parent
    path = output or folder / REPORT_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    content = evaluation_page(evaluation, folder, references, most_objects, most_rows, most_bytes)
    write_atomically(path, content.encode("utf-8"))
    return path


def evaluation_page(
    evaluation: Evaluation,
    folder: Path,
    references: int | None = None,
    most_objects: int = MOST_OBJECTS,
    most_rows: int = MOST_ROWS,
    most_bytes: int = MOST_PICTURE_BYTES,
) -> str:
    """The document; arguments as of :func:`write_report`."""
    metric = main_metric(evaluation.configuration)
    curves = join([reference_curves(evaluation), angle_curves(evaluation, metric) if metric else None])
    sections = [
        Section("summary", "Summary", summary_tables(evaluation)),
        Section("curves", "Curves", curves),
        Section("poses", "Pose and consistency", join([pose_table(evaluation), consistency_table(evaluation)])),
    ]
    if any(evaluation.cases()):
        shown = shown_references(evaluation, references)
        objects = _objects(evaluation, folder, shown, most_objects, most_bytes)
        sections.append(Section("objects", "Objects", join([object_table(evaluation, shown), objects])))
        sections.append(Section("every-view", "Every view", views_table(evaluation, most_rows)))
    sections.append(Section("about", "About this run", about(evaluation)))
    title = f"{evaluation.configuration.title}: {evaluation.model.name}"
    return page(title, subtitle(evaluation), warnings(evaluation), sections)


def _objects(evaluation: Evaluation, folder: Path, references: int, most: int, most_bytes: int) -> Markup:
    """The sheets, in the finest encoding in which their pictures fit."""
    for encoding in ENCODINGS:
        shelf = PictureShelf(folder, encoding)
        sheets = object_sheets(evaluation, shelf, references, most)
        if shelf.total_bytes <= most_bytes:
            break
    return join([_notes(sheets, shelf), sheets.markup])


def _notes(sheets: Sheets, shelf: PictureShelf) -> Markup:
    """What the sheets do not show."""
    notes = []
    if sheets.left_out:
        every = len(sheets.shown) + sheets.left_out
        notes.append(
            f"{len(sheets.shown)} of {every} objects are shown, evenly spaced from the worst to the best; the pictures "
            "of the others are in the folder of the results."
        )
    if shelf.missing:
        name, reason = next(iter(shelf.missing.items()))
        notes.append(f"{count_text(len(shelf.missing), 'picture')} could not be read, the first {name}: {reason}.")
    return join([element("p", note, class_="note") for note in notes])
