"""Fill the tables of the documentation from ``benchmarks/results``: ``python -m benchmarks.tables``.

The recipes' pages are made from their ``.in.md`` afterwards: ``python scripts/reference.py``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    search_front,
    search_tables,
    volume_tables,
)
from benchmarks.recipe_arms import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
RECIPES = ROOT / "docs" / "recipes"
# Of each report: the recipe on whose page it stands, the name of the place there, and what writes its tables.
ON_RECIPES: dict[str, tuple[str, str, Callable[[dict[str, Any]], str]]] = {
    "steps": ("kd-sam", "steps", cost_tables.steps),
    "automatic": ("esp-medsam", "automatic", automatic_tables.automatic),
    "automatic_arms": ("esp-medsam", "arms", automatic_arms.page),
    "automatic_arms_from_fives": ("esp-medsam", "arms-from-fives", automatic_arms.page),
    "divisions": ("esp-medsam", "divisions", divisions.page),
    "corrected": ("esp-medsam", "corrected", corrected.page),
    "search": ("efficient-medsam", "arms", search_tables.table),
    "search_front": ("efficient-medsam", "front", search_front.page),
}


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
        if report := _report(name):
            page = fill(page, name, table(report))
    PAGE.write_text(page, encoding="utf-8")
    for name, (recipe, place, written) in ON_RECIPES.items():
        if report := _report(name):
            _fill_recipe(recipe, place, written(report))
    for recipe, own in _report("recipes").items():
        _fill_recipe(recipe, "results", recipe_tables.results(EXPERIMENTS[recipe], own))


def _report(name: str) -> dict[str, Any]:
    """Return a report by its name; empty where nobody made it yet."""
    file = RESULTS / f"{name}.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def _fill_recipe(recipe: str, name: str, text: str) -> None:
    page = RECIPES / f"{recipe}.in.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), name, text), encoding="utf-8")


def fill(page: str, name: str, table: str) -> str:
    """Put `table` between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises
    ------
    ValueError
        If the page has no such place.
    """
    block = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
    filled, places = re.subn(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: block, page, flags=re.DOTALL)
    if not places:
        raise ValueError(f"There are figures of {name}, and no place <!-- {name} --> for them on the page.")
    return filled


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
