"""Fill the tables of ``docs/benchmarks.md`` from ``benchmarks/results``: ``python -m benchmarks.tables``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import accuracy_tables

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """Rewrite what stands between each pair of markers."""
    page = PAGE.read_text(encoding="utf-8")
    tables = {
        "latency": latency,
        "models": accuracy_tables.models,
        "generalisation": accuracy_tables.generalisation,
        "accuracy": accuracy,
        "robustness": robustness,
    }
    for name, table in tables.items():
        file = RESULTS / f"{name}.json"
        if file.exists():
            page = fill(page, name, table(json.loads(file.read_text(encoding="utf-8"))))
    PAGE.write_text(page, encoding="utf-8")


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


def latency(report: dict[str, Any]) -> str:
    """Times of the viewer beside the reference."""
    viewer, reference = report["viewer"], report["reference"]
    machine = report["machine"]
    rows = [
        ("encode one slice", _milliseconds(viewer["encode_s"]), _milliseconds(reference["encode_s"])),
        ("answer a box", _milliseconds(viewer["decode_s"]), _milliseconds(reference["decode_s"])),
        ("release of the mouse to the mask on the screen", _milliseconds(viewer["click_to_pixels_s"]), ""),
        ("the frame alone, in napari without us", _milliseconds(viewer["frame_s"]), ""),
        ("another image, to the first prompt", f"{1000 * viewer['open_to_ready_s']:.0f}", ""),
        ("longest gap of the window while encoding", f"{1000 * viewer['gap_encode_s']:.0f}", ""),
        ("longest gap while answering", f"{1000 * viewer['gap_decode_s']:.0f}", ""),
        ("longest gap while a prepared model loads", f"{1000 * viewer['gap_load_s']:.0f}", ""),
        (
            "longest gap while a model is prepared for the first time",
            f"{1000 * viewer['gap_first_load_s']:.0f}",
            "",
        ),
        ("longest gap while boxes are dragged and drawn", f"{1000 * viewer['gap_click_s']:.0f}", ""),
        ("longest gap while napari alone draws a frame", f"{1000 * viewer['gap_frame_s']:.0f}", ""),
        ("a prepared model loads and the first slice is encoded", f"{1000 * viewer['load_s']:.0f}", ""),
        ("the same, prepared for the first time", f"{1000 * viewer['first_load_s']:.0f}", ""),
    ]
    size = report["size"]
    lines = [f"| {size}×{size} image, milliseconds | here | reference |", "|---|---|---|"]
    lines += [f"| {what} | {ours} | {theirs} |" for what, ours, theirs in rows]
    lines.append(f"| peak memory of the process, MB | {viewer['peak_mb']:.0f} | {reference['peak_mb']:.0f} |")
    ratios = ", ".join(f"{name} {value:g}" for name, value in report["ratios"].items())
    about = f"{viewer['what']}; reference: {reference['what']}; {machine['cores']} cores, virtual screen"
    return "\n".join(
        [*lines, "", f"{about}. Median (95th percentile) where both are given. Ratios: {ratios}."]
    )


def _milliseconds(summary: dict[str, float]) -> str:
    return f"{1000 * summary['median']:.0f} ({1000 * summary['p95']:.0f})"


if __name__ == "__main__":
    main()
