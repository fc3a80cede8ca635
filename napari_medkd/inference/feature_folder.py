"""What an encoder gave, kept on disk: an image that was open before is ready without encoding it again.

A file is named after a digest of the pixels that the network saw, and of the model, so it is found whatever
the image is called, and says nothing of whose it is. Values are kept as they are: half of their precision
would take half of the space, and three times the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.inference.preprocess import Frame
    from napari_medkd.models.card import ModelCard

    Features = tuple[NDArray[np.float32], ...]

logger = logging.getLogger(__name__)
_SPARE = 0.9  # of the budget that is left when it was reached: not every view begins a sweep of its own


class FeatureFolder:
    """Keeps features up to a number of bytes; those used least recently go. Safe to use from several threads.

    It is nobody's only copy: what cannot be written or read is encoded again, and no one is told.

    Parameters
    ----------
    folder : Path
        Made when something is first kept, for this user alone.
    budget : int
        Bytes.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self._folder = folder
        self._budget = budget
        self._used: int | None = None  # unknown until something is kept
        self._lock = Lock()

    def get(self, name: str) -> Features | None:
        """Return the features of a view, counted as used now; None where they are not kept."""
        path = self._folder / name
        try:
            with path.open("rb") as file:
                count = int(np.load(file, allow_pickle=False))
                found = tuple(np.load(file, allow_pickle=False) for _ in range(count))
            os.utime(path)
        except (OSError, EOFError, ValueError):
            return None
        return found

    def put(self, name: str, features: Features) -> None:
        """Keep the features of a view."""
        try:
            self._write(self._folder / name, features)
        except OSError as error:  # a full disk, a folder that is not ours
            logger.warning("An encoded slice was not kept on disk: %s", error.strerror)

    def _write(self, path: Path, features: Features) -> None:
        """Write a file in one step, and make room where the budget is reached."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                for array in (np.array(len(features)), *features):
                    np.save(file, array, allow_pickle=False)
            size = os.stat(temporary).st_size
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        with self._lock:
            self._used = self._total() if self._used is None else self._used + size
            if self._used > self._budget:
                self._make_room()

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return (time of last use, bytes, path) of every file; other sessions may delete some meanwhile."""
        found = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        return found

    def _total(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _make_room(self) -> None:
        files = sorted(self._files())
        self._used = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._used <= _SPARE * self._budget:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            self._used -= size


def name_of(card: ModelCard, frame: Frame, image: NDArray[np.uint8], is_mirrored: bool = False) -> str:
    """Return what the features of a view are kept under: a digest of the model and of what it sees.

    Parameters
    ----------
    image : ndarray (rows, columns, 1 or 3) uint8
        The whole slice; only the frame's view of it counts.
    """
    digest = hashlib.blake2b(digest_size=20)
    seen = image[frame.view.pixels]
    files = sorted(card.files.items())
    how = f"{seen.shape} {is_mirrored}" + (f" {frame.share}" if frame.share < 1 else "")
    digest.update(f"{card.id} {files} {card.preprocessing!r} {how}".encode())
    digest.update(np.ascontiguousarray(seen).data)
    return digest.hexdigest()
