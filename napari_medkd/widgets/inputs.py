"""Combo boxes, numbers and sliders that fit a narrow panel that scrolls."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QPaintEvent, QPalette
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)


class CompactCombo(QComboBox):
    """A combo box that never widens the panel; a text that does not fit ends in an ellipsis.

    Parameters
    ----------
    name : str
        Accessible name.
    tooltip : str
        What choosing does.
    """

    def __init__(self, name: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        make_calm(self)

    def minimumSizeHint(self) -> QSize:
        """Shrink further than a combo box wants to; the ellipsis says so."""
        return QSize(90, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the host's combo box with the text elided."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        if self.currentIndex() < 0 and self.placeholderText():
            option.currentText = self.placeholderText()
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideRight, field.width()
        )
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()


class Number(QLineEdit):
    """A number in a field as narrow as the number; the up and down keys step it, Enter leaves it.

    Qt's own spin boxes are no use here: hosts give them wide buttons that leave no room for the number.

    Parameters
    ----------
    name : str
        Accessible name.
    tooltip : str
        What it means.
    """

    entered = Signal()  # another number, typed or stepped

    def __init__(self, name: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.step, self.decimals = 1.0, 0
        self._value = 0.0
        self.setAccessibleName(name)
        self.setToolTip(f"{tooltip} (Up and Down step it)")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(58)
        self.editingFinished.connect(self._on_editing_finished)
        # The next key is the viewer's again, but not this one, which goes on to whoever holds the field.
        self.returnPressed.connect(self.clearFocus, Qt.ConnectionType.QueuedConnection)

    @property
    def value(self) -> float:
        """The number, as exact as it was set."""
        return self._value

    def set_value(self, value: float) -> None:
        """Show a number, without a signal."""
        self._value = value
        self.setText(f"{value:.{self.decimals}f}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step on Up and Down."""
        direction = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(event.key())
        if direction is None:
            super().keyPressEvent(event)
        else:
            self.set_value(self._value + direction * self.step)
            self.entered.emit()

    def _on_editing_finished(self) -> None:
        if self.text() == f"{self._value:.{self.decimals}f}":
            return  # what is shown is rounded: entering the field and leaving it changes nothing
        try:
            self.set_value(float(self.text().replace(",", ".")))
        except ValueError:
            self.set_value(self._value)
        else:
            self.entered.emit()


class _Wheel(QObject):
    """Leaves the wheel to the scroll area around a control."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return False


def make_calm(control: QWidget) -> None:
    """Let a control change only when it is meant: not by scrolling past it; Tab gives it the keyboard.

    A click does not, so that the next key is still the viewer's; a field to type in takes it all the same.
    """
    control.installEventFilter(_Wheel(control))
    is_field = isinstance(control, QLineEdit | QAbstractSpinBox)
    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus if is_field else Qt.FocusPolicy.TabFocus)
