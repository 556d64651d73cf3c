# SPDX-License-Identifier: Apache-2.0
"""``eschernet-ros report``."""

from __future__ import annotations

import pytest
from made_evaluation import made_evaluation, with_lift

from eschernet_ros.cli.main import main
from eschernet_ros.evaluation.results_file import write_results


@pytest.fixture
def runs(tmp_path):
    """Two folders of results; in the second the model is half a dB better."""
    folders = []
    for name, lift in (("old", 0.0), ("new", 0.5)):
        folder = tmp_path / name
        evaluation = made_evaluation(folder, objects=("mug", "jar"), counts=(1,), seeds=(0,), targets=3, side=8)
        write_results(folder, with_lift(evaluation, [lift, lift]))
        folders.append(folder)
    return folders


def test_the_page_is_written_beside_the_results_or_where_it_is_wanted(runs, tmp_path, capsys):
    assert main(["report", str(runs[0])]) == 0
    assert capsys.readouterr().out == f"written: {runs[0] / 'report.html'}\n"
    assert main(["report", str(runs[0] / "results.json"), "--output", str(tmp_path / "sub" / "page.html")]) == 0
    assert (tmp_path / "sub" / "page.html").read_bytes() == (runs[0] / "report.html").read_bytes()


def test_two_runs_are_compared(runs, capsys):
    assert main(["report", "--compare", str(runs[0]), str(runs[1])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A: old (tiny-6dof)"
    assert any("PSNR, object only dB ↑" in line and "+0.50" in line and line.split()[-5] == "6" for line in lines)
    assert lines[-1] == f"written: {runs[1] / 'comparison.html'}"
    assert (runs[1] / "comparison.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["report"], "give either RESULTS or --compare A B"),
        (["report", "RUN", "--compare", "RUN", "RUN"], "give either RESULTS or --compare A B"),
        (["report", "RUN", "--rows", "0"], "--rows must be at least 1, it is 0"),
        (["report", "RUN", "--references", "7"], "There are no results for 7 references; there are for 1."),
        (["report", "RUN/nothing"], "'eschernet-ros evaluate' has finished"),
        (["report", "--compare", "RUN", "RUN/nothing"], "'eschernet-ros evaluate' has finished"),
    ],
)
def test_mistakes_are_explained(words, sentence, runs, capsys):
    assert main([word.replace("RUN", str(runs[0])) for word in words]) == 2
    assert sentence in capsys.readouterr().err
