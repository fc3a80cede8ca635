"""What is committed in one image: labels, objects and classes, each step on disk before it is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.errors import StorageError
from napari_medkd.session.classes import ClassTable
from napari_medkd.session.journal import Journal, Recovery, describe, find
from napari_medkd.session.replay import Contents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.session.diff import Diff, Region
    from napari_medkd.session.history import Step
    from napari_medkd.session.replay import Replay


class Ledger:
    """Labels, objects and classes of one image, with their journal.

    Parameters
    ----------
    content_id : str
        Names the image without naming the patient.
    labels : ndarray (z, y, x) uint16
        Edited in place; contiguous.
    base : Diff or None
        What they hold already; None where that is nothing.
    folder : Path or None
        Where the journal is kept; None keeps none.
    notify : callable
        Told sentences about journals that could not be used.
    """

    def __init__(
        self,
        content_id: str,
        labels: NDArray[np.uint16],
        base: Diff | None,
        folder: Path | None,
        notify: Callable[[str], object],
    ) -> None:
        self.labels = labels
        self.contents = Contents(ClassTable.fresh(base.new_values if base is not None else ()))
        self.is_saved = True
        self._content_id = content_id
        self._base = base
        self._folder = folder
        self._notify = notify
        self._journal: Journal | None = None
        self._found: tuple[Recovery, Journal, Replay] | None = None

    def offer(self) -> Recovery | None:
        """Look for an unfinished journal of the image."""
        if self._folder is None:
            return None
        journal, replay, obstacles = find(self._folder, self._content_id)
        for obstacle in obstacles:
            self._notify(obstacle.value)
        if journal is None or replay is None:
            return None
        recovery = describe(journal.path, replay)
        self._found = recovery, journal, replay
        return recovery

    def resume(self, recovery: Recovery) -> list[Step]:
        """Take labels, objects and classes from the journal that `offer` found; returns its steps."""
        journal, replay = self._offered(recovery)
        replay.write(self.labels)
        self.contents = replay.contents
        self.is_saved = False
        self._journal, self._found = journal, None
        return replay.steps

    def forget(self, recovery: Recovery) -> None:
        """Set the journal that `offer` found aside."""
        self._offered(recovery)[0].set_aside()
        self._found = None

    def do(self, step: Step) -> Region | None:
        """Journal a new step and then do it; returns the region of the labels that changed.

        Raises `StorageError` where it cannot be journalled; nothing is changed then.
        """
        if step.is_journalled:
            self._write(lambda journal: journal.append(step))
        return self._follow(step, backwards=False)

    def undo(self, step: Step) -> Region | None:
        """Take a step back, in the journal first."""
        if step.is_journalled:
            self._write(lambda journal: journal.append_move(step, "undo"))
        return self._follow(step, backwards=True)

    def redo(self, step: Step) -> Region | None:
        """Do a step again, in the journal first."""
        if step.is_journalled:
            self._write(lambda journal: journal.append_move(step, "redo"))
        return self._follow(step, backwards=False)

    def mark_saved(self) -> None:
        """Take note that the labels are in a file of the user's."""
        if self._journal is not None:
            self._journal.mark_saved()
        self.is_saved = True

    def close(self) -> None:
        """Let the journal go; it stays for the next time unless everything is saved."""
        if self._found is not None:
            self._found[1].close()
        if self._journal is not None and self.is_saved:
            self._journal.delete()
        elif self._journal is not None:
            self._journal.close()
        self._found = self._journal = None

    def _follow(self, step: Step, backwards: bool) -> Region | None:
        self.contents.apply(step, backwards)
        if step.is_journalled:
            self.is_saved = False
        return step.diff.apply(self.labels, backwards) if step.diff is not None else None

    def _write(self, row: Callable[[Journal], None]) -> None:
        if self._folder is None:
            return
        if self._found is not None:  # the user went on without an answer: as good as "start afresh"
            self.forget(self._found[0])
        if self._journal is None:
            table = self.contents.table
            self._journal, obstacle = Journal.create(self._folder, self._content_id, self._base, table)
            if obstacle is not None:
                self._notify(obstacle.value)
        row(self._journal)

    def _offered(self, recovery: Recovery) -> tuple[Journal, Replay]:
        if self._found is None or self._found[0] != recovery:
            raise StorageError("That journal is no longer on offer.", "Open the image again.")
        return self._found[1], self._found[2]
