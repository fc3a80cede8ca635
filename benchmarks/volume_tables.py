"""The tables of the volumes for the documentation."""

from __future__ import annotations

from typing import Any


def volumes(report: dict[str, Any]) -> str:
    """Dice, NSD and slices to correct of each set, model and rule; then the large volume."""
    lines = [
        "| set (test split) | model, rule | n | Dice | NSD 2 mm | slices to correct | s a slice |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in report["sets"].items():
        for key, run in runs.items():
            means = run["means"]
            cells = [f"{means['n']:.0f}", f"{means['dice']:.3f}", f"{means['nsd']:.3f}"]
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
    coded = figures["encoding"]
    size = "×".join(str(side) for side in reversed(figures["shape"]))
    return (
        f"{size} voxels, {model}: first answer {figures['first_answer_s']:.2f} s, {figures['slices']} more "
        f"slices of {1000 * figures['further_slice_s']:.0f} ms, commit {figures['commit_s']:.2f} s, memory "
        f"over the volume {figures['memory_over_volume_mb']:.0f} MB. Encoding a slice takes "
        f"{1000 * coded['encode_s']['median']:.0f} ms, reading its {coded['mb_a_slice']:.2f} MB from a file "
        f"{1000 * coded['read_s']['median']:.1f} ms."
    )
