"""The table of the arms of EfficientMedSAM."""

from __future__ import annotations

from typing import Any

import numpy as np

FIGURES = ("ap", "ap50", "ap75", "dice", "encoder_ms")
# Better, worse: as they were expected in `benchmarks.search` before anything was run.
ORDERINGS = (
    ("DNAS + KD", "DNAS"),
    ("DNAS + KD", "KD"),
    ("DNAS", "neither"),
    ("KD", "neither"),
    ("DNAS", "random"),
    ("DNAS + KD", "random + KD"),
)


def table(report: dict[str, Any]) -> str:
    """Return the report as Markdown: mean over seeds, lowest to highest."""
    lines = []
    for name, found in report["sets"].items():
        lines += [f"| {name} | seeds | {' | '.join(FIGURES)} |", "| --- | --- |" + " --- |" * len(FIGURES)]
        for arm, seeds in found["arms"].items():
            cells = [_cell([figures[key] for figures in seeds.values()]) for key in FIGURES]
            lines.append(f"| {arm} | {len(seeds)} | {' | '.join(cells)} |")
        if found["boxes"]:
            cells = [f"{found['boxes'][f'filled_box_{key}']:.3f}" for key in FIGURES[:-1]]
            lines.append(f"| filled box | | {' | '.join(cells)} | |")
        lines += ["", "| expected | difference of Dice in points, seed by seed |", "| --- | --- |"]
        lines += [
            f"| {better} ≥ {worse} | {_order(found['arms'], better, worse)} |" for better, worse in ORDERINGS
        ]
        lines.append("")
    return "\n".join(lines).rstrip()


def _order(arms: dict[str, Any], better: str, worse: str) -> str:
    """Say what came of an order: it holds or is reversed where every seed says so, else it is a tie."""
    ours, theirs = arms.get(better, {}), arms.get(worse, {})
    points = [100 * (ours[seed]["dice"] - theirs[seed]["dice"]) for seed in sorted(ours) if seed in theirs]
    if not points:
        return "–"
    verdict = "**holds**" if min(points) > 0 else "**reversed**" if max(points) < 0 else "tie"
    return f"{verdict}: {', '.join(f'{one:+.1f}' for one in points)}"


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
