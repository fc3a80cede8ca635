"""COCO's ways to write a mask: run lengths down the columns, plain or as text, and polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# The text form: a number is cut into groups of 5 bits, the lowest first, each a character from "0" on; a
# sixth bit says that more follow, the highest bit of the last group is the sign. From the fourth number on,
# each is less the one before the last.
_FIRST, _BITS, _MORE, _SIGN = 48, 5, 0x20, 0x10


def encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a (rows, columns) mask as plain run lengths, background first."""
    flat = np.concatenate(([False], mask.ravel(order="F")))
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate(([0], changes, [mask.size])))
    return {"size": [int(mask.shape[0]), int(mask.shape[1])], "counts": [int(count) for count in counts]}


def decode(segmentation: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the (rows, columns) mask of an annotation: run lengths, their text, or polygons."""
    if isinstance(segmentation, dict):
        counts = segmentation.get("counts")
        if isinstance(counts, str | bytes):
            counts = _from_text(counts)
        return _filled(counts, shape)
    if isinstance(segmentation, list):
        return _polygons(segmentation, shape)
    raise UnreadableFile("An annotation has no mask.", "Expected polygons or run lengths under segmentation.")


def _filled(counts: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    try:
        lengths = np.asarray(counts, dtype=np.int64)
        values = np.arange(lengths.size) % 2 == 1
        flat = np.repeat(values, lengths)
    except (TypeError, ValueError) as error:
        raise UnreadableFile("The run lengths of an annotation cannot be read.", "Check the file.") from error
    if flat.size != shape[0] * shape[1]:
        raise UnreadableFile(
            f"The run lengths of an annotation cover {flat.size} pixels, not {shape[0]} by {shape[1]}.",
            "Check that the annotation belongs to the image.",
        )
    return flat.reshape(shape, order="F")


def _from_text(text: str | bytes) -> list[int]:
    codes = text.encode() if isinstance(text, str) else text
    counts: list[int] = []
    value, shift = 0, 0
    for code in codes:
        group = code - _FIRST
        value |= (group & (_MORE - 1)) << shift
        shift += _BITS
        if group & _MORE:
            continue
        if group & _SIGN:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, shift = 0, 0
    return counts


def _polygons(polygons: Sequence[Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill outlines given as x, y, x, y, …; those of one annotation are one object."""
    from skimage.draw import polygon2mask

    mask = np.zeros(shape, np.bool_)
    for outline in polygons:
        if not isinstance(outline, list) or len(outline) < 6 or len(outline) % 2:
            raise UnreadableFile(
                "An outline of an annotation has fewer than three points.", "Check the file."
            )
        corners = np.asarray(outline, np.float64).reshape(-1, 2)[:, ::-1]
        # COCO's coordinates are of pixel edges: the centre of the first pixel is at 0.5.
        mask |= np.asarray(polygon2mask(shape, corners - 0.5), np.bool_)  # type: ignore[no-untyped-call]
    return mask
