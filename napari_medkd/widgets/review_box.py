"""Suggestions under review: their threshold, the table, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QSlider, QWidget
from superqt.utils import signals_blocked

from napari_medkd.inference.cutout import Unit
from napari_medkd.session.cutting import Cut
from napari_medkd.widgets.buttons import IconButton, KeyButton, LinkButton, PanelButton
from napari_medkd.widgets.inputs import Number, make_calm
from napari_medkd.widgets.keys import key_for, tooltip_for
from napari_medkd.widgets.labels import SPACING, Section, Word
from napari_medkd.widgets.links import Links
from napari_medkd.widgets.suggestion_sentences import reaches
from napari_medkd.widgets.suggestion_table import SuggestionTable

if TYPE_CHECKING:
    from napari_medkd.session.session import Session

_LEAST, _MOST = 2, 98  # per cent


class ReviewBox(Section):
    """Shows the suggestions of a session and asks what becomes of them.

    Parameters
    ----------
    session : Session
        Whose suggestions are shown.
    """

    accept_all_requested = Signal(float)  # lowest score
    reject_all_requested = Signal()
    action_requested = Signal(str)  # an action of `keys.KEYS`

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Suggestions", parent)
        self._session = session
        self.table = SuggestionTable(session)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(_LEAST, _MOST)
        self._slider.setAccessibleName("Threshold")
        self._slider.setToolTip(
            "Probability above which a pixel belongs to an object; the masks follow at once."
        )
        make_calm(self._slider)
        self._value = Word("50 %")
        self._own = LinkButton("Model's own", "Take the threshold that the model was tuned to.")
        self._apart = QCheckBox("Each part on its own")
        self._apart.setAccessibleName("Each part on its own")
        self._apart.setToolTip("Whether every connected part of a target is an object, or all of it is one.")
        self._apart.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._build()
        self._connect()
        self._on_changed()

    def _build(self) -> None:
        first, decide, walk, every = (QHBoxLayout() for _ in range(4))
        for layout in (first, decide, walk, every):
            layout.setSpacing(SPACING)
        for widget, stretch in ((Word("Threshold"), 0), (self._slider, 1), (self._value, 0), (self._own, 0)):
            first.addWidget(widget, stretch)
        self._accept = self._worded("Accept", "commit", "Commit the chosen suggestion as an object. (Enter)")
        self._reject = self._worded("Reject", "reject_suggestion")
        self._correct = self._worded("Correct", "correct_suggestion")
        self._previous = self._icon("previous", "previous_candidate", "Previous suggestion")
        self._next = self._icon("next", "next_candidate", "Next suggestion")
        decide.addWidget(self._accept, 1)
        decide.addWidget(self._reject, 1)
        walk.addWidget(self._correct, 1)
        walk.addWidget(self._previous)
        walk.addWidget(self._next)
        self._lowest = Number("Lowest score", "All suggestions with this score or a higher one are accepted.")
        self._lowest.step, self._lowest.decimals = 0.05, 2
        self._lowest.set_value(0.8)
        self._all = PanelButton("Accept all", "Commit every suggestion from this score on; one undo step.")
        self._none = PanelButton(
            "Nothing here", "Reject every suggestion that is left: nothing of it is there. One undo step."
        )
        every.addWidget(self._all, 1)
        every.addWidget(Word("from"))
        every.addWidget(self._lowest)
        self.body.addLayout(first)
        self.body.addWidget(self._apart)
        self.body.addWidget(self.table)
        for row in (decide, walk, every):
            self.body.addLayout(row)
        self.body.addWidget(self._none)

    def _worded(self, text: str, action: str, tooltip: str = "") -> KeyButton:
        button = KeyButton(text, key_for(action).label, tooltip or tooltip_for(action))
        button.clicked.connect(lambda: self.action_requested.emit(action))
        return button

    def _icon(self, icon: str, action: str, name: str) -> IconButton:
        button = IconButton(icon, name, f"{name}: show it on the image. ({key_for(action).label})")
        button.clicked.connect(lambda: self.action_requested.emit(action))
        return button

    def _connect(self) -> None:
        self._slider.valueChanged.connect(self._on_slider)
        self._own.clicked.connect(self._on_own)
        self._apart.toggled.connect(self._on_apart)
        self._lowest.entered.connect(self._count)
        self._all.clicked.connect(lambda: self.accept_all_requested.emit(self._lowest.value))
        self._none.clicked.connect(self.reject_all_requested)
        Links(self).connect(self._session.suggestions.changed, self._on_changed)

    def _on_slider(self, percent: int) -> None:
        how = self._session.suggestions.how
        self._session.suggestions.cut(Cut(percent / 100, how.apart))

    def _on_own(self) -> None:
        self._session.suggestions.cut(Cut(None, self._session.suggestions.how.apart))

    def _on_apart(self, apart: bool) -> None:
        self._session.suggestions.cut(Cut(self._session.suggestions.how.threshold, apart))

    def _on_changed(self) -> None:
        suggestions = self._session.suggestions
        self._show_how()
        left = bool(suggestions.new)
        for button in (self._accept, self._reject, self._correct, self._none):
            button.setEnabled(left)
        for icon in (self._previous, self._next):
            icon.setEnabled(bool(suggestions.all))
        self._count()

    def _show_how(self) -> None:
        review, how = self._session.suggestions.review, self._session.suggestions.how
        answers = [one for found in review.answers.values() for one in found] if review is not None else []
        own = answers[0].threshold if answers else 0.5
        shown = own if how.threshold is None else how.threshold
        targets = [one.unit for one in answers if one.unit is not Unit.OBJECT]
        with signals_blocked(self._slider), signals_blocked(self._apart):
            self._slider.setValue(round(100 * shown))
            self._apart.setChecked(Unit.PART in targets if how.apart is None else how.apart)
        self._value.setText(f"{shown:.0%}")
        self._own.setEnabled(how.threshold is not None)
        self._apart.setVisible(bool(targets))

    def _count(self) -> None:
        lowest = self._lowest.value
        count = sum(reaches(one, lowest) for one in self._session.suggestions.new)
        self._all.setText(f"Accept all {count}" if count else "Accept all")
        self._all.setEnabled(count > 0)
