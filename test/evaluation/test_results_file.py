# SPDX-License-Identifier: Apache-2.0
"""Results of an evaluation on disk."""

from __future__ import annotations

import csv
import dataclasses
import json
import math

import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.evaluation.results import (
    METRICS,
    Case,
    Configuration,
    Consistency,
    Evaluation,
    ModelInfo,
    ObjectResult,
    PosedPicture,
    PoseScore,
    PublishedNumber,
    Summary,
    ViewScore,
)
from eschernet_ros.evaluation.results_file import read_results, write_results
from eschernet_ros.evaluation.stage_timer import StageTime

IDENTITY = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, -1.8), (0.0, 0.0, 0.0, 1.0))


@pytest.fixture
def evaluation():
    """One object, one case, one view by the model; every kind of entry once."""
    view = ViewScore("model", 12, True, 30.25, "images/mug/model/view_012.png", {"psnr": 20.5, "psnr_foreground": 14.0})
    case = Case(
        seed=0,
        reference_ids=(0, 3),
        rule="The first 2.",
        views=(view,),
        poses=(PoseScore("azimuth", 30.0, {"psnr": 12.0}),),
        consistency=(Consistency("truth", 3, 100, 0.5, 0.4, 0.98), Consistency("model", 3, 0, 0.0, None, None)),
        seconds={"model": 1.5},
    )
    mug = ObjectResult(
        name="mug, large",
        pose_source="As they are.",
        references=(PosedPicture(0, IDENTITY, "images/mug/view_000.png"), PosedPicture(3, IDENTITY)),
        targets=(PosedPicture(12, IDENTITY, "images/mug/view_012.png", "images/mug/mask_012.png"),),
        cases=(case,),
        content="abc",
        warnings=("Far away.",),
    )
    return Evaluation(
        configuration=Configuration(
            protocol="gso30",
            title="GSO30",
            rule="As published.",
            data_set="gso",
            layout="gso30",
            counts=(2,),
            seeds=(0,),
            methods=("model",),
            metrics=("psnr", "psnr_foreground"),
            protocol_settings={"counts": [1, 2], "scored": "10-24", "nested": {"a": None}},
        ),
        model=ModelInfo("bundled-6dof", "6dof", True, None, 64, 10, 1.0, "cpu", "float32", "def"),
        versions={"torch": "2.13.0"},
        machine={"cores": "2"},
        created="2026-11-24T10:00:00+00:00",
        objects=(mug,),
        summaries=(Summary("model", 2, "psnr", 20.5, 1, 1, 1, None, None, None, None, "views"),),
        published=(PublishedNumber("EscherNet 6DoF", 2, "psnr", 23.92, 20.5, -3.42, None),),
        timings={"synthesis": StageTime(2, 1.5, 1.0)},
        shard="1/2",
    )


def test_what_is_written_is_read(evaluation, tmp_path):
    path = write_results(tmp_path, evaluation)
    assert read_results(tmp_path) == read_results(path) == evaluation
    assert json.loads(path.read_text())["schema_version"] == 1


def test_tables_hold_a_row_a_view_and_a_row_a_mean(evaluation, tmp_path):
    write_results(tmp_path, evaluation)
    with (tmp_path / "views.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["object"], row["reference_ids"], row["view_id"], row["scored"]) == ("mug, large", "0 3", "12", "1")
    assert float(row["psnr"]) == 20.5
    assert row["lpips_alex"] == ""
    assert set(METRICS) < set(row)
    with (tmp_path / "summary.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["method"], row["mean"], row["low"]) == ("model", "20.5", "")


def test_infinity_is_refused_and_the_old_file_stays(evaluation, tmp_path):
    write_results(tmp_path, evaluation)
    (row,) = evaluation.summaries
    with pytest.raises(EscherNetError, match="not finite"):
        write_results(tmp_path, dataclasses.replace(evaluation, summaries=(dataclasses.replace(row, mean=math.inf),)))
    assert read_results(tmp_path) == evaluation


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content.update(schema="other"), "holds no results of an evaluation"),
        (lambda content: content.update(schema_version=9), "schema version 9, this package reads 1"),
        (lambda content: content.pop("model"), "lacks model"),
        (lambda content: content.update(extra=1), "unknown entries extra"),
        (lambda content: content["objects"][0].update(name=3), r"objects\[0\]: name must be a text, not '3'"),
        (lambda content: content["objects"][0]["targets"][0]["pose"][0].pop(), "must be 4 entries"),
        (lambda content: content["model"].update(steps=True), "steps must be a whole number"),
        (lambda content: content["summaries"][0].update(mean="x"), "mean must be a number"),
        (lambda content: content.update(objects={}), "objects must be a list"),
    ],
)
def test_damaged_files_are_named(evaluation, tmp_path, change, words):
    path = write_results(tmp_path, evaluation)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(EscherNetError, match=words):
        read_results(tmp_path)


def test_no_file(tmp_path):
    with pytest.raises(EscherNetError, match=r"no .*results\.json; name a folder"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(EscherNetError, match="cannot be read"):
        read_results(tmp_path)
