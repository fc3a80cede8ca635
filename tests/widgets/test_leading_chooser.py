from __future__ import annotations

from qtpy.QtWidgets import QSpinBox

from napari_medkd.widgets.leading_chooser import LeadingAxis, LeadingChooser

TIME, CHANNEL = LeadingAxis("Time", 5, 2), LeadingAxis("Channel", 3, 0)


def test_a_number_an_axis_says_where_to_go(qtbot):
    chooser = LeadingChooser()
    qtbot.addWidget(chooser)
    heard = []
    chooser.chosen.connect(heard.append)
    chooser.show_axes((TIME, CHANNEL))
    boxes = chooser.findChildren(QSpinBox)
    assert [(box.accessibleName(), box.value(), box.maximum()) for box in boxes] == [
        ("Time", 2, 4),
        ("Channel", 0, 2),
    ]
    assert heard == [] and not chooser.isHidden()
    boxes[1].setValue(2)
    assert heard == [(2, 2)]
    chooser.show_axes((TIME, LeadingAxis("Channel", 3, 1)))
    assert boxes[1].value() == 1 and heard == [(2, 2)]


def test_an_image_without_such_axes_has_no_numbers(qtbot):
    chooser = LeadingChooser()
    qtbot.addWidget(chooser)
    chooser.show_axes((TIME,))
    chooser.show_axes(())
    assert chooser.isHidden()
