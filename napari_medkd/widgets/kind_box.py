"""Names a kind of image that a model is to learn, and what it is to look for there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QLineEdit, QWidget

from napari_medkd.widgets.inputs import CompactCombo, make_calm
from napari_medkd.widgets.labels import SPACING, Caption, Word

if TYPE_CHECKING:
    from napari_medkd.widgets.learning import Choice


class KindBox(QWidget):
    """Asks for a class that was corrected and a name; hidden for methods that need neither."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice: Choice | None = None
        self._class = CompactCombo(
            "What to find", "The class that the model is to find by itself: one in each kind of image."
        )
        self._name = QLineEdit()
        self._name.setAccessibleName("Kind of image")
        self._name.setToolTip("What this kind of image is called: the tab Auto offers it by this name.")
        self._name.setMinimumWidth(90)
        make_calm(self._name)
        self._remark = Caption()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(SPACING)
        for row, (word, field) in enumerate((("What to find", self._class), ("Kind of image", self._name))):
            grid.addWidget(Word(word), row, 0)
            grid.addWidget(field, row, 1)
        grid.addWidget(self._remark, 2, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        self._class.currentIndexChanged.connect(self._suggest)
        self._name.textEdited.connect(self._remark_on_it)
        self.hide()

    @property
    def label(self) -> str:
        """The class."""
        return str(self._class.currentText())

    @property
    def kind(self) -> str:
        """The name."""
        return " ".join(self._name.text().lower().split())

    @property
    def text(self) -> str:
        """What is said of the name."""
        return str(self._remark.text())

    def show_choice(self, choice: Choice | None) -> None:
        """Ask what a method has to know; a class that is there still stays chosen, with its name."""
        self.setVisible(choice is not None and choice.asks_kind)
        before, label, name = self._choice, self.label, self._name.text()
        self._choice = choice
        if choice is None or not choice.asks_kind:
            return
        self._class.clear()
        for one, suggestion in choice.kinds:
            self._class.addItem(one, suggestion)
        place = self._class.findText(label)
        if place >= 0:
            self._class.setCurrentIndex(place)
            if before is not None and before.learner == choice.learner:
                self._name.setText(name)
        self._remark_on_it()

    def _suggest(self, *_: object) -> None:
        self._name.setText(self._class.currentData() or "")
        self._remark_on_it()

    def _remark_on_it(self, *_: object) -> None:
        known = self._choice.known if self._choice is not None else {}
        if self.kind in known:
            self._remark.setText(
                f"It knows {self.kind} and looks for {known[self.kind]} there, which is not taught again: "
                "name this kind otherwise."
            )
        else:
            self._remark.setText(f"It knows {', '.join(known)}." if known else "")
