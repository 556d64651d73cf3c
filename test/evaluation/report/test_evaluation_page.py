# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation, read as HTML."""

from __future__ import annotations

import dataclasses
import re

import pytest
from made_evaluation import METHODS, made_evaluation

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.report.evaluation_page import evaluation_page, write_report
from eschernet_ros.evaluation.report.views_table import choose_rows
from eschernet_ros.evaluation.results import MODEL
from eschernet_ros.evaluation.results_file import read_results

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def text(results) -> str:
    return write_report(results).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text, read):
    return read(text)


def table(page, label):
    return next(node for node in page.all("table") if node.attributes.get("aria-label") == label)


def body(table):
    """Rows of a table's body as texts."""
    return [[cell.text for cell in row.children] for row in table.all("tbody")[0].all("tr")]


def test_nothing_is_asked_of_the_network(page, text):
    addresses = [
        node.attributes[name]
        for kind in ("img", "script", "link", "a", "iframe", "image", "use")
        for node in page.all(kind)
        for name in ("src", "href", "xlink:href")
        if name in node.attributes
    ]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"url\(|@import", text)
    (policy,) = [
        node["content"] for node in page.all("meta") if node.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")


def test_hostile_names_are_words(page):
    assert len(page.all("script")) == 1
    assert "Sorting and filtering" in page.all("script")[0].text
    assert HOSTILE in [node.text for node in page.all("h3")]
    assert HOSTILE in [row[0] for row in body(table(page, "PSNR, object only by object"))]


def test_every_picture_says_what_it_shows(page):
    pictures = page.all("img")
    # three objects: 3 references, and 3 views of truth, error and 3 methods
    assert len(pictures) == 3 * (3 + 3 * (2 + len(METHODS)))
    assert all(picture["alt"] for picture in pictures)
    assert sum(picture["alt"] == "mug: reference 1" for picture in pictures) == 1


def test_links_lead_to_sections(page):
    targets = {node["id"] for node in page.all("section")}
    links = [node["href"] for node in page.all("nav")[0].all("a")]
    assert links == ["#summary", "#curves", "#poses", "#objects", "#every-view", "#about"]
    assert {link[1:] for link in links} == targets


def test_the_summary_holds_means_intervals_and_published_numbers(page):
    rows = body(table(page, "PSNR by method and number of references"))
    assert [row[0] for row in rows] == [*METHODS, "EscherNet 6DoF, published", "ours less EscherNet 6DoF"]
    # 12 + object (0, 1, 2) + n / 2 + seed (0, 0.25) / 1 - target / 2 (0 to 3) + 6: at 1 reference 18.125 in the mean
    assert rows[0][1] == "18.12 17.12 to 19.12"
    assert rows[0][3] == "19.12 18.12 to 20.12"
    assert rows[1][1] == "16.12 15.12 to 17.12"
    assert rows[3] == ["EscherNet 6DoF, published", "20.89", "23.92", "25.21", "–"]
    assert rows[4] == ["ours less EscherNet 6DoF", "−2.89", "–", "−6.21", "–"]
    best = [cell.text for cell in table(page, "PSNR by method and number of references").all("td", "best")]
    assert best == [rows[0][1], rows[0][3], rows[0][4]]


def test_means_of_every_object(page):
    rows = body(table(page, "PSNR, object only by object"))
    # 12 + object + n / 2 + 0.125 - 1.5 for the model; 2 and 1 less at 3 references for the others
    assert rows[0] == ["mug", "11.12", "12.12", "13.12", "10.12", "11.12"]
    assert rows[2] == ["kettle & lid", "13.12", "14.12", "15.12", "12.12", "13.12"]


def test_best_median_and_worst_are_those(page):
    rows = [node for node in page.all("div", "row") if any("mug" in picture["alt"] for picture in node.all("img"))]
    # seven targets 100 to 106 lose half a dB each; at 3 references, seed 0: 13.5 dB down to 10.5
    words = [(row.all("b")[0].text, row.children[0].text, row.all("figcaption")[1].text) for row in rows]
    assert [(kind, text.split(",")[0]) for kind, text, _ in words] == [
        ("best", "view 100"),
        ("median", "view 103"),
        ("worst", "view 106"),
    ]
    assert [caption for _, _, caption in words] == ["model 13.50 dB", "model 12.00 dB", "model 10.50 dB"]


def test_the_table_of_views_holds_every_row(page):
    rows = table(page, "Every view's numbers").all("tbody")[0].all("tr")
    assert len(rows) == 3 * 3 * 2 * 7 * 3  # objects, counts, seeds, targets, methods
    cells = [cell.text for cell in rows[0].children]
    assert cells == ["mug", "1", "0", "100", "model", "yes", "4.0", "18.50", "0.370", "12.50"]
    assert {row["data-object"] for row in rows} == {"mug", HOSTILE, "kettle & lid"}


def test_pose_and_consistency(page):
    # at 30 degrees 11 + ... - 1.5 + n / 2 against 12 + ... - 1.5 + n / 2
    assert body(table(page, "Loss at wrong poses")) == [["azimuth +30°", *["−1.00 −1.00 to −1.00"] * 3]]
    rows = body(table(page, "Consistency"))
    assert [row[0] for row in rows] == [MODEL, "the true views"]
    assert rows[0][1] == "1.50 70% within 2 px 60% matched"


def test_settings_versions_and_times(page):
    assert ["rule", "Some views are references, all others are scored."] in body(table(page, "Settings"))
    assert ["torch", "2.13.0"] in body(table(page, "Versions"))
    assert body(table(page, "Seconds by stage"))[0] == ["synthesis", "6", "12", "2", "3.5"]
    # 18 cases of 7 views and 2 s
    assert body(table(page, "Seconds by method"))[0] == [MODEL, "126", "36", "0.286"]
    assert '"note": "</script><b>"' in page.all("pre")[0].text


def test_warnings_stand_at_the_top(results, read):
    evaluation = read_results(results)
    model = dataclasses.replace(evaluation.model, trained=False, notice="Licensed for academic use.")
    mug = dataclasses.replace(evaluation.objects[0], warnings=("Three masks are empty.",))
    warned = dataclasses.replace(
        evaluation, model=model, shard="2/8", notes=("One GPU failed.",), objects=(mug, *evaluation.objects[1:])
    )
    (banner,) = read(evaluation_page(warned, results)).all("div", "warnings")
    sentences = [node.text for node in banner.all("p")]
    assert sentences[0] == "The checkpoint tiny-6dof is untrained: its pictures are noise, and so are its numbers."
    assert sentences[1] == "Licensed for academic use."
    assert sentences[2].startswith("This is part 2/8 of the objects only")
    assert sentences[3:] == [
        "LPIPS was not measured: its weights are not installed.",
        "One GPU failed.",
        "mug: Three masks are empty.",
    ]


def test_without_true_pictures_the_views_are_shown_all_the_same(tmp_path, read):
    evaluation = made_evaluation(tmp_path, objects=("mug",), counts=(1,), seeds=(0,), side=8)
    each = evaluation.objects[0]
    views = tuple(dataclasses.replace(view, metrics={}, scored=False) for view in each.cases[0].views)
    targets = tuple(dataclasses.replace(target, image=None) for target in each.targets)
    case = dataclasses.replace(each.cases[0], views=views, poses=(), consistency=())
    bare = dataclasses.replace(
        evaluation,
        configuration=dataclasses.replace(evaluation.configuration, metrics=()),
        objects=(dataclasses.replace(each, cases=(case,), targets=targets),),
        summaries=(),
        published=(),
    )
    page = read(evaluation_page(bare, tmp_path))
    assert "there is nothing to score" in page.all("section")[0].text
    assert [node["href"] for node in page.all("nav")[0].all("a")] == ["#summary", "#objects", "#every-view", "#about"]
    assert [picture["alt"] for picture in page.all("img")][1:] == [f"mug: the model's view {100 + i}" for i in range(7)]


def test_the_page_is_bounded(results, read):
    evaluation = read_results(results)
    page = read(evaluation_page(evaluation, results, most_objects=2, most_rows=30))
    assert {picture["alt"].split(":")[0].split(",")[0] for picture in page.all("img")} == {"mug", "kettle & lid"}
    assert "2 of 3 objects are shown" in page.text
    rows = table(page, "Every view's numbers").all("tbody")[0].all("tr")
    assert len(rows) == 30
    assert {row["data-method"] for row in rows} == {MODEL}
    worst = sorted(
        view.metrics["psnr_foreground"] for _, case in evaluation.cases() for view in case.views if view.method == MODEL
    )
    assert [float(row.children[-1].text) for row in rows] == [round(value, 2) for value in worst[:30]]
    entries = [(each, case, view) for each, case in evaluation.cases() for view in case.views]
    rows, sentence = choose_rows(entries, None, 5)
    assert [entry[2] for entry in rows] == [entry[2] for entry in entries if entry[2].method == MODEL][:5]
    assert sentence == "The model's first 5 rows, of 378 in all; views.csv holds every one."
    few = read(evaluation_page(evaluation, results, most_rows=200))
    assert len(table(few, "Every view's numbers").all("tbody")[0].all("tr")) == 126  # the model's


def test_pictures_get_coarser_until_they_fit(tmp_path):
    evaluation = made_evaluation(tmp_path, objects=("mug",), counts=(1,), seeds=(0,), side=200)
    fine = evaluation_page(evaluation, tmp_path)
    small = evaluation_page(evaluation, tmp_path, most_bytes=40_000)
    assert (
        sum(map(len, re.findall(r"data:image[^\"]*", small)))
        <= 40_000
        < sum(map(len, re.findall(r"data:image[^\"]*", fine)))
    )


def test_a_missing_picture_is_named(tmp_path, read):
    evaluation = made_evaluation(tmp_path, objects=("mug",), counts=(1,), seeds=(0,), side=8)
    (tmp_path / "images/object_0/view_0.png").unlink()
    page = read(evaluation_page(evaluation, tmp_path))
    notes = [node.text for node in page.all("p", "note")]
    assert any(note.startswith("1 picture could not be read, the first images/object_0/view_0.png:") for note in notes)
    assert "not kept" in notes


def test_another_number_of_references_can_be_shown(results, read):
    evaluation = read_results(results)
    page = read(evaluation_page(evaluation, results, references=5))
    assert sum(picture["alt"].startswith("mug: reference") for picture in page.all("img")) == 5
    with pytest.raises(EscherNetError, match="no results for 4 references; there are for 1, 3, 5"):
        evaluation_page(evaluation, results, references=4)


def test_a_run_in_which_every_object_failed_says_why(results, read):
    evaluation = read_results(results)
    configuration = dataclasses.replace(evaluation.configuration, skipped=("mug was not evaluated: it has no mask.",))
    empty = dataclasses.replace(evaluation, configuration=configuration, objects=(), summaries=(), published=())
    page = read(evaluation_page(empty, results))
    assert [node.text for node in page.all("div", "warnings")[0].all("p")] == ["mug was not evaluated: it has no mask."]
    assert [node["href"] for node in page.all("nav")[0].all("a")] == ["#summary", "#about"]
