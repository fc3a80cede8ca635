"""Reading an image for a command, with one voice: ours."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_medkd.io import read_volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_medkd.core.volume import Volume

_STANDARD_ERROR = 2


def read(image: Path, series: str | None, frame: int | None) -> Volume:
    """Read an image; what goes wrong is a `MedkdError`, and the decoders' own complaints are not printed."""
    with quiet_decoders():
        return read_volume(image, series=series, frame=frame)


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep what libtiff, GDCM and the like write straight to the descriptor of standard error off the screen.

    Only for a program with one thread: the descriptor belongs to the whole process. Under ``--debug`` all of
    it is shown.
    """
    if logging.getLogger().level == logging.DEBUG:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(_STANDARD_ERROR)
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), _STANDARD_ERROR)
        yield
    finally:
        os.dup2(kept, _STANDARD_ERROR)
        os.close(kept)
