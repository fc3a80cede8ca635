"""The table of models that prompt themselves, for the recipe's page."""

from __future__ import annotations

from typing import Any

from benchmarks.accuracy_tables import interval, table

Figures = dict[str, Any]
ASKED = ("automatic", "clicked once", "U-Net")


def automatic(report: Figures) -> str:
    """Set by set: who found how much, how far the outlines lie apart, and how often the kind was told."""
    sets = report["sets"]
    asked = [who for who in ASKED if any(who in one for one in sets.values())]
    rows = []
    for name, one in sets.items():
        goal = "–" if one["goal"] is None else f"≥ {one['goal']:.3f}"
        cells = [f"{name} ({one['routed']['cases']})", goal]
        cells += [_dice(one.get(who), one["goal"] if who == "automatic" else None) for who in asked]
        routed = one["routed"]
        rows.append(
            [*cells, f"{one['automatic']['hd95']['mean']:.0f}", f"{routed['right']} of {routed['cases']}"]
        )
    found = report["means"]
    means = [f"{found[who]:.3f}" if who in found else "–" for who in asked]
    rows.append(["mean of those with a goal", "", *means, "", f"{100 * found['routed']:.1f} %"])
    titles = {"automatic": report["model"], "clicked once": "medkd-fast, one click", "U-Net": "U-Net"}
    parts = [
        table(["set (images)", "goal", *(titles[who] for who in asked), "HD95, px", "kind told"], rows),
        f"Mean Dice [95 % interval] on the {report['split']} splits; what misses its goal is in italics.",
    ]
    if "seconds" in report:
        parts[-1] += f" {_seconds(report)}"
    if report.get("strangers"):
        parts.append(_doubts(report))
    return "\n\n".join(parts)


def _seconds(report: Figures) -> str:
    """Say how long an image takes, of the quickest and of the slowest set."""
    taken = sorted((one["median"], name) for name, one in report["seconds"].items())
    (least, quick), (most, slow) = taken[0], taken[-1]
    between = f"{least:.2f} ({quick}) to {most:.2f} s ({slow})" if slow != quick else f"{most:.2f} s"
    return f"A 1024² image takes {between}, end to end ({report['runtime']})."


def _doubts(report: Figures) -> str:
    """Say how often the panel would doubt the kind of an image."""
    known, strange = list(report["sets"].values()), report["strangers"]
    told = [one["routed"] for one in known]
    counts = ", ".join(f"{name} {one['doubted']} of {one['cases']}" for name, one in strange.items())
    return (
        f"The panel doubts the kind of {sum(one['doubted'] for one in told)} of these "
        f"{sum(one['cases'] for one in told)} images, and, where it should, of "
        f"{sum(one['doubted'] for one in strange.values())} of "
        f"{sum(one['cases'] for one in strange.values())} that are of no kind it knows ({counts})."
    )


def _dice(figures: Figures | None, goal: float | None) -> str:
    if figures is None:
        return "–"
    one = figures["dice"]
    text = interval(one)
    return text if goal is None or one["mean"] >= goal else f"*{text}*"
