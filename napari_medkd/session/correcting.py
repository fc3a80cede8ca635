"""A session in which what was committed can be corrected, and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.errors import StorageError
from napari_medkd.session import editing, prompting
from napari_medkd.session.committing import CommittingSession
from napari_medkd.session.history import Draft, Step
from napari_medkd.session.objects import object_at, objects_in
from napari_medkd.session.reviewing import in_hand
from napari_medkd.session.state import Pending

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.session.suggestion import Key


class CorrectingSession(CommittingSession):
    """What happens to objects after they were committed: reopened, deleted, painted over, written."""

    def reopen(self, position: tuple[int, int, int], pending: Pending | None = None) -> bool:
        """Make the committed object at (z, y, x) the proposal again, with its prompts; False where none is.

        Raises `PendingProposal` where another proposal would be lost and no `pending` choice was given.
        """
        ledger = self._open_ledger()
        if object_at(self.objects, position) is None or not self._settle(pending):
            return False
        found = object_at(self.objects, position)  # again: settling may have committed over it
        if found is None:
            return False
        self._do(editing.reopen(ledger.labels, ledger.contents, found))
        self._current.show(*Draft.of_object(found, is_reopened=True).unpack())
        self._announce_step()
        return True

    def take_up(self, key: Key, pending: Pending | None = None) -> bool:
        """Make a suggestion the proposal, to correct it by clicks and brush; False where there is none.

        Committed, it is accepted. Raises `PendingProposal` where another proposal would be lost and no
        `pending` choice was given.
        """
        ledger, found = self._open_ledger(), self.suggestions.get(key)
        if found is None or self.plane is None or not self._settle(pending):
            return False
        table = ledger.contents.table.having(found.name)
        classes = (ledger.contents.table, table) if table != ledger.contents.table else None
        self._do(Step("correction of a suggestion", classes=classes, touches_draft=True))
        proposal = in_hand(found, self.plane, ledger.labels.shape)
        self._current.show(proposal.prompt, proposal)
        self.suggestions.take_up(key)
        self._announce_step()
        return True

    def delete_at(self, position: tuple[int, int, int]) -> bool:
        """Delete the committed object at (z, y, x); False where none is. A locked class is an error.

        The object that is open for correction is deleted with its proposal.
        """
        ledger = self._open_ledger()
        reopened = ledger.contents.reopened
        if reopened is not None and prompting.covers(self.proposal, position):
            self._do(editing.drop_reopened(ledger.contents))
            self._current.show(None, None)
        else:
            found = object_at(self.objects, position)
            if found is None:
                return False
            self._do(editing.delete(ledger.labels, ledger.contents, [found]))
        self._announce_step()
        return True

    def delete_in(self, plane: Plane, region: NDArray[np.bool_]) -> int:
        """Delete every unlocked object that touches `region` on `plane`; returns how many. One undo step."""
        ledger = self._open_ledger()
        plane.check(ledger.labels.shape)
        prompting.check_pixels(region, plane.shape(ledger.labels.shape))
        locked = self._table.locked
        touched = objects_in(self.objects, plane, region)
        found = [one for one in touched if one.value not in locked]
        if found:
            self._do(editing.delete(ledger.labels, ledger.contents, found))
            self._announce_step()
        if len(found) < len(touched):
            self.notified.emit(f"{len(touched) - len(found)} objects of locked classes were left alone.")
        return len(found)

    def record_paint(self, indices: tuple[NDArray[np.intp], ...], old: NDArray[np.uint16]) -> None:
        """Take note of a stroke that the user made in `labels` directly (already applied).

        Voxels of locked classes are put back. The rest becomes one undo step and is journalled; where that
        fails the whole stroke is put back. A value that no class has gets one.
        """
        ledger = self._open_ledger()
        painting = editing.paint(ledger.labels, ledger.contents, indices, old)
        if painting.refused is not None:
            self.labels_changed.emit(painting.refused.apply(ledger.labels))
            self.notified.emit("Locked classes were left alone.")
        if painting.step is None or painting.step.diff is None:
            return
        try:
            self._do(painting.step)
        except StorageError:
            self.labels_changed.emit(painting.step.diff.apply(ledger.labels, backwards=True))
            raise
        self._announce_step()

    def set_active(self, value: int, pending: Pending | None = None) -> None:
        """Choose the class of the next commit. A proposal is *not* lost by it unless it was reopened.

        `Pending.KEEP` keeps a reopened proposal, to be committed into the new class.
        """
        ledger = self._open_ledger()
        ledger.contents.table[value]  # an unknown one is an error before anything happens
        if value == ledger.contents.table.active:
            return
        if ledger.contents.reopened is not None and pending is not Pending.KEEP:
            self._settle(pending)
        ledger.contents.table = ledger.contents.table.activating(value)
        self.classes_changed.emit()

    def save(self, path: Path) -> Path:
        """Write `labels` with the image's geometry (format by suffix) and mark the journal as saved.

        An object that is open for correction is written as it was committed.
        """
        from napari_medkd.io import write_labels  # brings the image libraries

        ledger = self._open_ledger()
        assert self.volume is not None
        names = {found.value: found.name for found in self.classes}
        with editing.put_back_meanwhile(ledger.labels, ledger.contents):
            written = write_labels(path, ledger.labels, self.volume, names)
        ledger.mark_saved()
        if self.proposal is not None:
            self.notified.emit("The proposal is not in the file: it is not committed.")
        self.journal_changed.emit()
        return written
