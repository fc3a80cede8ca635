"""How to learn: the method, its options, what it takes, and Start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_medkd.errors import MedkdError
from napari_medkd.widgets.buttons import LinkButton, PanelButton
from napari_medkd.widgets.form import align_labels, build_form, read_form
from napari_medkd.widgets.inputs import CompactCombo, make_calm
from napari_medkd.widgets.kind_box import KindBox
from napari_medkd.widgets.labels import SPACING, Caption, Section, Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from magicgui.widgets import Container
    from pydantic import BaseModel

    from napari_medkd.widgets.learning import Choice, Plan


class MethodBox(Section):
    """Chooses which model learns and how, and sets the options."""

    learner_changed = Signal()  # another model is to learn
    plan_wanted = Signal()  # another method, or other options
    start_requested = Signal(object, object)  # Choice, config
    command_requested = Signal(object, object)
    elsewhere_requested = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Learn from them", parent)
        self._choices: tuple[Choice, ...] = ()
        self.form: Container | None = None
        self._learner = CompactCombo(
            "Which model learns",
            "The model that answers clicks in the tab Segment, or one that looks by itself in the tab Auto.",
        )
        self._learner_row = QWidget()
        self._chooser = CompactCombo("Method", "How the model learns.")
        self.kind = KindBox()
        self._sentence, self._plan, self._problem = Caption(), Caption(lines=2), Caption()
        self._options = LinkButton("Options ▸", "Show what can be set; the defaults are good.")
        self._room = QWidget()
        QVBoxLayout(self._room).setContentsMargins(0, 0, 0, 0)
        self._room.hide()
        self._start = PanelButton("Start", "Start to learn, in a process of its own; the viewer stays free.")
        self._copy = LinkButton("Copy as command", "Copy the command that does the same in a terminal.")
        self._elsewhere = LinkButton("On another computer…", "How to run it on a computer with a GPU.")
        who, row, links = QHBoxLayout(self._learner_row), QHBoxLayout(), QHBoxLayout()
        who.setContentsMargins(0, 0, 0, 0)
        who.addWidget(Word("Who learns"))
        who.addWidget(self._learner, 1)
        row.setSpacing(SPACING)
        row.addWidget(self._options)
        row.addStretch(1)
        row.addWidget(self._start)
        links.setSpacing(14)
        links.addWidget(self._copy)
        links.addWidget(self._elsewhere)
        links.addStretch(1)
        for widget in (self._learner_row, self._chooser, self._sentence, self.kind, self._plan):
            self.body.addWidget(widget)
        self.body.addLayout(row)
        self.body.addWidget(self._room)
        self.body.addWidget(self._problem)
        self.body.addLayout(links)
        self._problem.hide()
        self._learner_row.hide()
        self._learner.activated.connect(lambda *_: self.learner_changed.emit())
        self._chooser.activated.connect(self._on_chosen)
        self._options.clicked.connect(self._on_options)
        self._start.clicked.connect(lambda: self._ask(self.start_requested))
        self._copy.clicked.connect(lambda: self._ask(self.command_requested))
        self._elsewhere.clicked.connect(lambda: self._ask(self.elsewhere_requested))
        self._obstacle = ""
        self.set_choices(())

    @property
    def learner(self) -> str:
        """Id of the model that is to learn; empty for the one in use."""
        return self._learner.currentData() or ""

    @property
    def choice(self) -> Choice | None:
        """The method that is chosen, with the kind of image that was named for it."""
        place: int = self._chooser.currentIndex()
        found = self._choices[place] if 0 <= place < len(self._choices) else None
        if found is None or not found.asks_kind:
            return found
        return replace(found, label=self.kind.label, kind=self.kind.kind)

    @property
    def config(self) -> BaseModel | None:
        """Its numbers as they stand in the form; None where they cannot be, which is said."""
        if self.choice is None:
            return None
        self._problem.hide()
        if self.form is None:
            return self.choice.config
        try:
            return read_form(self.form, self.choice.config)
        except MedkdError as error:
            self.show_error(error)
            return None

    @property
    def text(self) -> str:
        """What is said of the method and the run."""
        kind = self.kind.text if self.kind.isVisibleTo(self) else ""
        words = (self._sentence.text(), kind, self._plan.text(), self._problem.text())
        return " ".join(filter(None, words))

    def set_learners(self, learners: Sequence[tuple[str, str]], chosen: str) -> None:
        """Offer models to learn, by id and by what people call them; nothing is asked where there is one."""
        with signals_blocked(self._learner):
            self._learner.clear()
            for name, words in learners:
                self._learner.addItem(words, name)
            self._learner.setCurrentIndex(max(0, self._learner.findData(chosen)) if learners else -1)
        self._learner_row.setVisible(len(learners) > 1)

    def set_choices(self, choices: Sequence[Choice], obstacle: str = "") -> None:
        """Offer methods; the one that was chosen stays, with what was set.

        `obstacle` says why none can be started now; empty where one can.
        """
        self._obstacle = obstacle
        if tuple(choices) == self._choices:
            self.plan_wanted.emit()
            return
        chosen = self.choice.method.key if self.choice is not None else ""
        self._choices = tuple(choices)
        self._chooser.clear()
        for one in choices:
            self._chooser.addItem(one.method.title, one.method.key)
        self._chooser.setCurrentIndex(max(0, self._chooser.findData(chosen)) if choices else -1)
        self._chooser.setPlaceholderText("No method for this model")
        for widget in (self._chooser, self._options, self._copy, self._elsewhere):
            widget.setEnabled(bool(choices))
        self._start.setEnabled(False)
        self._on_chosen()

    def show_plan(self, plan: Plan, waits: bool) -> None:
        """Say what a run takes; `waits` where another one goes on, which it comes after."""
        self._plan.setText(self._obstacle or _takes(plan))
        self._start.setEnabled(not self._obstacle and self.choice is not None)
        self._start.setText("Queue" if waits else "Start")
        self._start.setToolTip(
            "Start to learn as soon as the run before it has ended."
            if waits
            else "Start to learn, in a process of its own; the viewer stays free."
        )

    def show_error(self, error: MedkdError) -> None:
        """Say why it cannot be started."""
        self._problem.setText(str(error))
        self._problem.show()

    def _on_chosen(self, *_: object) -> None:
        self._drop_form()
        self._sentence.setText(self.choice.method.sentence if self.choice is not None else "")
        self.kind.show_choice(self.choice)
        self._plan.setText("")
        if self._room.isVisibleTo(self):
            self._make_form()
        self.plan_wanted.emit()

    def _on_options(self) -> None:
        show = not self._room.isVisibleTo(self)
        self._options.setText("Options ▾" if show else "Options ▸")
        self._room.setVisible(show)
        if show and self.form is None:
            self._make_form()

    def _make_form(self) -> None:
        if self.choice is None:
            return
        self.form = build_form(self.choice.config, exclude=self.choice.hidden)
        self.form.margins = (0, 0, 0, 0)
        for row in self.form:
            make_calm(row.native)
            row.native.setAccessibleName(row.label)
            row.native.setMinimumWidth(90)
        layout = self._room.layout()
        assert layout is not None
        layout.addWidget(self.form.native)
        self.form.native.show()
        align_labels(self.form)
        self.form.changed.connect(lambda *_: self.plan_wanted.emit())

    def _drop_form(self) -> None:
        if self.form is not None:
            self.form.native.hide()
            self.form.native.deleteLater()
            self.form = None

    def _ask(self, signal: Signal) -> None:
        config, choice = self.config, self.choice
        if config is not None and choice is not None:
            signal.emit(choice, config)


def _takes(plan: Plan) -> str:
    said = []
    if plan.seconds is not None:
        where = "this computer" if plan.is_known else "two cores without a GPU"
        said.append(f"{_duration(plan.seconds)} on {where}, the comparison included")
    if plan.memory_mb is not None and plan.free_mb is not None:
        said.append(
            f"{plan.memory_mb / 1024:.1f} GB of memory of the {plan.free_mb / 1024:.1f} GB that are free"
        )
    return f"It takes {', and '.join(said)}." if said else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(10, round(seconds, -1)):.0f} seconds"
    return f"about {round(seconds / 60)} minutes" if seconds < 5400 else f"about {seconds / 3600:.1f} hours"
