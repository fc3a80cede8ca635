"""The progress bar: what it shows, and that it draws nothing while nothing changes."""

from __future__ import annotations

import pytest

from napari_medkd.widgets.progress import ProgressBar


class Counting(ProgressBar):
    drawn = 0

    def paintEvent(self, event):
        Counting.drawn += 1
        super().paintEvent(event)


@pytest.mark.parametrize(("done", "total", "value"), [(0, 0, 0), (1, 4, 250), (5, 4, 1000), (7, 0, 0)])
def test_a_share_of_what_there_is_to_do(qtbot, done, total, value):
    bar = ProgressBar()
    qtbot.addWidget(bar)
    bar.show_share(done, total)
    assert bar.value() == value


def test_an_unknown_amount_is_drawn_once_and_not_again(qtbot):
    bar = Counting()
    qtbot.addWidget(bar)
    bar.show_share(0, 0)
    bar.show()
    qtbot.waitExposed(bar)
    qtbot.wait(100)
    before = Counting.drawn
    qtbot.wait(400)
    assert before > 0 and Counting.drawn == before
