"""The tools that the loaded model understands, and the brush."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QLabel, QSlider, QWidget
from superqt.utils import signals_blocked

from napari_medkd.widgets.buttons import ToolButton
from napari_medkd.widgets.inputs import make_calm
from napari_medkd.widgets.keys import key_for, tooltip_for
from napari_medkd.widgets.labels import SPACING, Section, Word
from napari_medkd.widgets.links import Links

if TYPE_CHECKING:
    from napari_medkd.session.session import Session

TOOLS = ("move", "point", "box", "scribble", "lasso", "paint", "erase", "delete")
_FIRST = ("box", "point", "scribble", "lasso")  # in place of a tool that the next model has not
_ASK_THE_MODEL = frozenset(_FIRST)  # the others need no model
_BRUSHES = frozenset({"paint", "erase"})
_MOST_COLUMNS = 5  # as many words as fit beside each other in 300 px


class Toolbox(Section):
    """Exclusive tool buttons; those that the model does not understand are not there.

    Parameters
    ----------
    session : Session
        Its model's capabilities decide what is offered.
    """

    tool_chosen = Signal(str)
    brush_size_changed = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Tool", parent)
        self._session = session
        self._expected: frozenset[str] = frozenset()  # of the model that is on its way
        self._shown: tuple[tuple[str, ...], bool] = (), False
        self._buttons: dict[str, ToolButton] = {}
        self._group = QButtonGroup(self)
        self._grid = QGridLayout()
        self._grid.setSpacing(3)
        for tool in TOOLS:
            key = key_for(f"tool_{tool}")
            button = ToolButton(tool, key.title, tooltip_for(key.action))
            self._buttons[tool] = button
            self._group.addButton(button)
        self._buttons["move"].setChecked(True)
        self.body.addLayout(self._grid)
        self.body.addWidget(self._build_brush())
        self._group.buttonClicked.connect(self._on_clicked)
        links = Links(self)
        links.connect(session.segmenter_changed, self._on_offer_changed)
        links.connect(session.volume_changed, self._on_offer_changed)
        links.connect(session.state_changed, self._on_offer_changed)  # loading begins or fails
        self._on_offer_changed()

    @property
    def offered(self) -> tuple[str, ...]:
        """The tools that make sense with the loaded model."""
        segmenter = self._session.segmenter
        expected = self._expected if self._session.loading else frozenset()
        understood = segmenter.card.capabilities if segmenter is not None else expected
        return tuple(tool for tool in TOOLS if tool not in _ASK_THE_MODEL or tool in understood)

    @property
    def tool(self) -> str:
        """The tool that is chosen."""
        return next(tool for tool, button in self._buttons.items() if button.isChecked())

    def set_tool(self, tool: str) -> None:
        """Show another tool as chosen, without a signal; one that is not offered is ignored."""
        if tool in self.offered:
            self._buttons[tool].setChecked(True)
            self._show_brush()

    def expect(self, capabilities: frozenset[str]) -> None:
        """Offer the tools of the model that is on its way, until one is loaded."""
        self._expected = capabilities
        self._on_offer_changed()

    def choose(self, tool: str) -> None:
        """Choose a tool as a click on its button does; one that is not offered is ignored."""
        if tool in self.offered and self._buttons[tool].isEnabled():
            self.set_tool(tool)
            self.tool_chosen.emit(tool)

    @property
    def brush_size(self) -> int:
        """Diameter of the brush, in pixels."""
        return int(self._brush.value())

    def set_brush_size(self, pixels: int) -> None:
        """Show another brush size, without a signal."""
        with signals_blocked(self._brush):
            self._brush.setValue(pixels)
        self._brush_label.setText(f"{self.brush_size} px")

    def step_brush(self, step: int) -> None:
        """Make the brush larger (+1) or smaller (-1) by about a fifth, as the slider does."""
        self._brush.setValue(self.brush_size + step * max(1, self.brush_size // 5))

    def _build_brush(self) -> QWidget:
        self._brush_row = QWidget()
        row = QHBoxLayout(self._brush_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACING)
        self._brush = QSlider(Qt.Orientation.Horizontal)
        self._brush.setRange(1, 100)
        self._brush.setValue(8)
        make_calm(self._brush)
        self._brush.setAccessibleName("Brush size")
        self._brush.setToolTip("Diameter of the brush in pixels (, and . make it smaller and larger)")
        self._brush_label = QLabel("8 px")
        self._brush_label.setFixedWidth(self._brush_label.fontMetrics().horizontalAdvance("100 px") + 8)
        for widget in (Word("Brush"), self._brush, self._brush_label):
            row.addWidget(widget)
        self._brush.valueChanged.connect(self._on_brush)
        return self._brush_row

    def _on_offer_changed(self, *_: object) -> None:
        offered = self.offered
        is_open = self._session.volume is not None
        if (offered, is_open) == self._shown:
            return
        self._shown = offered, is_open
        for tool, button in self._buttons.items():
            self._grid.removeWidget(button)
            button.setVisible(tool in offered)
            button.setEnabled(is_open)
        columns = len(offered) if len(offered) <= _MOST_COLUMNS else 4
        for place, tool in enumerate(offered):
            self._grid.addWidget(self._buttons[tool], *divmod(place, columns))
        if self.tool not in offered:
            self._buttons["move"].setChecked(True)
            self.choose(next((tool for tool in _FIRST if tool in offered), "move"))
        self._show_brush()

    def _on_clicked(self, button: ToolButton) -> None:
        self._show_brush()
        self.tool_chosen.emit(next(tool for tool, other in self._buttons.items() if other is button))

    def _on_brush(self, pixels: int) -> None:
        self._brush_label.setText(f"{pixels} px")
        self.brush_size_changed.emit(pixels)

    def _show_brush(self) -> None:
        self._brush_row.setVisible(self.tool in _BRUSHES)
