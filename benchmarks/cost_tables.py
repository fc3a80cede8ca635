"""The tables of what networks and steps cost."""

from __future__ import annotations

from typing import Any

from benchmarks.accuracy_tables import table

Figures = dict[str, Any]


def networks(report: Figures) -> str:
    """Parameters, multiply-accumulates and milliseconds of every network."""
    headings = ["network", "input", "parameters: encoder", "in all", "the paper's"]
    headings += ["10⁹ MAC: an image", "an answer", "CPU ms: an image", "an answer"]
    rows = []
    for name, one in report["networks"].items():
        cells = [name, str(one["input"]), _millions(one["encoder_parameters"]), _millions(one["parameters"])]
        cells += [one["paper"] or "–", f"{one['encoder_gmac']:.2f}", f"{one['decoder_gmac']:.3f}"]
        rows.append([*cells, *(_milliseconds(one.get(f"{part}_cpu_s")) for part in ("encode", "answer"))])
    cores = report["machine"]["cores"]
    return "\n\n".join(
        [
            table(headings, rows),
            f"torch, float32, one thread of a shared machine of {cores} cores: the fastest of "
            f"{report['repeats']} times of the processor, all networks in turn. Not timed: –.",
        ]
    )


def steps(report: Figures) -> str:
    """What a step of KD-SAM's stage A costs, in units of a supervised one."""
    sizes = report["sizes"]
    losses = list(next(iter(sizes.values()))["ratios"])
    rows = [
        [f"`perceptual={loss}`", *(f"{one['ratios'][loss]:.2f}" for one in sizes.values())] for loss in losses
    ]
    seconds = ", ".join(
        f"{one['seconds']['supervised']['median']:.1f} s at {size}" for size, one in sizes.items()
    )
    return "\n\n".join(
        [
            table(["loss", *(f"at {size} × {size}" for size in sizes)], rows),
            f"{report['backbone']}, batches of {report['batch']}; a supervised step takes {seconds}.",
        ]
    )


def _millions(count: float) -> str:
    return f"{count / 1e6:.2f} M"


def _milliseconds(figures: Figures | None) -> str:
    return "–" if figures is None else f"{1000 * figures['min']:.0f}"
