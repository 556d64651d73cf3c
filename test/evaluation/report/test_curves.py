# SPDX-License-Identifier: Apache-2.0
"""The curves' numbers, computed by hand, and that the page draws these."""

from __future__ import annotations

import dataclasses

import pytest
from made_evaluation import METHODS, made_evaluation

from eschernet_ros.evaluation.report.curves import angle_bins, angle_curves, bin_width, reference_curves
from eschernet_ros.evaluation.results import MODEL, ViewScore


def view(angle, value, **more):
    return ViewScore(MODEL, 0, True, angle, None, {"psnr": value, **more})


def test_bins_by_hand():
    views = [
        ("mug", view(1.0, 20.0)),
        ("mug", view(9.9, 22.0)),
        ("jar", view(4.0, 30.0)),
        ("mug", view(10.0, 15.0)),
        ("jar", view(19.0, 17.0)),
        ("jar", view(12.0, 16.0)),
        ("jar", view(35.0, 9.0)),  # alone: no point
        ("jar", ViewScore(MODEL, 0, True, 13.0, None, {"ssim": 0.1})),  # without the metric
    ]
    first, second = angle_bins(views, "psnr", 10.0)
    assert (first.low_deg, first.high_deg, second.low_deg, second.high_deg) == (0.0, 10.0, 10.0, 20.0)
    assert first.angle_deg == pytest.approx(14.9 / 3)
    assert first.score.mean == pytest.approx(24.0)  # each view counts the same
    assert (first.score.low, first.score.high) == (21.0, 30.0)  # drawn over the two objects
    assert second.score.mean == pytest.approx(16.0)
    assert (second.score.count, second.score.groups) == (3, 2)


def test_the_narrowest_bins_that_are_at_most_eight():
    assert [bin_width(angle) for angle in (0.0, 39.9, 40.0, 79.0, 90.0, 170.0, 180.0)] == [5, 5, 10, 10, 15, 30, 30]


def test_reference_curves_draw_the_summaries_and_the_published_numbers(tmp_path, read):
    evaluation = made_evaluation(tmp_path, objects=("mug", "jar"), targets=3, side=8)
    charts = read(reference_curves(evaluation)).all("figure", "chart-box")
    assert [chart.all("figcaption")[0].text for chart in charts] == [
        "PSNR, dB (higher is better)",
        "SSIM (higher is better)",
        "PSNR, object only, dB (higher is better)",
    ]
    series = {node["data-series"]: node for node in charts[0].all("g", "series")}
    assert list(series) == [*METHODS, "EscherNet 6DoF, published"]
    # 12 + object + n / 2 + 6, less 0.5 for the mean target, plus 0.125 for the mean seed
    words = [node.text for node in series[MODEL].all("title")]
    assert words[0] == "model, 1 reference: 18.62 dB (18.12 to 19.12); 12 numbers of 2 objects"
    assert words[2] == "model, 5 references: 20.62 dB (20.12 to 21.12); 12 numbers of 2 objects"
    published = [node.text for node in series["EscherNet 6DoF, published"].all("title")]
    assert published[1] == "EscherNet 6DoF, published, 2 references: 23.92 dB"


def test_angle_curves_keep_the_counts_apart(tmp_path, read):
    evaluation = made_evaluation(tmp_path, objects=("mug", "jar"), counts=(1, 3), targets=3, side=8)
    charts = read(angle_curves(evaluation, "psnr_foreground")).all("figure", "chart-box")
    assert [chart.all("figcaption")[0].text for chart in charts] == [
        "PSNR, object only, 1 reference",
        "PSNR, object only, 3 references",
    ]
    # targets at 4, 11, 18 degrees, two seeds, two objects; bins of 5 degrees
    words = [[node.text for node in chart.all("g", "series")[1].all("title")] for chart in charts]
    assert words[0][0] == "nearest reference, 0° to 5°: 11.12 dB (10.62 to 11.62); 4 views of 2 objects"
    assert words[1][0] == "nearest reference, 0° to 5°: 12.12 dB (11.62 to 12.62); 4 views of 2 objects"
    assert [words[0][i].split(":")[0] for i in (1, 2)] == [
        "nearest reference, 10° to 15°",
        "nearest reference, 15° to 20°",
    ]


def test_views_that_are_not_scored_are_not_drawn(tmp_path):
    evaluation = made_evaluation(tmp_path, objects=("mug",), counts=(1,), targets=3, side=8)
    cases = tuple(
        dataclasses.replace(case, views=tuple(dataclasses.replace(view, scored=False) for view in case.views))
        for case in evaluation.objects[0].cases
    )
    unscored = dataclasses.replace(evaluation, objects=(dataclasses.replace(evaluation.objects[0], cases=cases),))
    assert angle_curves(unscored, "psnr_foreground") == ""
    assert reference_curves(dataclasses.replace(evaluation, summaries=())) == ""
