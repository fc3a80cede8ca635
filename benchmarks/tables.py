"""Fill the tables of the documentation from ``benchmarks/results``: ``python -m benchmarks.tables``.

The recipes' pages are made from their ``.in.md`` afterwards: ``python scripts/reference.py``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import (
    accuracy_tables,
    automatic_arms,
    automatic_tables,
    batch_tables,
    corrected,
    cost_tables,
    divisions,
    latency_tables,
    learning_tables,
    recipe_tables,
    search_tables,
    volume_tables,
)
from benchmarks.recipe_arms import EXPERIMENTS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
RECIPES = ROOT / "docs" / "recipes"


def main() -> None:
    """Rewrite what stands between each pair of markers."""
    page = PAGE.read_text(encoding="utf-8")
    tables = {
        "latency": latency_tables.latency,
        "models": accuracy_tables.models,
        "generalisation": accuracy_tables.generalisation,
        "accuracy": accuracy,
        "robustness": robustness,
        "volumes": volume_tables.volumes,
        "batch": batch_tables.batch,
        "learning": learning_tables.learning,
        "costs": cost_tables.networks,
    }
    for name, table in tables.items():
        file = RESULTS / f"{name}.json"
        if file.exists():
            page = fill(page, name, table(json.loads(file.read_text(encoding="utf-8"))))
    PAGE.write_text(page, encoding="utf-8")
    pages = {
        "recipes": _fill_recipes,
        "steps": _fill_steps,
        "automatic": _fill_automatic,
        "automatic_arms": _fill_automatic_arms,
        "divisions": _fill_divisions,
        "corrected": _fill_corrected,
        "search": _fill_search,
    }
    for name, write in pages.items():
        file = RESULTS / f"{name}.json"
        if file.exists():
            write(json.loads(file.read_text(encoding="utf-8")))


def _fill_recipes(report: dict[str, Any]) -> None:
    """Put the figures of `benchmarks.recipes` into the page of each recipe."""
    for recipe, own in report.items():
        _fill_recipe(recipe, "results", recipe_tables.results(EXPERIMENTS[recipe], own))


def _fill_steps(report: dict[str, Any]) -> None:
    """Put the figures of `benchmarks.step_costs` into KD-SAM's page."""
    _fill_recipe("kd-sam", "steps", cost_tables.steps(report))


def _fill_automatic(report: dict[str, Any]) -> None:
    """Put the figures of `benchmarks.automatic` into ESP-MedSAM's page."""
    _fill_recipe("esp-medsam", "automatic", automatic_tables.automatic(report))


def _fill_automatic_arms(report: dict[str, Any]) -> None:
    """Put the figures of `benchmarks.automatic_arms` into ESP-MedSAM's page."""
    _fill_recipe("esp-medsam", "arms", automatic_arms.page(report))


def _fill_divisions(report: dict[str, Any]) -> None:
    """Put the figures of `benchmarks.divisions` into ESP-MedSAM's page."""
    _fill_recipe("esp-medsam", "divisions", divisions.page(report))


def _fill_corrected(report: dict[str, Any]) -> None:
    """Put the figures of `benchmarks.corrected` into ESP-MedSAM's page."""
    _fill_recipe("esp-medsam", "corrected", corrected.page(report))


def _fill_search(report: dict[str, Any]) -> None:
    """Put the figures of `benchmarks.search` into EfficientMedSAM's page."""
    _fill_recipe("efficient-medsam", "arms", search_tables.table(report))


def _fill_recipe(recipe: str, name: str, text: str) -> None:
    page = RECIPES / f"{recipe}.in.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), name, text), encoding="utf-8")


def fill(page: str, name: str, table: str) -> str:
    """Put `table` between ``<!-- name -->`` and ``<!-- /name -->``."""
    block = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
    return re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: block, page, flags=re.DOTALL)


def accuracy(report: dict[str, Any]) -> str:
    """Mean Dice a set: ours, upstream's own network, the filled box."""
    lines = ["| set (test split) | n | ours | upstream's own | filled box |", "|---|---|---|---|---|"]
    for name, figures in report["sets"].items():
        means = [_interval(figures[who]) for who in ("ours", "upstream", "filled_box")]
        empty = f" (+{figures['skipped_empty']} empty)" if figures["skipped_empty"] else ""
        lines.append(f"| {name} | {figures['ours']['n']}{empty} | {' | '.join(means)} |")
    return "\n".join([*lines, "", f"Mean Dice [95 % interval over cases], {report['runtime']}."])


def _interval(estimate: dict[str, float]) -> str:
    return f"{estimate['mean']:.4f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"


def robustness(report: dict[str, Any]) -> str:
    """Files opened, refused with a sentence and crashed."""
    lines = [
        "| folder | step | opened or answered | refused with a sentence | crashed |",
        "|---|---|---|---|---|",
    ]
    for folder, steps in report.items():
        for step, counts in steps.items():
            cells = " | ".join(str(counts.get(kind, 0)) for kind in ("opened", "refused", "crashed"))
            lines.append(f"| {folder} | {step} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
