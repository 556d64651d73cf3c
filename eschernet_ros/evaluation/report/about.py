# SPDX-License-Identifier: Apache-2.0
"""What was run: warnings, settings, versions, times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from eschernet_ros.evaluation.report.markup import Markup, element, join
from eschernet_ros.evaluation.report.table import Cell, Row, table
from eschernet_ros.evaluation.report.words import count_text, method_order
from eschernet_ros.evaluation.results import METRICS, Evaluation


def warnings(evaluation: Evaluation) -> Markup | None:
    """The banner; None where there is nothing to warn of."""
    sentences = warning_sentences(evaluation)
    if not sentences:
        return None
    return element("div", [element("p", each) for each in sentences], class_="warnings", role="note")


def warning_sentences(evaluation: Evaluation) -> list[str]:
    """All that a reader must know before the first number, each once."""
    model = evaluation.model
    sentences: list[str] = []
    if not model.trained:
        sentences.append(f"The checkpoint {model.name} is untrained: its pictures are noise, and so are its numbers.")
    if model.notice:
        sentences.append(model.notice)
    if evaluation.shard:
        sentences.append(f"This is part {evaluation.shard} of the objects only; merge the parts before quoting a mean.")
    sentences += evaluation.configuration.skipped
    sentences += evaluation.notes
    sentences += [f"{each.name}: {sentence}" for each in evaluation.objects for sentence in each.warnings]
    return list(dict.fromkeys(sentences))


def subtitle(evaluation: Evaluation) -> str:
    """One line that says what this is."""
    model, configuration = evaluation.model, evaluation.configuration
    seeds = count_text(len(configuration.seeds), "seed")
    return (
        f"{model.name} ({model.cape}, {model.image_size} px, {count_text(model.steps, 'step')}, guidance "
        f"{model.guidance_scale:g}) "
        f"on {count_text(len(evaluation.objects), 'object')}, {seeds}; {evaluation.created}"
    )


def about(evaluation: Evaluation) -> Markup:
    """Settings, versions, machine and times."""
    model, configuration = evaluation.model, evaluation.configuration
    settings = {
        "protocol": f"{configuration.title} ({configuration.protocol})",
        "rule": configuration.rule,
        "data set": f"{configuration.data_set} ({configuration.layout})",
        "references": ", ".join(map(str, configuration.counts)),
        "seeds": ", ".join(map(str, configuration.seeds)),
        "methods": ", ".join(method_order(configuration)),
        "metrics": ", ".join(METRICS[name].title for name in configuration.metrics) or "none",
        "checkpoint": f"{model.name}, {model.cape}, {'trained' if model.trained else 'untrained'}",
        "weights": model.content,
        "pictures": f"{model.image_size} x {model.image_size} pixels",
        "denoising": f"{count_text(model.steps, 'step')}, guidance {model.guidance_scale:g}",
        "ran on": f"{model.device}, {model.dtype}",
    }
    pose_sources = dict.fromkeys(each.pose_source for each in evaluation.objects)
    rules = dict.fromkeys(case.rule for _, case in evaluation.cases())
    settings["poses read as"] = " ".join(pose_sources)
    settings["views chosen by"] = " ".join(rules)
    protocol_file = json.dumps(configuration.protocol_settings, indent=1, default=str, ensure_ascii=False)
    return join(
        [
            _pairs("Settings", settings),
            element("details", element("summary", "The protocol's file"), element("pre", protocol_file)),
            _pairs("Versions", evaluation.versions),
            _pairs("Machine", evaluation.machine),
            element("h3", "Times"),
            _stages(evaluation),
            _methods(evaluation),
        ]
    )


def _pairs(title: str, pairs: Mapping[str, str]) -> Markup:
    rows = [Row(name, [Cell(value, kind="word long")]) for name, value in pairs.items() if value]
    if not rows:
        return Markup("")
    return join([element("h3", title), table([title.lower(), ""], rows, title)])


def _stages(evaluation: Evaluation) -> Markup:
    stages = sorted(evaluation.timings.items(), key=lambda stage: -stage[1].total)
    rows = [
        Row(name, [str(each.count), _seconds(each.total), _seconds(each.mean), _seconds(each.longest)])
        for name, each in stages
    ]
    if not rows:
        return element("p", "No stage was timed.", class_="note")
    return table(["stage", "runs", "total, s", "mean, s", "longest, s"], rows, "Seconds by stage")


def _methods(evaluation: Evaluation) -> Markup:
    """Seconds that each method took for a view."""
    rows = []
    for method in method_order(evaluation.configuration):
        timed = [case for _, case in evaluation.cases() if method in case.seconds]
        views = sum(_count(view.method == method for view in case.views) for case in timed)
        total = sum(case.seconds[method] for case in timed)
        if views:
            rows.append(Row(method, [str(views), _seconds(total), _seconds(total / views)]))
    if not rows:
        return Markup("")
    return table(["method", "views", "total, s", "per view, s"], rows, "Seconds by method")


def _count(matches: Iterable[bool]) -> int:
    return sum(matches)


def _seconds(value: float) -> str:
    return f"{value:.3g}" if value < 100.0 else f"{value:.0f}"
