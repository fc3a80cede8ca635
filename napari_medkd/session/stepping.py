"""The steps of a session: done, undone, done again, each on disk before it is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.session import prompting
from napari_medkd.session.observable import ObservableSession

if TYPE_CHECKING:
    from napari_medkd.session.diff import Region
    from napari_medkd.session.history import Draft, Step
    from napari_medkd.session.ledger import Ledger


class SteppingSession(ObservableSession):
    """The half of a `Session` that every change goes through, and that takes changes back."""

    def undo(self) -> str:
        """Take back the last step (prompt, paint, commit, delete, class); returns its title, "" for none."""
        if not self.can_undo:
            return ""
        step = self._history.done[-1]
        region = self._open_ledger().undo(step)
        self.collecting.follow_step(step, backwards=True)
        self.suggestions.follow_step(step, backwards=True)
        self._after_move(step, region, self._history.undo(self._draft_of(step)))
        return step.title

    def redo(self) -> str:
        """Do again what was undone; returns its title, "" for none."""
        if not self.can_redo:
            return ""
        step = self._history.undone[-1]
        region = self._open_ledger().redo(step)
        self.collecting.follow_step(step, again=True)
        self.suggestions.follow_step(step)
        self._after_move(step, region, self._history.redo(self._draft_of(step)))
        return step.title

    def _do(self, step: Step) -> None:
        """Do a step: on disk, then in memory, then for undo. Raises before anything changed."""
        step.draft = self._draft_of(step)
        region = self._open_ledger().do(step)
        self.collecting.follow_step(step)
        self.suggestions.follow_step(step)
        self._history.push(step)
        self._just_committed, self._current.error = False, None
        if region is not None:
            self.labels_changed.emit(region)
        if step.classes is not None:
            self.classes_changed.emit()

    def _draft_of(self, step: Step) -> Draft | None:
        return self._current.pack() if step.touches_draft else None

    def _after_move(self, step: Step, region: Region | None, draft: Draft | None) -> None:
        """Show what undo or redo changed."""
        self._just_committed = False
        if region is not None:
            self.labels_changed.emit(region)
        if step.classes is not None:
            self.classes_changed.emit()
        if step.touches_draft:
            self._current.restore(draft)
        self._announce_step()

    def _open_ledger(self) -> Ledger:
        if self._ledger is None:
            raise prompting.nothing_open()
        return self._ledger
