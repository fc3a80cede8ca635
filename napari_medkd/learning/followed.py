"""The runs that learn or have learnt: which there are, how they stand, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_medkd import runs
from napari_medkd.errors import UnreadableFile
from napari_medkd.learning.decisions import decisions
from napari_medkd.runs import turn

if TYPE_CHECKING:
    from pathlib import Path

Stand = Literal["waiting", "running", "finished", "failed", "stopped", "crashed"]


@dataclass(frozen=True, slots=True, eq=False)
class LearningRun:
    """One run that learns from corrections.

    Parameters
    ----------
    handle : RunHandle
        To poll its events (each handle hears all of them from the first), stop it, or read its log.
    stand : str
        As the handle's status, and ``waiting`` where another run has to end first.
    model : str
        Id of the model that comes of it.
    decision : str
        What the user decided last: ``used``, ``kept`` (the old one), or empty.
    """

    handle: runs.RunHandle
    stand: Stand
    model: str
    decision: Literal["", "used", "kept"]

    @property
    def comparison(self) -> runs.Comparison | None:
        """Both models side by side; None before the run has come to it."""
        return runs.Comparison.load(self.handle.folder)

    @property
    def can_resume(self) -> bool:
        """Whether it stands still and can go on from its last checkpoint: `runs.resume(handle.folder)`."""
        return self.stand in ("stopped", "crashed", "failed")


def learning_runs(limit: int = 20) -> list[LearningRun]:
    """Return the runs that learn from corrections, the newest first; some milliseconds each."""
    found: list[LearningRun] = []
    for folder in runs.list_runs():
        try:
            handle = runs.attach(folder)
        except UnreadableFile:  # of another version: it is in the way of nobody
            continue
        if handle.spec.learning is not None:
            found.append(followed(handle))
        if len(found) == limit:
            break
    return found


def followed(handle: runs.RunHandle) -> LearningRun:
    """Say how one run stands."""
    status: Stand = handle.status
    stand: Stand = "waiting" if status == "running" and turn.is_waiting(handle.folder) else status
    made = {one.run: one.action for one in reversed(decisions()) if one.run}
    decision: Literal["", "used", "kept"] = {"use": "used", "keep": "kept"}.get(made.get(handle.id, ""), "")  # type: ignore[assignment]
    return LearningRun(handle, stand, str(handle.spec.options.get("name", "")), decision)


def find(name: str) -> Path:
    """Return the folder of a run by its id or path; empty takes the newest that learns."""
    if name:
        return runs.find(name)
    newest = runs.newest(lambda spec: spec.learning is not None)
    if newest is None:
        raise UnreadableFile("Nothing has been learnt yet.", "Start with: medkd learn start")
    return newest.folder
