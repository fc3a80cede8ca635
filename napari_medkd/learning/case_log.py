"""How far a folder of cases was worked through: one line a change, appended as it happens.

Names of files may name patients, so that a line has a digest of the name. A line is appended by one call of
the operating system; a torn one is passed over.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medkd import settings
from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

CaseState = Literal["new", "open", "done", "skipped", "failed"]


class CaseNote(BaseModel):
    """How one case stands."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    case: str = Field("", description="Digest of the name of the image.")
    state: CaseState = Field("new", description="How it stands.")
    seconds: float = Field(0.0, ge=0, description="Time that was spent on it, all of it together.")
    reason: str = Field("", description="Why it failed, without names of files; empty otherwise.")


class CaseLog:
    """What became of the cases of one folder.

    Parameters
    ----------
    folder : Path
        The folder of images; the log itself lies among our own files, under a digest of its path.
    """

    def __init__(self, folder: Path) -> None:
        mark = blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()
        self._path = settings.home() / "cases" / f"{mark}.jsonl"
        self._notes = {note.case: note for note in _read(self._path)}

    def of(self, name: str) -> CaseNote:
        """Return how a case stands."""
        return self._notes.get(_digest(name), CaseNote())

    def note(self, name: str, state: CaseState, seconds: float = 0.0, reason: str = "") -> CaseNote:
        """Write down how a case stands now; `seconds` are added to what was spent on it before.

        Raises
        ------
        StorageError
            The disk does not let us; nothing is changed then.
        """
        before = self.of(name).seconds
        note = CaseNote(case=_digest(name), state=state, seconds=round(before + seconds, 2), reason=reason)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                file.write(b"\n" + note.model_dump_json().encode() + b"\n")  # ends a torn line before it
        except OSError as error:
            raise StorageError(
                f"How far you are could not be written down: {error.strerror or error}.", "Free some space."
            ) from error
        self._notes[note.case] = note
        return note


def _digest(name: str) -> str:
    return blake2b(name.encode(), digest_size=8).hexdigest()


def _read(path: Path) -> list[CaseNote]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:  # none yet; one that cannot be read is said when it is to be written
        return []
    notes = []
    for line in filter(None, lines):
        try:
            notes.append(CaseNote.model_validate_json(line))
        except ValidationError:
            continue
    return notes
