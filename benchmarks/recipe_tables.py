"""The tables of `benchmarks.recipes`: every arm, and what came of each ordering that was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.accuracy_tables import table
from src_training.evaluation.statistics import Estimate, estimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.recipe_arms import Experiment, Ordering

Figures = dict[str, Any]
_NOTHING = 0.05  # mean Dice of an arm beside which no difference is told in per cent


def results(experiment: Experiment, own: Figures) -> str:
    """Every arm on every set, then the orderings."""
    columns = list(_columns(experiment, own))
    return "\n\n".join(
        [
            "Mean Dice on the test split [95 % interval over cases; all seeds of a case are drawn together] "
            "and, in brackets, the lowest and the highest mean of a seed:",
            _arms(experiment, own, columns),
            "What was expected, and the difference in points of Dice (paired by case and seed, its interval, "
            "how many seeds agree). It *holds* or is *reversed* where the interval and all seeds say so; "
            "all else is a tie:",
            _orderings(experiment, own, columns),
        ]
    )


def _columns(experiment: Experiment, own: Figures) -> Iterator[tuple[str, str]]:
    """Yield each set with each question."""
    for name in own["sets"]:
        yield from ((name, question) for question in experiment.questions)


def _arms(experiment: Experiment, own: Figures, columns: list[tuple[str, str]]) -> str:
    rows = []
    for reference in next(iter(own["sets"].values()))["references"]:
        cells = [_reference(own["sets"][name], reference, question) for name, question in columns]
        rows.append([f"*{reference}*", *cells])
    for arm in experiment.arms:
        cells = [_arm(own["sets"][name], arm.name, question) for name, question in columns]
        if any(cell != "–" for cell in cells):
            rows.append([arm.name, *cells])
    headings = [f"{name}, {question}" for name, question in columns]
    return table(["arm", *headings], rows)


def _reference(figures: Figures, reference: str, question: str) -> str:
    scores = figures["references"][reference].get(question)
    if scores is None:
        return "–"
    return _interval(estimate(scores, np.random.default_rng(0), cases=figures["objects"][question]))


def _arm(figures: Figures, arm: str, question: str) -> str:
    seeds = _seeds(figures, arm, question)
    if not seeds:
        return "–"
    means = [float(np.mean(scores)) for scores in seeds.values()]
    return (
        f"{_interval(_pooled(figures, list(seeds.values()), question))} ({min(means):.3f}–{max(means):.3f})"
    )


def _orderings(experiment: Experiment, own: Figures, columns: list[tuple[str, str]]) -> str:
    rows = []
    for ordering in experiment.orderings:
        cells = [_difference(own["sets"][name], ordering, question) for name, question in columns]
        if any(cell != "–" for cell in cells):
            rows.append([f"{ordering.better} ≥ {ordering.worse}", ordering.claim, *cells])
    headings = [f"{name}, {question}" for name, question in columns]
    return table(["expected", "that is to say", *headings], rows)


def _difference(figures: Figures, ordering: Ordering, question: str) -> str:
    """Compare two arms by the seeds that both have."""
    better, worse = (_seeds(figures, arm, question) for arm in (ordering.better, ordering.worse))
    common = [seed for seed in better if seed in worse]
    if not common:
        return "–"
    pairs = [np.subtract(better[seed], worse[seed]) for seed in common]
    found = _pooled(figures, [list(pair) for pair in pairs], question)
    agree = sum(float(pair.mean()) > 0 for pair in pairs)
    base = float(np.mean([np.mean(worse[seed]) for seed in common]))
    relative = f", {100 * found.mean / base:+.0f} %" if base > _NOTHING else ""
    verdict = "tie"
    if found.low > 0 and agree == len(common):
        verdict = "**holds**"
    elif found.high < 0 and agree == 0:
        verdict = "**reversed**"
    spread = f"[{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
    return f"{verdict}: {100 * found.mean:+.1f} {spread}{relative}, {agree} of {len(common)}"


def _seeds(figures: Figures, arm: str, question: str) -> dict[str, list[float]]:
    return {seed: found[question] for seed, found in sorted(figures["arms"].get(arm, {}).items())}


def _pooled(figures: Figures, seeds: list[list[float]], question: str) -> Estimate:
    """Estimate the mean over seeds and objects; the interval is over cases."""
    objects = figures["objects"][question]
    scores = [score for one in seeds for score in one]
    return estimate(scores, np.random.default_rng(0), cases=objects * len(seeds))


def _interval(found: Estimate) -> str:
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"
