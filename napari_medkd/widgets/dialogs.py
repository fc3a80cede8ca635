"""The questions that cannot wait, behind one face so that tests can answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_medkd.session.state import OverlapConflict, OverlapRule, Pending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_medkd.session.journal import Recovery


class Asker(Protocol):
    """Who answers when the session must know something before it goes on."""

    def ask_pending(self, sentence: str, *, can_join: bool = False) -> Pending:
        """Ask what becomes of the uncommitted proposal; `can_join`: it may go on on another slice."""
        ...

    def ask_overlap(self, conflict: OverlapConflict) -> OverlapRule | None:
        """Ask whether to overwrite other classes; None takes the commit back."""
        ...

    def ask_resume(self, recovery: Recovery) -> bool:
        """Ask whether to go on from the journal of an earlier session."""
        ...

    def confirm(self, title: str, sentence: str, action: str) -> bool:
        """Ask before something that cannot be undone; `action` names it on the button."""
        ...


class Dialogs:
    """Asks with small dialogs above `parent`.

    Parameters
    ----------
    parent : QWidget
        The panel.
    """

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent

    def ask_pending(self, sentence: str, *, can_join: bool = False) -> Pending:
        """Offer Commit, Discard and Keep, and to join slices; closing the dialog keeps the proposal."""
        labels = {Pending.JOIN: "Same object, one more slice"} if can_join else {}
        labels |= {
            Pending.COMMIT: "Commit it",
            Pending.DISCARD: "Discard it",
            Pending.KEEP: "Keep working on it",
        }
        answer = self._ask("Uncommitted proposal", sentence, labels, Pending.KEEP)
        return answer if isinstance(answer, Pending) else Pending.KEEP

    def ask_overlap(self, conflict: OverlapConflict) -> OverlapRule | None:
        """Offer to keep or to overwrite what lies under the proposal; closing the dialog commits nothing."""
        labels = {OverlapRule.KEEP: "Keep existing", OverlapRule.OVERWRITE: "Overwrite", None: "Cancel"}
        answer = self._ask("Overlap", f"{conflict.message} {conflict.hint}", labels, None)
        return answer if isinstance(answer, OverlapRule) else None

    def ask_resume(self, recovery: Recovery) -> bool:
        """Offer to resume; closing the dialog starts afresh (the old journal is set aside, not deleted)."""
        labels = {True: "Resume", False: "Start afresh"}
        sentence = "Work on this image was not saved last time. Resume it?"
        return bool(self._ask("Resume", f"{sentence}\n\n{recovery}", labels, False))

    def confirm(self, title: str, sentence: str, action: str) -> bool:
        """Offer to do it or to cancel."""
        return bool(self._ask(title, sentence, {True: action, False: "Cancel"}, False))

    def _ask(self, title: str, sentence: str, labels: Mapping[Any, str], escape: object) -> object:
        box = QMessageBox(self._parent)
        box.setWindowTitle(title)
        box.setText(sentence)
        buttons = {
            answer: box.addButton(label, QMessageBox.ButtonRole.ActionRole)
            for answer, label in labels.items()
        }
        box.setEscapeButton(buttons[escape])
        box.setDefaultButton(next(iter(buttons.values())))
        box.exec()
        clicked = box.clickedButton()
        box.deleteLater()
        return next((answer for answer, button in buttons.items() if button is clicked), escape)
