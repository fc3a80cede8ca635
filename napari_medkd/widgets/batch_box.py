"""What a batch is asked for: folders, model, format, and the options of `BatchConfig`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from napari_medkd.batch import BatchConfig, outputs
from napari_medkd.errors import InvalidSetting, MedkdError
from napari_medkd.inference import kinds
from napari_medkd.widgets.buttons import LinkButton, PanelButton
from napari_medkd.widgets.form import align_labels, build_form, read_form, show_in_form
from napari_medkd.widgets.inputs import CompactCombo, make_calm
from napari_medkd.widgets.labels import SPACING, Caption, Section, Word
from napari_medkd.widgets.path_row import PathRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtGui import QShowEvent

    from napari_medkd.models.card import ModelCard

_OWN = {"source", "target", "model", "modality", "prompts", "format", "overlay", "measure"}
_SHELL = {"pattern", "window", "threshold"}  # for the command line: a form has no good field for them
_DEVICES = ("", "auto", "cpu", "cuda")
_BLANK = BatchConfig(source="", target="", model="")
_TABLE = "Boxes: one row each, with the columns image, x0, y0, x1, y1 and perhaps slice, label, name."
_FORMATS = {"auto": "As the image", "dicom-seg": "DICOM-SEG", "ome-zarr": "OME-Zarr", "nifti": "NIfTI"}


class BatchBox(Section):
    """Asks for everything that a batch needs; Start emits it.

    Parameters
    ----------
    choose_folder, choose_file : callable, optional
        Given the present path, return another or None; dialogs where None.
    """

    start_requested = Signal(object)  # BatchConfig

    def __init__(
        self,
        choose_folder: Callable[[Path | None], Path | None] | None = None,
        choose_file: Callable[[Path | None], Path | None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("A folder at once", parent)
        self._cards: dict[str, ModelCard] = {}
        folder, file = choose_folder or self._folder_dialog, choose_file or self._file_dialog
        self.images = PathRow(
            "Images", "The folder of images; the folders in it are looked through, too.", folder
        )
        self.masks = PathRow("Masks", "The folder that masks and report are written to.", folder)
        self.boxes = PathRow("Boxes", f"A CSV table for a model that needs boxes. {_TABLE}", file)
        self._boxes_note = Caption(_TABLE)
        self._model = CompactCombo("Model of the batch", "What segments the images.")
        self._kind = CompactCombo("Kind of image", "What all images are; automatic finds out for each.")
        self._format = CompactCombo("Format of the masks", "Images that it does not suit keep to their own.")
        self._overlay, self._measure = (self._check(name) for name in ("overlay", "measure"))
        self._options = LinkButton("Options ▸", "Show what else can be set; the defaults are good.")
        self.form = build_form(_BLANK, exclude=_OWN | _SHELL, choices={"device": _DEVICES})
        self._start = PanelButton(
            "Start", "Segment the folder, in a process of its own; the viewer stays free."
        )
        self._problem = Caption()
        self._build()
        self._connect()
        self._on_model()

    def set_models(self, cards: Sequence[ModelCard], preferred: str) -> None:
        """Offer the installed models; the one that was chosen stays, else `preferred` is."""
        chosen = self._model.currentData() or preferred
        self._cards = {card.id: card for card in cards}
        self._model.clear()
        for card in cards:
            self._model.addItem(card.title, card.id)
        self._model.setCurrentIndex(max(0, self._model.findData(chosen)) if cards else -1)
        self._on_model()

    def set_running(self, running: bool) -> None:
        """Say whether a batch is running: then no other can be started here."""
        self._start.setEnabled(not running)
        self._start.setText("Running…" if running else "Start")

    def show_config(self, config: BatchConfig) -> None:
        """Show what a batch was asked for."""
        for row, text in (
            (self.images, config.source),
            (self.masks, config.target),
            (self.boxes, config.prompts),
        ):
            row.set_path(Path(text) if text else None)
        for combo, value in ((self._model, config.model), (self._format, config.format)):
            combo.setCurrentIndex(max(0, combo.findData(value)))
        self._on_model()
        self._kind.setCurrentIndex(max(0, self._kind.findData(config.modality)))
        self._overlay.setChecked(config.overlay)
        self._measure.setChecked(config.measure)
        show_in_form(self.form, config)

    def show_error(self, error: MedkdError | None) -> None:
        """Show what went wrong under the button; None takes it away."""
        self._problem.setText(str(error or ""))
        self._problem.setVisible(error is not None)

    @property
    def config(self) -> BatchConfig:
        """What is asked for.

        Raises
        ------
        MedkdError
            A folder or the boxes are missing, or an option cannot be.
        """
        missing = {"images": self.images.path, "masks": self.masks.path, "model": self._model.currentData()}
        for what, value in missing.items():
            if not value:
                raise InvalidSetting(
                    f"No {what} are chosen." if what != "model" else "No model is chosen.", ""
                )
        asked = {
            "source": str(self.images.path),
            "target": str(self.masks.path),
            "model": self._model.currentData(),
            "modality": self._kind.currentData() or kinds.AUTO,
            "prompts": str(self.boxes.path) if self.boxes.isVisibleTo(self) and self.boxes.path else "",
            "format": self._format.currentData(),
            "overlay": self._overlay.isChecked(),
            "measure": self._measure.isChecked(),
        }
        try:
            return BatchConfig.model_validate(read_form(self.form, _BLANK).model_dump() | asked)
        except ValidationError as error:
            raise InvalidSetting(f"This batch cannot be: {error.errors()[0]['msg']}.", "") from error

    def showEvent(self, event: QShowEvent) -> None:
        """Align the fields of the form."""
        super().showEvent(event)
        align_labels(self.form)

    # --- inside -------------------------------------------------------------------------------------------
    def _check(self, name: str) -> QCheckBox:
        field = BatchConfig.model_fields[name]
        box = QCheckBox(field.title)
        box.setToolTip(field.description or "")
        box.setAccessibleName(field.title or name)
        make_calm(box)
        return box

    def _build(self) -> None:
        for name in (outputs.AUTO, *outputs.outputs):
            self._format.addItem(_FORMATS.get(name, name.upper()), name)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACING)
        grid.setVerticalSpacing(SPACING)
        grid.setColumnStretch(1, 1)
        self._kind_word = Word("Kind")
        for row, (word, combo) in enumerate(
            ((Word("Model"), self._model), (self._kind_word, self._kind), (Word("Format"), self._format))
        ):
            grid.addWidget(word, row, 0)
            grid.addWidget(combo, row, 1)
        checks, foot = QHBoxLayout(), QHBoxLayout()
        for layout, widgets in ((checks, (self._overlay, self._measure)), (foot, (self._options,))):
            for widget in widgets:
                layout.addWidget(widget)
            layout.addStretch(1)
        foot.addWidget(self._start)
        self._room = QWidget()
        inside = QVBoxLayout(self._room)
        inside.setContentsMargins(0, 0, 0, 0)
        self.form.margins = (0, 0, 0, 0)
        for row in self.form:
            make_calm(row.native)
            row.native.setAccessibleName(row.label or row.name)
            row.native.setMinimumWidth(90)
        inside.addWidget(self.form.native)
        self._room.hide()
        self._problem.hide()
        for widget in (self.images, self.masks):
            self.body.addWidget(widget)
        self.body.addLayout(grid)
        for widget in (self.boxes, self._boxes_note):
            self.body.addWidget(widget)
        self.body.addLayout(checks)
        self.body.addLayout(foot)
        for widget in (self._room, self._problem):
            self.body.addWidget(widget)

    def _connect(self) -> None:
        self.images.chosen.connect(self._on_images)
        self._model.activated.connect(self._on_model)
        self._options.clicked.connect(self._on_options)
        self._start.clicked.connect(self._on_start)

    def _on_images(self, folder: Path) -> None:
        """Propose a folder beside the images for their masks."""
        self.masks.set_path(folder.with_name(f"{folder.name}-masks"))

    def _on_model(self, *_: object) -> None:
        card = self._cards.get(self._model.currentData() or "")
        self._kind.clear()
        self._kind.addItem("Automatic", kinds.AUTO)
        for kind in kinds.known(card) if card is not None else ():
            self._kind.addItem(kind, kind)
        for widget in (self._kind, self._kind_word):
            widget.setVisible(self._kind.count() > 2)
        takes_boxes = card is not None and "box" in card.capabilities
        self.boxes.setVisible(takes_boxes)
        self._boxes_note.setVisible(takes_boxes and card is not None and "auto" not in card.capabilities)

    def _on_options(self) -> None:
        self._room.setVisible(self._room.isHidden())
        self._options.setText("Options ▸" if self._room.isHidden() else "Options ▾")

    def _on_start(self) -> None:
        try:
            config = self.config
        except MedkdError as error:
            self.show_error(error)
            return
        self.show_error(None)
        self.start_requested.emit(config)

    def _folder_dialog(self, present: Path | None) -> Path | None:
        name = QFileDialog.getExistingDirectory(self, "A folder", str(present or Path.home()))
        return Path(name) if name else None

    def _file_dialog(self, present: Path | None) -> Path | None:
        name, _ = QFileDialog.getOpenFileName(self, "A table of boxes", str(present or ""), "Tables (*.csv)")
        return Path(name) if name else None
