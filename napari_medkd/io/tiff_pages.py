"""The chain of pages in a TIFF, followed by hand: a damaged one may run in circles."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_BIG = 43  # the version number of BigTIFF, whose offsets have 64 bits


def pages_run_in_circles(path: Path) -> bool:
    """Tell whether a page is followed by one that came before; decoders may then never end."""
    seen: set[int] = set()
    with open(path, "rb") as file:
        for offset in _offsets(file):
            if offset in seen:
                return True
            seen.add(offset)
    return False


def _offsets(file: BinaryIO) -> Iterator[int]:
    """Yield where each page's directory begins, until the chain ends or leaves the file."""
    start = file.read(16)
    order = _BYTE_ORDERS.get(start[:2], "<")
    try:
        is_big = struct.unpack_from(f"{order}H", start, 2)[0] == _BIG
        pointer, count, entry = (f"{order}Q", f"{order}Q", 20) if is_big else (f"{order}I", f"{order}H", 12)
        offset = struct.unpack_from(pointer, start, 8 if is_big else 4)[0]
        while offset:
            yield offset
            file.seek(offset)
            entries = struct.unpack(count, file.read(struct.calcsize(count)))[0]
            file.seek(entries * entry, 1)
            offset = struct.unpack(pointer, file.read(struct.calcsize(pointer)))[0]
    except (struct.error, OSError, OverflowError):
        return
