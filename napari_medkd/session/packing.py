"""Masks and prompts as few bytes: what undo steps, committed objects and the journal keep of them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Edits, Point, Prompt, Stroke

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER = struct.Struct("<6I")


@dataclass(frozen=True, slots=True)
class PackedMask:
    """A (rows, columns) mask as the compressed bits of its bounding box.

    Parameters
    ----------
    shape : tuple of int
        (rows, columns) of the whole mask.
    corner, size : tuple of int
        (row, column) of the bounding box and its (height, width); (0, 0) for an empty mask.
    bits : bytes
        The box's pixels, eight a byte, compressed.
    """

    shape: tuple[int, int]
    corner: tuple[int, int]
    size: tuple[int, int]
    bits: bytes

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> PackedMask:
        """Pack a (rows, columns) mask."""
        corner, (height, width) = bounding_box(mask)
        shape = (mask.shape[0], mask.shape[1])
        if not height:
            return cls(shape, corner, (0, 0), b"")
        bits = np.packbits(mask[corner[0] : corner[0] + height, corner[1] : corner[1] + width])
        return cls(shape, corner, (height, width), zlib.compress(bits.tobytes(), 1))

    @property
    def window(self) -> tuple[slice, slice]:
        """Where its bounding box lies in the slice."""
        (top, left), (height, width) = self.corner, self.size
        return slice(top, top + height), slice(left, left + width)

    def crop(self) -> NDArray[np.bool_]:
        """Return the pixels of the bounding box, (height, width)."""
        height, width = self.size
        if not self.bits:
            return np.zeros((height, width), np.bool_)
        packed = np.frombuffer(zlib.decompress(self.bits), np.uint8)
        return np.unpackbits(packed, count=height * width).reshape(height, width).astype(np.bool_)

    def unpack(self) -> NDArray[np.bool_]:
        """Return the whole mask, (rows, columns)."""
        mask = np.zeros(self.shape, np.bool_)
        mask[self.window] = self.crop()
        return mask

    def holding(self, pixels: NDArray[np.bool_]) -> PackedMask:
        """Return the mask with other pixels in its bounding box, (height, width)."""
        mask = np.zeros(self.shape, np.bool_)
        mask[self.window] = pixels
        return PackedMask.of(mask)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return len(self.bits) + _HEADER.size

    def to_bytes(self) -> bytes:
        """Return it as bytes for a file; `from_bytes` reads them."""
        return _HEADER.pack(*self.shape, *self.corner, *self.size) + self.bits

    @classmethod
    def from_bytes(cls, data: bytes) -> PackedMask:
        """Read what `to_bytes` gave; other bytes are a `ValueError`."""
        try:
            rows, columns, top, left, height, width = _HEADER.unpack_from(data)
        except struct.error as error:
            raise ValueError("not a packed mask") from error
        return cls((rows, columns), (top, left), (height, width), data[_HEADER.size :])


def bounding_box(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first (row, column) of a mask's bounding box and its (height, width): zeros where empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return (0, 0), (0, 0)
    top, height = int(rows[0]), int(rows[-1] - rows[0]) + 1
    columns = np.flatnonzero(mask[top : top + height].any(axis=0))
    return (top, int(columns[0])), (height, int(columns[-1] - columns[0]) + 1)


def pack_prompt(prompt: Prompt) -> bytes:
    """Return a prompt as JSON text; painted and erased pixels as packed masks in base64."""
    content: dict[str, Any] = {"plane": [prompt.plane.axis, prompt.plane.index]}
    if prompt.points:
        content["points"] = [[point.row, point.column, point.positive] for point in prompt.points]
    if prompt.box is not None:
        content["box"] = [prompt.box.top, prompt.box.left, prompt.box.bottom, prompt.box.right]
    if prompt.scribbles:
        content["scribbles"] = [_stroke_out(stroke) for stroke in prompt.scribbles]
    if prompt.lasso is not None:
        content["lasso"] = _stroke_out(prompt.lasso)
    if prompt.edits is not None:
        values = prompt.edits.values
        content["edits"] = [_mask_out(values > 0), _mask_out(values < 0)]
    return json.dumps(content, separators=(",", ":")).encode()


def unpack_prompt(data: bytes) -> Prompt:
    """Read what `pack_prompt` gave."""
    content = json.loads(data)
    return Prompt(
        plane=Plane(*content["plane"]),
        points=tuple(Point(*point) for point in content.get("points", ())),
        box=Box(*content["box"]) if "box" in content else None,
        scribbles=tuple(_stroke_in(stroke) for stroke in content.get("scribbles", ())),
        lasso=_stroke_in(content["lasso"]) if "lasso" in content else None,
        edits=_edits_in(*content["edits"]) if "edits" in content else None,
    )


def _stroke_out(stroke: Stroke) -> list[Any]:
    return [[[float(row), float(column)] for row, column in stroke.path], stroke.positive]


def _stroke_in(content: list[Any]) -> Stroke:
    path, positive = content
    return Stroke(tuple((row, column) for row, column in path), positive)


def _mask_out(mask: NDArray[np.bool_]) -> str:
    return base64.b64encode(PackedMask.of(mask).to_bytes()).decode()


def _edits_in(painted: str, erased: str) -> Edits:
    plus, minus = (PackedMask.from_bytes(base64.b64decode(text)).unpack() for text in (painted, erased))
    return Edits(plus.astype(np.int8) - minus.astype(np.int8))
