"""The tables of a folder at once for the documentation."""

from __future__ import annotations

from typing import Any

from benchmarks.accuracy_tables import table

Figures = dict[str, Any]


def batch(report: Figures) -> str:
    """Rates beside the bare model; then thousands of images, every file, and a large picture."""
    models = report.get("models", {})
    parts = []
    if any("rate" in one for one in models.values()):
        parts.append(_rates({name: one["rate"] for name, one in models.items() if "rate" in one}))
    if any("cost" in one for one in models.values()):
        parts.append(_costs({name: one["cost"] for name, one in models.items() if "cost" in one}))
    if any("workers" in one for one in models.values()):
        parts.append(_workers({name: one["workers"] for name, one in models.items() if "workers" in one}))
    for name, sentence in (("many", _many), ("everything", _everything), ("large", _large)):
        if name in report:
            parts.append(sentence(report[name]))
    cores, device = report["machine"]["cores"], report["device"].upper()
    return "\n\n".join([*parts, f"{device}, {cores} cores."])


def _rates(models: dict[str, Figures]) -> str:
    headings = ["images/s", "the model alone", "the batch from its first image on", "share", "with its start"]
    rows = [
        [
            name,
            f"{one['bare_images_per_second']:.2f}",
            f"{one['images_per_second']:.2f}",
            f"{one['share']:.2f}",
            f"{one['images_per_second_with_start']:.2f}",
        ]
        for name, one in models.items()
    ]
    return table(headings, rows)


def _costs(models: dict[str, Figures]) -> str:
    headings = ["seconds of a processor an image", "the model alone", "the batch", "share"]
    rows = [
        [name, *(f"{one[key]:.3f}" for key in ("model_seconds", "batch_seconds")), f"{one['share']:.2f}"]
        for name, one in models.items()
    ]
    return table(headings, rows)


def _workers(models: dict[str, Figures]) -> str:
    splits = list(dict.fromkeys(split for one in models.values() for split in one))
    rows = [
        [name, *(f"{one[split]['images_per_second']:.2f}" if split in one else "–" for split in splits)]
        for name, one in models.items()
    ]
    return table(["images/s, processes × threads", *splits], rows)


def _many(figures: Figures) -> str:
    runs = ", ".join(
        f"{one['change']:+.1%} to {one['to_mb']:.0f} MB in the {word} run"
        for word, one in (("first", figures["first_run"]), ("second", figures["second_run"]))
        if one
    )
    return (
        f"{figures['images']:,} images with {figures['model']}: memory of all processes from the 500th on "
        f"{runs}. Killed (-9) after {figures['done_when_killed']:,}, with {figures['in_hand_when_killed']} "
        "masks written that were not in the report yet; the same command did the rest: "
        f"{_counts(figures['rows'])}, {figures['unfinished_files']} unfinished files."
    )


def _everything(figures: Figures) -> str:
    return (
        f"Every file below the data with {figures['model']}, in {figures['seconds']:.0f} s: "
        f"{_counts(figures['rows'])}; {figures['without_reason']} without a reason, {figures['faults']} "
        "faults of the program."
    )


def _large(figures: Figures) -> str:
    side = f"{figures['side']:,}"
    over = figures["peak_mb"] - figures["start_mb"]
    return (
        f"A picture of {side} × {side} pixels with {figures['model']}: {figures['row']} in "
        f"{figures['image_seconds']:.0f} s, {over:,.0f} MB over the start, processes and model included."
    )


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(rows.items()))
