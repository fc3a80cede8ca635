"""The page of a search: the encoder that was found, how α went there, and what it is worth beside others."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from src_training.files import write_text
from src_training.search.drawing import COLOURS, Chart, Line, Mark
from src_training.search.found import FOUND, FRONT, Found, Front, kept, read_trajectory

if TYPE_CHECKING:
    from pathlib import Path

    from src_training.search.found import Priced
    from src_training.search.space import Space

PAGE = "search.html"
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }
svg { font-size: 10px; margin: 2px; } table { border-collapse: collapse; }
td, th { padding: 3px 10px; text-align: left; border-bottom: 1px solid #8884; }
.op { display: inline-block; padding: 1px 7px; margin: 1px; border-radius: 9px; background: #4477aa22; }
.key { display: inline-block; margin-right: 1em; } .dot { display: inline-block; width: 9px; height: 9px; }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #ddd; } }
"""
_KINDS = {"found": 0, "distilled": 2, "random": 3, "known": 1}


def write_page(folder: Path, space: Space, priced: Priced, figures: dict[str, float]) -> None:
    """Write ``search.html`` from what the run has kept; it holds no path and no name of a case.

    `figures` are told at the top, such as the time that was measured at the end.
    """
    found = kept(folder, FOUND, Found)
    front = kept(folder, FRONT, Front) or Front()
    trajectory = read_trajectory(folder)
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Search for an encoder</title>",
        f"<style>{_STYLE}</style><h1>Search for an encoder</h1>",
        _summary(priced, figures),
        "" if found is None else _architecture(found),
        _front(front, priced, figures),
        _trajectories(space, trajectory),
        "</html>",
    ]
    write_text(folder / PAGE, "\n".join(part for part in parts if part) + "\n")


def _summary(priced: Priced, figures: dict[str, float]) -> str:
    rows = [("Wanted", f"{priced.target:g} {priced.unit}" if priced.target else "no target")]
    rows += [(name.replace("_", " "), f"{value:.4g}") for name, value in figures.items()]
    rows += [("Measured on", priced.measured_on)] if priced.measured_on else []
    cells = "".join(f"<tr><th>{escape(name)}<td>{escape(value)}" for name, value in rows)
    return f"<table>{cells}</table>"


def _architecture(found: Found) -> str:
    rows = []
    for number, stage in enumerate(found.encoder.stages):
        ways = " ".join(
            f"<span class='op'>{edge.source} → {edge.target}: {escape(' + '.join(edge.operations))}</span>"
            for edge in stage.edges
        )
        rows.append(
            f"<tr><td>{number}<td>{2 ** (number + 1)}<td>{stage.width}"
            f"<td><span class='op'>{escape(stage.down)}</span><td>{ways or '–'}"
        )
    plan = found.encoder
    return (
        f"<h2>Architecture</h2><p>How: {escape(found.how)}; {found.tries} derived and measured. Every edge "
        "leads from a node to a later one; what comes together in a node is added.</p>"
        "<table><tr><th>Stage<th>Stride<th>Channels<th>Step down<th>Edges"
        f"{''.join(rows)}</table><p>Neck: the stages of stride 8, 16 and 32 on cells of {plan.cell} pixels, "
        f"{plan.neck_width} channels, {plan.neck_blocks} blocks ({plan.mixing}).</p>"
    )


def _front(front: Front, priced: Priced, figures: dict[str, float]) -> str:
    if not front.points:
        return ""
    trained = [point.iou for point in front.points if point.iou is not None]
    low, high = (min(trained) - 0.02, max(trained) + 0.02) if trained else (0.0, 1.0)
    slowest = 1.15 * max(point.milliseconds for point in front.points)
    chart = Chart(
        "Accuracy and time", "ms for one image", "mean IoU, validation", (0, slowest), (low, high), (660, 340)
    )
    for point in front.points:
        chart.mark(Mark(point.name, point.milliseconds, point.iou, _KINDS[point.kind]))
    if priced.unit == "ms" and priced.target:
        chart.mark(Mark("target", priced.target, None, 6))
    rows = "".join(
        f"<tr><td>{escape(point.name)}<td>{point.milliseconds:.2f}<td>{point.parameters / 1e6:.2f}"
        f"<td>{'not trained' if point.iou is None else f'{point.iou:.4f}'}"
        f"<td>{escape(point.package)}"
        for point in sorted(front.points, key=lambda point: point.milliseconds)
    )
    hint = (
        "<p>Dashed: only measured. <code>--set rivals=2</code> trains two random encoders of equal time, and "
        "these known ones, with as many steps as the one that was found has before distillation.</p>"
        if any(point.iou is None for point in front.points)
        else "<p>All trained with the same steps on the same pictures; “distilled” has its "
        "distillation besides. One seed is one draw. A package is a folder of this run: <code>medkd models "
        "add</code> takes it in, whichever you like best.</p>"
    )
    table = f"<table><tr><th>Encoder<th>ms<th>M parameters<th>IoU<th>Package{rows}</table>"
    return f"<h2>Accuracy and time</h2>{chart.svg()}{table}{hint}"


def _trajectories(space: Space, trajectory: dict[int, dict[str, list[float]]]) -> str:
    if len(trajectory) < 2:
        return ""
    steps = list(trajectory)
    names = list(dict.fromkeys(name for slot in space.slots for name in slot.candidates))
    key = "".join(
        f"<span class='key'><span class='dot' style='background:{COLOURS[n % len(COLOURS)]}'></span> "
        f"{escape(name)}</span>"
        for n, name in enumerate(names)
    )
    charts = []
    for slot in space.slots:
        if len(slot.candidates) > 1:
            chart = Chart(slot.title, "step", "", (0, steps[-1]), (0, 1))
            for place, name in enumerate(slot.candidates):
                values = [trajectory[step][slot.name][place] for step in steps]
                chart.line(Line(name, steps, values, names.index(name)))
            charts.append(chart.svg())
    return f"<h2>softmax(α) over the search</h2><p>{key}</p>{''.join(charts)}"
