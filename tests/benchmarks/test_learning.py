"""The figures of learning from corrections: by case, over users, and two orders side by side."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.learning_tables import learning, together

CASES = ["a", "a", "b", "c"]


def cell(seed: int, gain: float, order: str = "random") -> dict[str, Any]:
    names = {"target": "hearts", "images": 10, "seed": seed, "method": "quick", "order": order}
    after = {"dice@1": [0.5 + gain] * 4, "noc85": [6.0 - 10 * gain] * 4}
    other = {"dice@1": [0.9, 0.9 - gain / 10]}
    return {**names, "threads": 0, "seconds": 100.0 + seed, "after": {"hearts": after, "busi": other}}


def report(*cells: dict[str, Any]) -> dict[str, Any]:
    before = {
        "hearts": {"case": CASES, "object": ["1", "2", "1", "1"], "dice@1": [0.5] * 4, "noc85": [6.0] * 4},
        "busi": {"case": ["x", "y"], "object": ["1", "1"], "dice@1": [0.9, 0.9]},
    }
    return {"before": before, "cap": 10, "cells": {str(number): one for number, one in enumerate(cells)}}


def test_gains_are_means_over_users_and_what_was_forgotten_stands_beside_them():
    (row,) = [line for line in learning(report(cell(0, 0.1), cell(1, 0.2))).splitlines() if "hearts" in line]
    cells = [part.strip() for part in row.strip("|").split("|")]
    assert cells[:4] == ["hearts", "10", "quick", "2"]
    assert cells[4].startswith("0.500, +0.150") and cells[5].startswith("6.00, -1.50")
    assert cells[6] == "" and cells[7].startswith("-0.00") and cells[8] == "100 s"


@pytest.mark.parametrize(("gain", "verdict"), [(0.1, "a tie"), (0.3, "better"), (0.05, "worse")])
def test_two_orders_are_compared_user_by_user(gain, verdict):
    said = learning(report(cell(0, 0.1), cell(0, gain, "ranked"))).splitlines()[-1]
    assert said.startswith("Ranked beside random order, hearts, 10 images, 1 users") and verdict in said


def test_parts_that_asked_otherwise_are_not_put_together():
    one, other = report(cell(0, 0.1)), report(cell(1, 0.1))
    assert len(together([one, {**other, "cells": {"other": cell(1, 0.1)}}])["cells"]) == 2
    other["before"]["hearts"]["object"] = ["1"] * 4
    with pytest.raises(SystemExit, match="Different objects of hearts"):
        together([one, other])
