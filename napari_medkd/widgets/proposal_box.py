"""The current object: its candidates, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel

from napari_medkd.widgets.buttons import IconButton, KeyButton
from napari_medkd.widgets.keys import key_for, tooltip_for
from napari_medkd.widgets.labels import SPACING, Section
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.sentences import candidate_text, is_automatic

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_medkd.session.session import Session


_PATIENCE_MS = 150  # most answers are there by then, and a frame with "Waiting" would only hold them up


class ProposalBox(Section):
    """Suggest, where the model works by itself; candidates, Commit, Commit and next, Discard, Undo and Redo.

    Parameters
    ----------
    session : Session
        Whose proposal is shown.
    """

    action_requested = Signal(str)  # an action of `keys.KEYS`

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Proposal", parent)
        self._session = session
        self._text = QLabel()
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._previous = self._icon("previous", "previous_candidate")
        self._next = self._icon("next", "next_candidate")
        self._commit = self._worded("Commit", "commit")
        self._commit_next = self._worded("Commit & next", "commit_next")
        self._discard = self._worded("Discard", "discard")
        self._undo, self._redo = self._icon("undo", "undo"), self._icon("redo", "redo")
        self._suggest = self._worded("Suggest", "suggest")
        self._row(self._suggest)
        self._row(self._previous, self._text, self._next)
        self._row(self._commit, self._discard)
        self._row(self._commit_next, self._undo, self._redo)
        self._waiting = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._waiting.timeout.connect(self._show)
        links = Links(self)
        for signal in (
            session.proposal_changed,
            session.prompt_changed,
            session.history_changed,
            session.segmenter_changed,
            session.volume_changed,
        ):
            links.connect(signal, self._on_changed)
        self._on_changed()

    def _row(self, *widgets: QWidget) -> None:
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        for widget in widgets:
            row.addWidget(widget, 0 if isinstance(widget, IconButton) else 1)
        self.body.addLayout(row)

    def _icon(self, icon: str, action: str) -> IconButton:
        button = IconButton(icon, key_for(action).title, tooltip_for(action))
        button.clicked.connect(lambda: self.action_requested.emit(action))
        return button

    def _worded(self, text: str, action: str) -> KeyButton:
        button = KeyButton(text.replace("&", "&&"), key_for(action).label, tooltip_for(action))
        button.setAccessibleName(text)
        button.clicked.connect(lambda: self.action_requested.emit(action))
        return button

    def _on_changed(self, *_: object) -> None:
        if self._session.prompt is None or self._session.proposal is not None:
            self._show()
        elif not self._waiting.isActive():
            self._waiting.start()

    def _show(self) -> None:
        self._waiting.stop()
        session, proposal = self._session, self._session.proposal
        self._text.setText(candidate_text(session))
        several = proposal is not None and proposal.candidates > 1
        ready = proposal is not None and bool(proposal.mask.any())
        for button in (self._previous, self._next):
            button.setEnabled(several)
        for worded in (self._commit, self._commit_next):
            worded.setEnabled(ready)
        self._discard.setEnabled(session.prompt is not None)
        self._suggest.setVisible(is_automatic(session))
        self._suggest.setEnabled(session.volume is not None)
        self._undo.setEnabled(session.can_undo)
        self._redo.setEnabled(session.can_redo)
        self._undo.setToolTip(_history_tooltip("undo", session.undo_title))
        self._redo.setToolTip(_history_tooltip("redo", session.redo_title))


def _history_tooltip(action: str, what: str) -> str:
    key = key_for(action)
    return f"{key.title}: {what} ({key.label})" if what else f"Nothing to {action} ({key.label})"
