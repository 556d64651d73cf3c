# SPDX-License-Identifier: Apache-2.0
"""Results as text tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from eschernet_ros.evaluation.results import METRICS, MODEL, Evaluation, PublishedNumber


def text_report(evaluation: Evaluation) -> str:
    """Means by number of references and method, wrong poses, consistency, and the published numbers."""
    parts = [_means(evaluation, name) for name in evaluation.configuration.metrics]
    parts += [_wrong_poses(evaluation), _consistency(evaluation), *_published(evaluation)]
    return "\n\n".join(part for part in parts if part)


def _means(evaluation: Evaluation, metric: str) -> str:
    about = METRICS[metric]
    head = ["references", *evaluation.configuration.methods]
    rows = []
    over = ""
    for count in evaluation.configuration.counts:
        row = [str(count)]
        for method in evaluation.configuration.methods:
            found = evaluation.summary(method, count, metric)
            if found is None:
                row.append("-")
                continue
            row.append(f"{found.mean:.{about.digits}f}")
            if found.low is not None and found.high is not None:
                row[-1] += f" ({found.low:.{about.digits}f}..{found.high:.{about.digits}f})"
                over = f"; 95 % intervals over {found.interval_over}"
        rows.append(row)
    unit = f", {about.unit}" if about.unit else ""
    way = "higher" if about.higher_is_better else "lower"
    return f"{about.title}{unit} ({way} is better{over})\n{_table(head, rows)}"


def _wrong_poses(evaluation: Evaluation) -> str:
    """How much worse the model's views fit when it is asked for wrong poses."""
    found: dict[tuple[int, str, float], list[tuple[float, float]]] = {}
    metric = next((name for name in ("psnr_foreground", "psnr") if name in evaluation.configuration.metrics), None)
    if metric is None:
        return ""
    for _, case in evaluation.cases():
        right = [
            view.metrics[metric]
            for view in case.views
            if view.method == MODEL and view.scored and metric in view.metrics
        ]
        for score in case.poses:
            if metric in score.metrics and right:
                pair = (sum(right) / len(right), score.metrics[metric])
                found.setdefault((case.references, score.kind, score.amount), []).append(pair)
    rows = []
    for (references, kind, amount), pairs in sorted(found.items()):
        right_mean, wrong_mean = (sum(values) / len(values) for values in zip(*pairs, strict=True))
        rows.append(
            [
                str(references),
                f"{kind} {amount:+g}",
                f"{right_mean:.2f}",
                f"{wrong_mean:.2f}",
                f"{right_mean - wrong_mean:+.2f}",
            ]
        )
    if not rows:
        return ""
    head = ["references", "wrong by", "true pose", "wrong pose", "margin"]
    return f"Does the model follow the pose? {METRICS[metric].title} against the true views, dB\n{_table(head, rows)}"


def _consistency(evaluation: Evaluation) -> str:
    """Median epipolar distances of the methods' views, means over cases."""
    found: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for _, case in evaluation.cases():
        for each in case.consistency:
            if each.median_px is not None and each.within_2px is not None:
                found.setdefault((case.references, each.method), []).append((each.median_px, each.within_2px))
    if not found:
        return ""
    methods = list(dict.fromkeys(method for _, method in found))
    rows = []
    for count in evaluation.configuration.counts:
        row = [str(count)]
        for method in methods:
            values = found.get((count, method))
            if values is None:
                row.append("-")
            else:
                median, within = (sum(each) / len(values) for each in zip(*values, strict=True))
                row.append(f"{median:.2f} ({100 * within:.0f} %)")
        rows.append(row)
    title = "Do neighbouring views fit each other? Median distance of matches from their epipolar lines, pixels of 256"
    return f"{title} (share within 2)\n{_table(['references', *methods], rows)}"


def _published(evaluation: Evaluation) -> list[str]:
    """A table for each source of published numbers, with the numbers of references that were evaluated."""
    tables = []
    sources: dict[str, list[PublishedNumber]] = {}
    for each in evaluation.published:
        if each.references in evaluation.configuration.counts:
            sources.setdefault(each.source, []).append(each)
    for source, numbers in sources.items():
        rows = []
        for each in numbers:
            digits = METRICS[each.metric].digits
            ours = "-" if each.ours is None else f"{each.ours:.{digits}f}"
            apart = "-" if each.difference is None else f"{each.difference:+.{digits}f}"
            rows.append([METRICS[each.metric].title, str(each.references), f"{each.published:.{digits}f}", ours, apart])
        reasons = dict.fromkeys(each.mismatch for each in numbers if each.mismatch)
        title = f"Published: {source}" + "".join(f"\n  No difference is shown. {words}" for words in reasons)
        tables.append(f"{title}\n{_table(['metric', 'references', 'published', 'ours', 'difference'], rows)}")
    return tables


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)
    )
