"""Before and after in a table: a row a figure, a fall in red."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_medkd.widgets.drawing import GREEN, RED
from napari_medkd.widgets.table import Cell, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qtpy.QtWidgets import QWidget

    from napari_medkd.runs.comparison import Change, Comparison, Interval, Latency, SetComparison


@dataclass(frozen=True, slots=True)
class _Figure:
    title: str
    meaning: str
    more_is_better: bool = True
    digits: int = 3


_TAKEN = "Share of these images that the model takes for the kind that it learnt."
_FIGURES = {
    "dice@1": _Figure("Dice, 1 click", "Overlap of the answer to the first click with the truth, 0 to 1."),
    "nsd": _Figure("NSD, 1 click", "Share of the outline that lies within tolerance after the first click."),
    "dice": _Figure("Dice, all clicks", "Overlap after the last click."),
    "noc85": _Figure(
        "Clicks to 85 %", "Clicks needed for an overlap (IoU) of 85 percent.", more_is_better=False, digits=1
    ),
}
_HEADS = (
    Cell("Figure"),
    Cell("Before", tooltip="Mean of the model in use."),
    Cell("After", tooltip="Mean of the new model."),
    Cell("Change", tooltip="Mean change of an object, and the 95 % interval over cases."),
)


def set_table(found: SetComparison, prompts: str = "click", parent: QWidget | None = None) -> Table:
    """Return the table of one set of objects; `prompts` is what the models were given."""
    table = Table(f"Before and after on {found.name}", _HEADS, rows_shown=8, parent=parent)
    figures = _figures(found, prompts)
    rows = [_row(figures.get(name), name, change) for name, change in found.figures.items()]
    first = figures["dice@1"]
    rows += [_row(_of_part(first, name), name, change) for name, change in found.parts.items()]
    table.show_rows(rows)
    return table


def latency_table(found: Comparison, parent: QWidget | None = None) -> Table:
    """Return the table of how long answers take."""
    table = Table("How long answers take", _HEADS, parent=parent)
    table.show_rows(list(_latencies(found.latency_before, found.latency_after)))
    return table


def set_title(found: SetComparison) -> str:
    """Return what a set is, with its size."""
    what = "Held-out cases" if found.kind == "corrections" else "Other kinds of images, not to be forgotten"
    return f"{what}: {_many(found.objects, 'object')} of {_many(found.cases, 'case')}"


def _figures(found: SetComparison, prompts: str) -> dict[str, _Figure]:
    if prompts != "auto":
        return _FIGURES
    return {
        "dice@1": _Figure("Dice", "Overlap of what the model suggests by itself with the truth, 0 to 1."),
        "nsd": _Figure("NSD", "Share of the outline of what it suggests that lies within tolerance."),
        "taken": _Figure("Taken for it", _TAKEN, more_is_better=found.kind == "corrections"),
    }


def _of_part(figure: _Figure, name: str) -> _Figure:
    return replace(figure, title=f"{figure.title}: {name}", meaning=f"{figure.meaning} Of {name} alone.")


def _row(figure: _Figure | None, name: str, change: Change) -> tuple[Cell, ...]:
    figure = figure or _Figure(name, name)
    gain = change.change.mean
    better = gain is not None and (gain > 0) == figure.more_is_better
    colour = "" if not gain or round(gain, figure.digits) == 0 else GREEN if better else RED
    return (
        Cell(figure.title, tooltip=figure.meaning),
        Cell(_number(change.before.mean, figure.digits), tooltip=_interval(change.before, figure.digits)),
        Cell(_number(change.after.mean, figure.digits), tooltip=_interval(change.after, figure.digits)),
        Cell(_signed(change.change, figure.digits), colour, _interval(change.change, figure.digits)),
    )


def _latencies(before: Latency, after: Latency) -> Iterator[tuple[Cell, ...]]:
    rows = (
        ("Encode a slice", "Median time to look at a slice, once.", before.encode, after.encode),
        ("Answer a click", "Median time from a click to its mask.", before.answer, after.answer),
    )
    for title, meaning, old, new in rows:
        slower = new > 1.2 * old  # below that it is the computer, not the model
        yield (
            Cell(title, tooltip=meaning),
            Cell(f"{1000 * old:.0f} ms"),
            Cell(f"{1000 * new:.0f} ms"),
            Cell(f"{_plus(1000 * (new - old), 0)} ms", RED if slower else ""),
        )


def _many(count: int, word: str) -> str:
    return f"1 {word}" if count == 1 else f"{count:,} {word}s"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _plus(value: float, digits: int) -> str:
    """Return a difference with its sign, and none where it is nothing after rounding."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def _signed(found: Interval, digits: int) -> str:
    if found.mean is None:
        return "–"
    if found.low is None or found.high is None:
        return _plus(found.mean, digits)
    return f"{_plus(found.mean, digits)} ({_plus(found.low, digits)} to {_plus(found.high, digits)})"


def _interval(found: Interval, digits: int) -> str:
    if found.low is None or found.high is None:
        return "Too few cases for an interval."
    return f"95 % interval {found.low:.{digits}f} to {found.high:.{digits}f}"
