"""Operations measured once and kept; multiply-accumulates counted."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from src_training.search.costs import LatencyTable, encoder_milliseconds, multiply_accumulates
from src_training.search.derive import top
from src_training.search.stopwatch import Stopwatch, _fastest
from tests.training.search.made_space import SPACE, scores


class Counting(Stopwatch):
    """Takes parameters for time, and counts how often it is asked."""

    asked = 0

    def milliseconds(self, network: Any, *shapes: Any, seconds: float | None = None) -> float:
        self.asked += 1
        return 1.0 + sum(p.numel() for p in network.parameters())


def test_what_was_measured_is_kept_for_every_later_run(tmp_path):
    first, second = Counting(torch.device("cpu"), 1), Counting(torch.device("cpu"), 1)
    found = LatencyTable(tmp_path, first).costs(SPACE, 64, lambda done, of: True)
    assert found is not None and found[0]["s2_0_1"]["mb3_e4"] > found[0]["s2_0_1"]["ds3"] > 0
    assert found[0]["s2_0_1"]["skip"] == found[0]["s2_0_1"]["none"] == 0 and found[1] > 0
    assert LatencyTable(tmp_path, second).costs(SPACE, 64, lambda done, of: True) == found
    assert first.asked > 5 and second.asked == 0
    # Slots of one shape share a measurement; another size or number of threads does not.
    LatencyTable(tmp_path, second).costs(SPACE, 128, lambda done, of: True)
    assert second.asked > 0
    assert LatencyTable(tmp_path, Counting(torch.device("cpu"), 2))._known == {}


def test_measuring_can_be_stopped_and_gone_on_with(tmp_path):
    watch = Counting(torch.device("cpu"), 1)
    assert LatencyTable(tmp_path, watch).costs(SPACE, 64, lambda done, of: done < 4) is None
    before = watch.asked
    assert LatencyTable(tmp_path, watch).costs(SPACE, 64, lambda done, of: True) is not None
    assert 0 < before < watch.asked


def test_a_torn_table_is_measured_again(tmp_path):
    watch = Counting(torch.device("cpu"), 1)
    LatencyTable(tmp_path, watch).costs(SPACE, 64, lambda done, of: True)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:40], encoding="utf-8")
    assert LatencyTable(tmp_path, watch)._known == {}


def test_multiply_accumulates_by_hand():
    costs, neck = multiply_accumulates(SPACE, 64)
    # The first step down: 3 × 3 × 3 × 4 for each of 32 × 32 pixels.
    assert abs(costs["s0_down"]["conv3"] * 1e9 - 27 * 4 * 32**2) < 1
    assert neck > 0 and costs["s2_0_1"]["none"] == 0


def test_a_whole_encoder_is_timed_as_the_product_runs_it():
    watch = Stopwatch(torch.device("cpu"), threads=1, seconds=0.01)
    took = encoder_milliseconds(SPACE.plan(top(SPACE, scores())), 64, watch, seconds=0.01)
    assert 0 < took < 10_000 and "1 threads" in watch.name


@pytest.mark.parametrize(("bounded", "wanted"), [(True, 2.0), (False, 5.0)])
def test_a_run_that_others_were_in_the_way_of_counts_for_its_work(monkeypatch, bounded, wanted):
    clock, work = count(0.0, 2.5), count(0.0, 2.0)  # a run is two looks at the first and one at the second
    ticking = SimpleNamespace(perf_counter=lambda: next(clock), process_time=lambda: next(work))
    monkeypatch.setattr("src_training.search.stopwatch.time", ticking)
    found = _fastest(lambda: next(clock), 1.0, bounded)
    assert found == wanted
