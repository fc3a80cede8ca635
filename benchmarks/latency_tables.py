"""The table of ``benchmarks.latency``: a column a model, the reference at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMES = {
    "encode one slice": "encode_s",
    "answer a box": "decode_s",
    "the mouse's release to the mask on the screen": "click_to_pixels_s",
    "the frame alone, in napari without us": "frame_s",
}
_ONCE = {
    "another image, to the first prompt": "open_to_ready_s",
    "another image, to its first mask": "open_to_mask_s",
    "longest gap of the window while encoding": "gap_encode_s",
    "longest gap while answering": "gap_decode_s",
    "longest gap while a prepared model loads": "gap_load_s",
    "longest gap while a model is prepared for the first time": "gap_first_load_s",
    "longest gap while prompts are given and drawn": "gap_click_s",
    "longest gap while napari alone draws a frame": "gap_frame_s",
    "a prepared model loads": "model_load_s",
    "a prepared model loads and the first slice is encoded": "load_s",
    "the same, prepared for the first time": "first_load_s",
}


def latency(report: dict[str, Any]) -> str:
    """Times of the viewer with each model beside the reference, and of the networks alone."""
    viewers, reference = report["viewers"], report.get("reference", {})
    columns = [*viewers.values(), reference]
    size = report["size"]
    lines = [
        f"| {size}×{size} image, milliseconds | {' | '.join(viewers)} | reference |",
        "|---" * (len(columns) + 1) + "|",
    ]
    lines += [_row(what, columns, key, milliseconds) for what, key in _TIMES.items()]
    lines += [_row(what, columns, key, lambda value: f"{1000 * value:.0f}") for what, key in _ONCE.items()]
    lines.append(_row("peak memory of the process, MB", columns, "peak_mb", lambda value: f"{value:.0f}"))
    lines.append(_row("torch imported", columns, "torch_imported", lambda value: "yes" if value else "no"))
    for part in ("encode", "decode"):
        cells = [_network(report, model, part) for model in viewers]
        lines.append(f"| the network alone, {part} | {' | '.join(cells)} | |")
    what = "; ".join(figures["what"] for figures in viewers.values())
    about = f"{what}; reference: {reference.get('what', 'left out')}; {report['machine']['cores']} cores"
    return "\n".join([*lines, "", f"{about}, virtual screen. Median (95th percentile) where both are given."])


def milliseconds(summary: dict[str, float]) -> str:
    """Return median and 95th percentile."""
    return f"{1000 * summary['median']:.0f} ({1000 * summary['p95']:.0f})"


def _row(what: str, columns: list[dict[str, Any]], key: str, shown: Callable[[Any], str]) -> str:
    cells = (shown(figures[key]) if key in figures else "" for figures in columns)
    return f"| {what} | {' | '.join(cells)} |"


def _network(report: dict[str, Any], model: str, part: str) -> str:
    figures = report.get("networks", {}).get(model)
    if figures is None:
        return ""
    ratio = report["ratios to litemedsam"].get(model, {}).get(part)
    faster = f", {ratio:g}× faster than LiteMedSAM's" if ratio is not None else ""
    return f"{1000 * figures[f'{part}_s']['median']:.0f}{faster}"
