"""What was written, whether it is saved, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout

from napari_medkd.widgets.buttons import LinkButton, PanelButton
from napari_medkd.widgets.labels import SPACING, Caption, Section
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.sentences import commit_text

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_medkd.session.session import Session
    from napari_medkd.session.state import CommitResult


class ResultBox(Section):
    """The last commit, Save mask…, saved or not, and where files are.

    Parameters
    ----------
    session : Session
        Whose result is shown.
    """

    save_requested = Signal()
    files_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Result", parent)
        self._session = session
        self._last = Caption()
        self._last.hide()
        self._save = PanelButton("Save mask…", "Write the labels to a file with the image's own geometry.")
        self._files = LinkButton("Where are my files?", "Show the folders of journals, models and settings.")
        self._saved = Caption()
        row = QHBoxLayout()
        row.setSpacing(SPACING + 2)
        row.addWidget(self._save)
        row.addWidget(self._saved, 1)
        self.body.addWidget(self._last)
        self.body.addLayout(row)
        self.body.addWidget(self._files)
        self._save.clicked.connect(self.save_requested)
        self._files.clicked.connect(self.files_requested)
        links = Links(self)
        for signal in (session.journal_changed, session.labels_changed, session.history_changed):
            links.connect(signal, self._on_changed)
        links.connect(session.volume_changed, self._on_volume_changed)
        self._on_changed()

    def show_commit(self, result: CommitResult) -> None:
        """Say what the last commit wrote and left alone."""
        self._last.setText(f"Last commit: {commit_text(result)}")
        self._last.show()

    def _on_changed(self, *_: object) -> None:
        open_ = self._session.volume is not None
        self._save.setEnabled(open_)
        done = "Saved" if self._session.objects else "Nothing to save yet"
        self._saved.setText(("Unsaved changes" if self._session.unsaved else done) if open_ else "")
        self._saved.setToolTip(
            "Commits are journalled: a crash loses none of them. A mask file is written by Save mask…"
            if self._session.unsaved
            else "Every commit is in a saved mask."
        )

    def _on_volume_changed(self, *_: object) -> None:
        self._last.hide()
        self._on_changed()
