"""The tables of the volumes for the documentation."""

from __future__ import annotations

from typing import Any


def volumes(report: dict[str, Any]) -> str:
    """Dice, NSD and slices to correct of each set, model and rule; then the large volume."""
    lines = [
        "| set (test split) | model, rule | n | Dice | after 1, 2 corrected slices | NSD 2 mm "
        "| slices to correct | s a slice |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in report["sets"].items():
        for key, run in runs.items():
            means = run["means"]
            after = [f"{means[one]:.3f}" for one in ("corrected_1", "corrected_2") if one in means]
            cells = [f"{means['n']:.0f}", f"{means['dice']:.3f}", ", ".join(after) or "–"]
            cells += [f"{means['nsd']:.3f}"]
            cells += [f"{means['to_correct']:.0%}", f"{means['seconds']:.3f}"]
            lines.append(f"| {name} | {_named(key)} | {' | '.join(cells)} |")
    lines += [""] + [_large(model, figures) for model, figures in report.get("large", {}).items()]
    return "\n".join(lines).rstrip()


def _named(key: str) -> str:
    model, rule, reach, _, axis = key.split(" ")
    given = ", first and last slice given" if reach == "ranged" else ""
    along = "" if axis == "None" else f", slices across {'zyx'[int(axis)]}"
    return f"{model}, {rule}{given}{along}"


def _large(model: str, figures: dict[str, Any]) -> str:
    size = "×".join(str(side) for side in reversed(figures["shape"]))
    first, again = (_opened(figures[one]) for one in ("first", "again"))
    slices, change = 1000 * figures["further_slice_s"], 1000 * figures["slice_change_s"]["median"]
    return (
        f"{size} voxels, {model}: the first slice can be asked, and its mask is there, after {first}; when "
        f"the volume is opened again after {again}. {figures['slices']} more slices took {slices:.0f} ms "
        f"each and left {figures['disk_mb']:.0f} MB of encodings on disk; a change of slice takes "
        f"{change:.1f} ms without drawing, the commit {figures['commit_s']:.2f} s. The process held "
        f"{figures['peak_mb']:.0f} MB at most, {figures['memory_over_volume_mb']:.0f} MB without the voxels."
    )


def _opened(taken: dict[str, float]) -> str:
    return f"{taken['usable_s']:.2f} and {taken['mask_s']:.2f} s"
