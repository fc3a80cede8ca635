"""A table of boxes for models that need them: one row a box, CSV."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medkd.core.prompts import Box
from napari_medkd.errors import InvalidPrompt, UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_NEEDED = ("image", "x0", "y0", "x1", "y1")
_KNOWN = (*_NEEDED, "slice", "label", "name")
_MAX_LABEL = 65535


@dataclass(frozen=True, slots=True)
class BoxRow:
    """One box of an image.

    Parameters
    ----------
    box : Box
        In pixels of the slice as stored.
    slices : tuple of int or None
        First and last slice that it is on; None where the image has only one.
    label : int
        Value of the object in the mask.
    name : str
        What it is, for people; may be empty.
    """

    box: Box
    slices: tuple[int, int] | None = None
    label: int = 1
    name: str = ""


def read_boxes(path: Path) -> dict[str, list[BoxRow]]:
    """Read a table with the columns image, x0, y0, x1, y1 and perhaps slice, label, name.

    Parameters
    ----------
    path : Path
        CSV in UTF-8 with a heading; comma, semicolon or tab.

    Returns
    -------
    dict
        What the column ``image`` says → its boxes in the order of the table.

    Raises
    ------
    UnreadableFile, InvalidPrompt
        The file cannot be read, a column is missing, or a row is no box: the message names its line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableFile(
            f'The boxes "{path.name}" cannot be read: {reason}.', "Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            f'The boxes "{path.name}" cannot be read: they are no text in UTF-8.',
            "Save them as CSV in UTF-8.",
        ) from error
    lines = text.splitlines()
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    reader = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
    _check_heading(path.name, reader.fieldnames or ())
    found: dict[str, list[BoxRow]] = {}
    for row in reader:
        if any((value or "").strip() for value in row.values() if isinstance(value, str)):
            image, box = _row(row, f'Line {reader.line_num} of "{path.name}"')
            found.setdefault(image, []).append(box)
    return found


def _check_heading(name: str, columns: Iterable[str]) -> None:
    columns = list(columns)
    missing = [column for column in _NEEDED if column not in columns]
    if missing:
        raise InvalidPrompt(
            f'The boxes "{name}" lack the column {missing[0]}; their first line has: '
            f"{', '.join(columns) or 'nothing'}.",
            f"Begin with a line: {','.join(_KNOWN)} (the last three may be left out).",
        )


def _row(row: Mapping[str, str | None], place: str) -> tuple[str, BoxRow]:
    image = (row["image"] or "").strip().replace("\\", "/").removeprefix("./")
    corners = [_number(row[key], key, place) for key in ("x0", "y0", "x1", "y1")]
    label = _number(row.get("label") or "1", "label", place)
    if not image or label != int(label) or not 1 <= label <= _MAX_LABEL:
        raise InvalidPrompt(
            f"{place} names no image or a label that is no whole number from 1 to {_MAX_LABEL}.",
            "Correct that line.",
        )
    x0, y0, x1, y1 = corners
    box = Box.between((y0, x0), (y1, x1))
    return image, BoxRow(box, _slices(row.get("slice"), place), int(label), (row.get("name") or "").strip())


def _number(text: str | None, column: str, place: str) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidPrompt(f"{place} has {text!r} for {column}, which is no number.", "Correct that line.")
    return number


def _slices(text: str | None, place: str) -> tuple[int, int] | None:
    """Read ``"12"`` or ``"12-30"``, both ends included."""
    if not (text or "").strip():
        return None
    first, _, last = str(text).strip().partition("-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        low, high = 1, 0
    if not 0 <= low <= high:
        raise InvalidPrompt(
            f"{place} has {text!r} for slice.", "Write one slice, such as 12, or a range, such as 12-30."
        )
    return low, high
