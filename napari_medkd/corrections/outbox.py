"""Corrections on their way to the store: files in a folder, so that nobody waits and nothing is lost.

A store may be slow: it flushes to the disk, and a team's is on another computer. What the user committed is
therefore first written as one plain file here, which takes a few milliseconds and outlives the program
however it ends; the store gets it later, in order. Only a power cut can take what was committed in the second
before.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from pydantic import ValidationError

from napari_medkd.corrections.record import About, Correction
from napari_medkd.errors import MedkdError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_medkd.corrections.record import Record
    from napari_medkd.corrections.store import CorrectionStore

_log = logging.getLogger(__name__)
Change = Literal["withdraw", "restore", "drop"]
_ADD, _DAMAGED, _PART = "add", ".damaged", ".part"
_MASKS = ("accepted", "proposal")


class Outbox:
    """A queue of corrections, and of what becomes of them, on the disk of this computer.

    Any number of processes may post and deliver at once: a correction that is delivered twice is added once.

    Parameters
    ----------
    folder : Path
        Where the queue is; made when something is posted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def post(self, given: Correction) -> None:
        """Queue a correction; `StorageError` where it cannot be written, and nothing is queued then."""
        with _errors():
            path = self._next(f"{given.about.id}.{_ADD}")
            part = path.with_name(path.name + _PART)
            try:
                with part.open("wb") as file:
                    np.savez(file, allow_pickle=False, **_packed(given))
                os.replace(part, path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise

    def post_change(self, id: str, change: Change) -> None:
        """Queue that a correction is taken back, or stands again."""
        with _errors():
            self._next(f"{id}.{change}").touch()

    def __len__(self) -> int:
        return sum(1 for _ in self._waiting())

    def deliver(self, store: CorrectionStore) -> list[Record]:
        """Give all that waits to a store, in order; returns the records.

        A file that a power cut left in pieces is set aside. Where the store fails, the rest goes on waiting.
        """
        records = []
        for path in self._waiting():
            name, kind = path.stem.partition("-")[2], path.suffix[1:]
            if kind == _ADD:
                given = self._read(path)
                if given is not None:
                    records.append(store.add(given))
            elif kind == "restore":
                store.restore([name])
            else:
                store.withdraw([name], revive=kind == "withdraw")
            with _errors():
                path.unlink(missing_ok=True)
        return records

    def damaged(self) -> int:
        """Return how many files were set aside because they could not be read."""
        return sum(1 for _ in self.folder.glob(f"*{_DAMAGED}"))

    def _waiting(self) -> Iterator[Path]:
        kinds = {f".{kind}" for kind in (_ADD, *get_args(Change))}
        found = (path for path in self.folder.glob("*-*") if path.suffix in kinds)
        return iter(sorted(found, key=lambda path: path.name))

    def _next(self, name: str) -> Path:
        """Return the path of the next in the queue; numbers count, since clocks jump."""
        self.folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.name.partition("-")[0]) for path in self._waiting()]
        return self.folder / f"{max(numbers, default=0) + 1:08d}-{name}"

    def _read(self, path: Path) -> Correction | None:
        try:
            # Opened here: NumPy leaves a file open that it cannot read.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
                return _unpacked({name: content[name] for name in content.files})
        except FileNotFoundError:
            return None  # another window delivered it
        except (ValidationError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MedkdError):
            _log.warning("A correction on its way to the store was cut off; it was set aside.")
            with contextlib.suppress(FileNotFoundError), _errors():
                os.replace(path, path.with_name(path.name + _DAMAGED))
            return None


def _packed(given: Correction) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(given.about.model_dump_json().encode(), np.uint8),
        "image": given.image,
        "accepted": np.packbits(given.accepted),
    }
    if given.proposal is not None:
        arrays["proposal"] = np.packbits(given.proposal)
    if given.edits is not None:
        arrays["edits"] = given.edits
    return arrays


def _unpacked(arrays: dict[str, NDArray[Any]]) -> Correction:
    facts = json.loads(arrays["about"].tobytes())
    about = About.model_validate({name: facts[name] for name in facts if name in About.model_fields})
    rows, columns = about.plane.shape(about.volume_shape)
    masks = {
        name: np.unpackbits(arrays[name], count=rows * columns).reshape(rows, columns).astype(np.bool_)
        for name in _MASKS
        if name in arrays
    }
    return Correction(about, arrays["image"], masks["accepted"], masks.get("proposal"), arrays.get("edits"))


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"The correction could not be kept: {error.strerror or type(error).__name__}.",
            "The mask itself was committed. Free some space on the disk, or turn collecting off.",
        ) from error
