"""The report of a folder of masks: a table for programs, a page for people, the measurements."""

from __future__ import annotations

import csv
import os
import uuid
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, TextIO

from napari_medkd.batch import page
from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_medkd.batch.ledger import Entry, Ledger
    from napari_medkd.batch.plan import Plan
    from napari_medkd.batch.row import Class, Row

TABLE, PAGE, MEASURES = "report.csv", "report.html", "measures.csv"
_COLUMNS = (
    *("image", "status", "reason", "hint", "mask", "model", "modality", "slices", "rows", "columns"),
    *("confidence", "found", "size", "size_unit", "seconds", "notes"),
)
_MEASURE_COLUMNS = (
    *("image", "label", "name", "number", "voxels", "size", "size_unit", "longest_diameter"),
    *("equivalent_diameter", "length_unit", "centre_z", "centre_y", "centre_x", "first_slice", "last_slice"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


def write(target: Path, ledger: Ledger, plan: Plan, model: str = "") -> dict[str, float]:
    """Write the reports of the images in a plan, those done earlier included, in the plan's order.

    `model` is what the model is called. Rows are read back one after the other, so that a report of a hundred
    thousand images takes no more memory than one of ten.

    Returns
    -------
    dict
        How many are ``done``, ``failed`` and ``skipped``.
    """
    entries = ledger.entries()
    names = [item.name for item in plan.items] + [row.name for row in plan.skipped]
    listed = [(name, entries[name]) for name in names if name in entries and entries[name].status != "begun"]
    with _whole(target / TABLE) as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        table.writerows(_cells(ledger.row(entry)) for _, entry in listed)
    measured = _write_measures(target / MEASURES, ledger, listed)
    counts = {
        status: sum(entry.status == status for _, entry in listed) for status in ("done", "failed", "skipped")
    }
    shown = counts | {"left": len(names) - len(listed)}
    with _whole(target / PAGE) as file:
        for piece in page.pieces(shown, _ordered(ledger, listed), MEASURES if measured else "", TABLE, model):
            file.write(piece)
    return {name: float(count) for name, count in counts.items()}


def size_unit(row: Row) -> str:
    """Return the unit of the sizes of an image: ``mm²`` for one slice, ``mm³`` for several."""
    return row.unit + ("²" if row.shape is None or row.shape[0] == 1 else "³")


def _ordered(ledger: Ledger, listed: Sequence[tuple[str, Entry]]) -> Iterator[Row]:
    """Yield rows as a person wants them: failures, then what the model was least sure of, then the rest."""
    rank = {"failed": 0, "done": 1, "skipped": 2}

    def key(one: tuple[str, Entry]) -> tuple[int, float]:
        entry = one[1]
        return rank[entry.status], 2.0 if entry.confidence is None else entry.confidence

    return (ledger.row(entry) for _, entry in sorted(listed, key=key))


def _cells(row: Row) -> list[object]:
    shape = row.shape or ("", "", "")
    confidence = "" if row.confidence is None else f"{row.confidence:.4f}"
    total = sum(one.size for one in row.classes)
    sizes = (f"{total:.6g}", size_unit(row)) if row.shape else ("", "")
    cells = (
        *(row.name, row.status, row.reason, row.hint, row.output if row.status == "done" else "", row.model),
        *(row.modality, *shape, confidence, "; ".join(map(found, row.classes)), *sizes),
        *(f"{row.seconds:.3f}", " ".join(row.notes)),
    )
    return [_harmless(cell) for cell in cells]


def found(one: Class) -> str:
    """Return what was found of a class: ``liver 51200``."""
    return f"{one.name or one.label} {one.voxels}"


def _write_measures(path: Path, ledger: Ledger, listed: Sequence[tuple[str, Entry]]) -> bool:
    """Write a row for each measured object; False, and no file, where there is none."""
    rows = (
        row for _, entry in listed if entry.status == "done" for row in [ledger.row(entry)] if row.measures
    )
    first = next(rows, None)
    if first is None:
        path.unlink(missing_ok=True)  # of an earlier run
        return False
    with _whole(path) as file:
        table = csv.writer(file)
        table.writerow(_MEASURE_COLUMNS)
        for row in chain([first], rows):
            for one in row.measures:
                power = "²" if one.dimensions == 2 else "³"
                cells = (
                    *(row.name, one.label, one.name, one.number, one.voxels, f"{one.size:.6g}"),
                    *(one.unit + power, f"{one.longest_diameter:.5g}", f"{one.equivalent_diameter:.5g}"),
                    *(one.unit, *one.centre, one.first_slice, one.last_slice),
                )
                table.writerow([_harmless(cell) for cell in cells])
    return True


def _harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: a file may have any name."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """Open a text file that appears under its name when all of it is written."""
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        with temporary.open(
            "w", encoding="utf-8-sig" if path.suffix == ".csv" else "utf-8", newline=""
        ) as file:
            yield file
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f'The report "{path.name}" could not be written: {error.strerror or error}.',
            "Free some space, then give the same command again: masks that are there are kept.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
