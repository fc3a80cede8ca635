"""A file that grows by whole lines, whatever kills its writer.

A line is appended by one call of the operating system. A writer that is killed in the middle of it leaves a
torn last line, which readers leave alone; the next writer ends it first.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class LineFile:
    """Appends lines to a file, which is made where it does not exist.

    Raises
    ------
    OSError
        Where the file cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b", buffering=0)
        self._torn = self._ends_torn()

    def append(self, lines: Sequence[bytes]) -> None:
        """Add lines, given without their ends; they outlive this process when this returns.

        Raises
        ------
        OSError
            Where the disk is gone, or too full for all of it; the next line still begins as one of its own.
        """
        text = b"".join(line + b"\n" for line in lines)
        text = b"\n" + text if self._torn else text
        written = self._file.write(text)
        self._torn = written != len(text)
        if self._torn:  # the system tells a full disk by an error only where nothing fits any more
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @property
    def closed(self) -> bool:
        """Whether it was let go of."""
        return self._file.closed

    def close(self) -> None:
        """Let go of the file; calling twice is harmless."""
        self._file.close()

    def _ends_torn(self) -> bool:
        if self._file.seek(0, os.SEEK_END) == 0:
            return False
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) != b"\n"
