"""The top of the panel: the state with a coloured dot, a sentence on it, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, QTimer, Signal
from qtpy.QtGui import QGuiApplication, QPainter, QPaintEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from napari_medkd.errors import MedkdError
from napari_medkd.session.state import State
from napari_medkd.widgets.buttons import LinkButton
from napari_medkd.widgets.drawing import AMBER, BLUE, GREEN, GREY, RED, draw_dot
from napari_medkd.widgets.error_report import report
from napari_medkd.widgets.labels import Caption, Heading
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.sentences import sentence_for

if TYPE_CHECKING:
    from napari_medkd.session.session import Session

COLOURS = {
    State.NO_IMAGE: GREY,
    State.NO_MODEL: GREY,
    State.LOADING: AMBER,
    State.ENCODING: AMBER,
    State.READY: GREEN,
    State.PROPOSAL: BLUE,
    State.COMMITTED: GREEN,
    State.ERROR: RED,
}
_NOTICE_MS = 8000  # long enough to read two lines


class StateLine(QFrame):
    """Says where the session stands; an error stays until something succeeds or the user dismisses it.

    Parameters
    ----------
    session : Session
        Whose state is shown.
    """

    models_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._error: MedkdError | None = None
        self._notice = ""
        self._badges: dict[str, tuple[str, str]] = {}
        self.setProperty("foreground", True)  # napari's own raised shade, where napari is the host
        self._build()
        self._expiry = QTimer(self)
        self._expiry.setSingleShot(True)
        self._expiry.setInterval(_NOTICE_MS)
        self._expiry.timeout.connect(self._on_notice_expired)
        links = Links(self)
        links.connect(session.state_changed, self._on_state_changed)
        links.connect(session.plane_changed, self._on_state_changed)
        links.connect(session.failed, self.show_error)
        links.connect(session.notified, self.show_notice)
        self.refresh()

    @property
    def text(self) -> str:
        """The sentence shown."""
        return str(self._sentence.text())

    def show_error(self, error: MedkdError) -> None:
        """Show what went wrong and what to do, until dismissed or something else succeeds."""
        self._error, self._notice = error, ""
        self.refresh()

    def show_notice(self, sentence: str) -> None:
        """Show a sentence for a few seconds, in place of the state's own."""
        self._notice = sentence
        self._expiry.start()
        self.refresh()

    def clear_error(self) -> None:
        """Go back to the state's own sentence."""
        self._error = None
        self.refresh()

    def set_badge(self, text: str, tooltip: str = "", kind: str = "model") -> None:
        """Show a word beside the state ("CPU fallback"), one of each kind; an empty one takes it away."""
        self._badges.pop(kind, None)
        if text:
            self._badges[kind] = (text, tooltip)
        self._badge.setText(" · ".join(word for word, _ in self._badges.values()))
        self._badge.setToolTip(" ".join(why for _, why in self._badges.values()))
        self._badge.setVisible(bool(self._badges))

    def refresh(self) -> None:
        """Show the session's state, or the error or notice that stands over it."""
        state = self._session.state
        error = self._error or (self._session.error if state is State.ERROR else None)
        shown = State.ERROR if error is not None else state
        self._dot.set_colour(COLOURS[shown])
        self._title.setText(shown.value)
        self._sentence.setText(
            str(error) if error is not None else self._notice or sentence_for(self._session)
        )
        self.setAccessibleName(f"{shown.value}: {self._sentence.text()}")
        self._copy.setVisible(error is not None)
        self._dismiss.setVisible(error is not None and state is not State.ERROR)
        self._models.setVisible(shown is State.NO_MODEL)

    def _build(self) -> None:
        self._dot, self._title = _Dot(), Heading("")
        self._badge = Heading("")
        self._badge.hide()
        self._sentence = Caption(lines=2)
        self._copy = LinkButton("Copy details", "Copy the error with versions, for whoever helps you.")
        self._dismiss = LinkButton("Dismiss", "Take the message away.")
        self._models = LinkButton("Choose a model", "Open the Models tab.")
        self._copy.clicked.connect(self._on_copy)
        self._dismiss.clicked.connect(self.clear_error)
        self._models.clicked.connect(self.models_requested)
        head, links = QHBoxLayout(), QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self._dot)
        head.addWidget(self._title, 1)
        head.addWidget(self._badge)
        links.setSpacing(14)
        for button in (self._copy, self._dismiss, self._models):
            links.addWidget(button)
        links.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(self._sentence)
        layout.addLayout(links)

    def _on_state_changed(self, *_: object) -> None:
        if self._session.state not in (State.ERROR, State.ENCODING):
            self._error = None
        self.refresh()

    def _on_notice_expired(self) -> None:
        self._notice = ""
        self.refresh()

    def _on_copy(self) -> None:
        error = self._error or self._session.error
        clipboard = QGuiApplication.clipboard()
        if isinstance(error, MedkdError) and clipboard is not None:
            clipboard.setText(report(error, self._session))


class _Dot(QWidget):
    """A small coloured disc."""

    def __init__(self) -> None:
        super().__init__()
        self._colour = GREY
        self.setFixedSize(QSize(12, 12))
        self.setStyleSheet("background: transparent;")

    def set_colour(self, colour: str) -> None:
        self._colour = colour
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_dot(painter, QRectF(1, 1, 10, 10), self._colour)
        painter.end()
