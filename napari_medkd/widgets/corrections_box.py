"""What was corrected: whether it is kept to learn from, where, and what there is by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit

from napari_medkd.errors import MedkdError
from napari_medkd.widgets.buttons import IconButton
from napari_medkd.widgets.inputs import make_calm
from napari_medkd.widgets.labels import SPACING, Caption, Section, Word
from napari_medkd.widgets.storage_box import open_folder
from napari_medkd.widgets.table import Cell, Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

    from napari_medkd.corrections.summary import ClassSummary
    from napari_medkd.learning.collected import Collected
    from napari_medkd.settings import Settings

_DICE = (
    "How close the model came to what you accepted: mean Dice of its answer to the first prompt → of its "
    "last answer, before any painting."
)
_HEADS = (
    Cell("Class"),
    Cell("Cases", tooltip="Cases (images, or patients) that it was corrected on."),
    Cell("Objects", tooltip="Accepted objects on a slice."),
    Cell("Dice", tooltip=_DICE),
)


class CorrectionsBox(Section):
    """The switch, and what has been collected.

    Parameters
    ----------
    settings : Settings
        Edited in place and saved at once.
    folder : Path
        Where corrections of this user are kept.
    """

    changed = Signal(object)  # Settings, already saved

    def __init__(self, settings: Settings, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__("Corrections", parent)
        self._settings, self._folder = settings, folder
        self._switch = QCheckBox("Collect corrections")
        self._switch.setAccessibleName("Collect corrections")
        self._switch.setToolTip("Keep each mask that you commit, with its slice, for a model to learn from.")
        make_calm(self._switch)
        self._where = Caption()
        self._open = IconButton("folder", "Open the corrections", f"Open {folder}")
        self._annotator = QLineEdit()
        self._annotator.setAccessibleName("Annotator")
        self._annotator.setPlaceholderText("nobody (optional)")
        self._annotator.setToolTip("Kept with each correction from now on; empty: nobody is named.")
        make_calm(self._annotator)
        self._sum, self._remark = Caption("Looking…"), Caption()
        self._table = Table("Corrections by class", _HEADS)
        head, who = QHBoxLayout(), QHBoxLayout()
        for row in (head, who):
            row.setSpacing(SPACING)
        head.addWidget(self._switch, 1)
        head.addWidget(self._open)
        who.addWidget(Word("Annotator"))
        who.addWidget(self._annotator, 1)
        self.body.addLayout(head)
        self.body.addWidget(self._where)
        self.body.addLayout(who)
        for widget in (self._sum, self._table, self._remark):
            self.body.addWidget(widget)
        self._table.hide()
        self._switch.clicked.connect(self._on_switched)
        self._annotator.editingFinished.connect(self._on_annotator)
        self._open.clicked.connect(lambda: open_folder(self._folder))
        self.show_settings()

    @property
    def text(self) -> str:
        """What is said of the corrections."""
        return " ".join(filter(None, (self._sum.text(), self._remark.text())))

    @property
    def rows(self) -> list[list[str]]:
        """What the table says."""
        return self._table.texts

    def show_settings(self) -> None:
        """Show the settings, after somebody else changed them."""
        self._switch.setChecked(self._settings.collect_corrections)
        self._annotator.setText(self._settings.annotator)
        self._where.setText(_where(self._settings))

    def show_collected(self, found: Collected, model: str) -> None:
        """Show what has been collected; `model` is the title of the one that would learn."""
        self._sum.setText(_summary(found, model))
        self._table.show_rows(_rows(found.by_class))
        self._table.setVisible(bool(found.by_class))
        self._remark.setText(found.obstacle or found.remark)
        self._remark.setVisible(bool(self._remark.text()))

    def show_error(self, error: MedkdError) -> None:
        """Say why nothing is known of the corrections."""
        self._sum.setText(str(error))

    def _on_switched(self, on: bool) -> None:
        self._save(collect_corrections=on)

    def _on_annotator(self) -> None:
        if self._annotator.text().strip() != self._settings.annotator:
            self._save(annotator=self._annotator.text().strip())

    def _save(self, **values: object) -> None:
        try:
            self._settings.model_copy(update=values).save()
        except MedkdError as error:
            self.show_error(error)
        else:
            for name, value in values.items():
                setattr(self._settings, name, value)
            self.changed.emit(self._settings)
        self.show_settings()


def _where(settings: Settings) -> str:
    if not settings.collect_corrections:
        return "Off: what you commit is not kept to learn from."
    if settings.corrections_database:
        return "On: what you commit is kept in your team's database, with its slice and without any name."
    return "On: what you commit is kept on this computer, with its slice and no name. Nothing leaves it."


def _summary(found: Collected, model: str) -> str:
    if not found.objects:
        return "Nothing has been collected yet."
    counted = ((found.objects, "object"), (found.images, "slice"), (found.cases, "case"))
    said = "{} on {} of {}".format(*(_many(count, word) for count, word in counted))
    said += f"; {found.fresh} new to {model}." if found.fresh and model else "; none of them new to it."
    held_out = found.parts["held-out"]
    return f"{said} {_many(held_out, 'case')} held out to measure on." if held_out else said


def _rows(classes: Sequence[ClassSummary]) -> list[tuple[Cell, ...]]:
    return [
        (
            Cell(one.label),
            Cell(str(one.cases)),
            Cell(str(one.objects)),
            Cell(f"{_dice(one.dice_first)} → {_dice(one.dice)}", tooltip=_DICE),
        )
        for one in classes
    ]


def _dice(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _many(count: int, word: str) -> str:
    return f"1 {word}" if count == 1 else f"{count:,} {word}s"
