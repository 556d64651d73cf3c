# SPDX-License-Identifier: Apache-2.0
"""Two runs against each other: the page and the terminal's table."""

from __future__ import annotations

import dataclasses

import pytest
from made_evaluation import made_evaluation, with_lift

from eschernet_ros.evaluation.report.comparison_page import read_runs, write_comparison
from eschernet_ros.evaluation.report.comparison_text import comparison_text
from eschernet_ros.evaluation.results_file import write_results

HOSTILE = "<img src=x>"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = []
    for name, lift in (("old", (0.0, 0.0)), ("new", (0.5, -0.2))):
        folder = tmp_path_factory.mktemp(name) / name
        counts = (1, 3) if name == "old" else (1, 3, 5)
        evaluation = with_lift(made_evaluation(folder, objects=("mug", HOSTILE), counts=counts, side=16), lift)
        model = dataclasses.replace(evaluation.model, steps=10 if name == "old" else 20)
        write_results(folder, dataclasses.replace(evaluation, model=model))
        made.append(folder)
    return read_runs(*made)


@pytest.fixture(scope="module")
def comparison(runs, tmp_path_factory):
    return write_comparison(*runs, tmp_path_factory.mktemp("page") / "sub" / "comparison.html")


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory, read):
    path = tmp_path_factory.mktemp("page") / "comparison.html"
    write_comparison(*runs, path)
    return read(path.read_text(encoding="utf-8"))


def rows(page, label):
    found = next(node for node in page.all("table") if node.attributes.get("aria-label") == label)
    return [[cell.text for cell in row.children] for row in found.all("tbody")[0].all("tr")]


def test_differences_and_counts_of_signs(page):
    foreground = [row for row in rows(page, "B less A") if row[0] == "PSNR, object only ↑"]
    assert foreground == [
        ["PSNR, object only ↑", count, "+0.15", "−0.20 to 0.50", "14", "0", "14", "28", "2"] for count in ("1", "3")
    ]
    assert rows(page, "PSNR, object only, B − A, by object") == [["mug", "+0.50", "+0.50"], [HOSTILE, "−0.20", "−0.20"]]


def test_what_is_missing_and_what_differs_is_said(page):
    (banner,) = page.all("div", "warnings")
    assert banner.all("p")[0].text == (
        "Only B has, of objects that both have: 5 references with seed 0, 5 references with seed 1."
    )
    settings = rows(page, "Settings that differ")
    assert ["model: steps", "10", "20"] in settings
    assert ["protocol: counts", "1, 3", "1, 3, 5"] in settings
    assert "model: name" not in {row[0] for row in settings}


def test_gains_and_losses_are_shown_with_both_errors(page):
    found = page.all("div", "row")
    assert [row.all("b")[0].text for row in found] == ["mug"] * 6 + [HOSTILE] * 6
    assert [row.all("b")[1].text for row in found] == ["+0.50"] * 6 + ["−0.20"] * 6
    captions = [caption.text.split()[0] for caption in found[0].all("figcaption")]
    assert captions == ["true", "A", "error", "B", "error"]
    assert all(picture["alt"] and picture["src"].startswith("data:image/") for picture in page.all("img"))


def test_pairs_that_differ_most_come_first(page):
    found = rows(page, "Every view")
    assert len(found) == 56
    assert [row[0] for row in found] == ["mug"] * 28 + [HOSTILE] * 28
    one, two, difference = (float(cell.replace("−", "-")) for cell in found[0][-3:])
    assert two - one == pytest.approx(difference) == pytest.approx(0.5)


def test_the_terminals_table(comparison, runs):
    lines = comparison_text(comparison, runs[0].label, runs[1].label).splitlines()
    assert lines[0] == "A: old (tiny-6dof)"
    assert lines[1] == "B: new (tiny-6dof)"
    assert " ".join(lines[2].split()) == "metric references B - A 95 % interval better equal worse views objects"
    assert " ".join(lines[-2].split()) == "PSNR, object only dB ↑ 3 +0.15 −0.20 to 0.50 14 0 14 28 2"
    assert lines[-1].startswith("missing: Only B has")
    assert len({len(line) for line in lines[2:9]}) == 1  # the columns are aligned
