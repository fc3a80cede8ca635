from __future__ import annotations

import pytest

from napari_medkd.core.stopwatch import Stopwatch


def test_of_a_pause_the_first_minute_counts():
    now = [0.0]
    watch = Stopwatch(lambda: now[0])
    now[0] = 30
    watch.touch()
    now[0] = 4000  # lunch
    assert watch.so_far == pytest.approx(90)
    watch.touch()
    now[0] = 4010
    assert watch.take() == pytest.approx(100)
    assert watch.take() == 0
