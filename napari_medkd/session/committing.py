"""A session in which the proposal becomes part of the labels, or is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.errors import InvalidPrompt
from napari_medkd.session import editing, prompting
from napari_medkd.session.history import Step
from napari_medkd.session.reviewing import ReviewingSession
from napari_medkd.session.state import CommitResult, Pending

if TYPE_CHECKING:
    from napari_medkd.session.state import OverlapRule


class CommittingSession(ReviewingSession):
    """What ends an object's proposal: committing it, dropping it, or asking the user which."""

    def commit(self, overlap: OverlapRule | None = None) -> CommitResult:
        """Write the proposal into the active class under the overlap rule, and journal it.

        Raises `InvalidPrompt` where there is no proposal or it is empty, `LockedClass` where the class is
        locked, `OverlapConflict` where the rule is to ask and the proposal covers other classes,
        `StorageError` where the journal cannot be written (the labels are then unchanged and the proposal is
        still there).
        """
        return self._commit(overlap, next_class=False)

    def commit_and_next(self, overlap: OverlapRule | None = None) -> CommitResult:
        """Commit, then make a new class ("nucleus 2" after "nucleus") active: a new instance."""
        return self._commit(overlap, next_class=True)

    def discard(self) -> None:
        """Drop the proposal and its prompts; undo brings them back.

        A reopened object stands again as it was.
        """
        if self.prompt is None:
            return
        ledger = self._open_ledger()
        step = Step("discard", touches_draft=True)
        if ledger.contents.reopened is not None:
            step = editing.put_back(ledger.labels, ledger.contents)
        self._do(step)
        self._current.show(None, None)
        self._announce_step()

    # --- inside -------------------------------------------------------------------------------------------
    def _settle(self, pending: Pending | None) -> bool:
        """Do what the user chose for the current object; False where it is to be kept."""
        if self.prompt is None:
            return True
        if pending is None:
            raise prompting.not_committed(self.prompt)
        if pending is Pending.COMMIT:
            self.commit()
        elif pending is Pending.DISCARD:
            self.discard()
        return pending is not Pending.KEEP

    def _commit(self, overlap: OverlapRule | None, next_class: bool) -> CommitResult:
        ledger = self._open_ledger()
        if self.proposal is None:
            raise InvalidPrompt("There is no proposal to commit.", "Click on the object, or draw a box.")
        rule, correction = overlap or self.overlap_rule, self.collecting.new_id()
        accepted, active, reopened = self.proposal, self.active_class, ledger.contents.reopened
        step, result = editing.commit(ledger.labels, ledger.contents, accepted, rule, next_class, correction)
        self._do(step)
        assert self.volume is not None
        self.collecting.add(correction, self.volume, accepted, active, reopened)
        self.suggestions.commit(result.object_id)
        self._current.show(None, None)
        self._just_committed = True
        if result.protected:
            self.notified.emit(editing.protected_sentence(result.protected))
        self._announce_step()
        return result
