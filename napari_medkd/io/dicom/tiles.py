"""Slide microscopy: the tiles of one level put together into one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.io.dicom.slices import lookup
from napari_medkd.io.memory import check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray


def is_tiled(dataset: Any) -> bool:
    """Tell whether the frames are tiles of one larger picture."""
    return bool(dataset.get("TotalPixelMatrixRows")) and bool(dataset.get("TotalPixelMatrixColumns"))


def assemble(frames: NDArray[Any], dataset: Any, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return (1, rows, columns[, 3]) of the whole picture; tiles that are missing stay dark."""
    rows, columns = int(dataset.TotalPixelMatrixRows), int(dataset.TotalPixelMatrixColumns)
    check_size(name, (rows, columns, *frames.shape[3:]), frames.dtype.itemsize)
    whole = np.zeros((rows, columns, *frames.shape[3:]), frames.dtype)
    across = -(-columns // frames.shape[2])
    placed = set()
    for index, tile in enumerate(frames):
        corner = _corner(dataset, index) or (
            index // across * frames.shape[1],
            index % across * frames.shape[2],
        )
        if corner in placed or corner[0] >= rows or corner[1] >= columns:
            continue  # a further optical path or focal plane
        placed.add(corner)
        target = whole[corner[0] : corner[0] + tile.shape[0], corner[1] : corner[1] + tile.shape[1]]
        target[...] = tile[: target.shape[0], : target.shape[1]]
    notes = (f"{len(placed)} tiles of a slide are shown as one picture.",) if len(placed) > 1 else ()
    return whole[np.newaxis], notes


def _corner(dataset: Any, index: int) -> tuple[int, int] | None:
    """Return the (row, column) of a tile's first pixel, from 0; None where tiles simply follow each other."""
    keys = ("RowPositionInTotalImagePixelMatrix", "ColumnPositionInTotalImagePixelMatrix")
    row, column = (lookup(dataset, index, "PlanePositionSlideSequence", key) for key in keys)
    return None if row is None or column is None else (max(int(row) - 1, 0), max(int(column) - 1, 0))
