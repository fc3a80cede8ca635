"""The tables of ``benchmarks.learning``: what was gained and forgotten, and whether an order of cases helps.

``python -m benchmarks.learning_tables PART … --json OUT`` puts the files of several commands together.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.learning import OTHERS, REHEARSED
from src_training.evaluation import estimate
from src_training.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from src_training.evaluation import Estimate

Done = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one file of several, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning_tables", description=__doc__)
    parser.add_argument("parts", nargs="+", type=Path, metavar="PART")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    report = together(json.loads(part.read_text(encoding="utf-8")) for part in options.parts)
    write_text(options.json, json.dumps(report) + "\n")
    sys.stdout.write(learning(report) + "\n")
    return 0


def together(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return one report of several; the old model must have been asked for the same objects in all."""
    whole: dict[str, Any] = {"before": {}, "cells": {}}
    for part in parts:
        for name, asked in part["before"].items():
            first = whole["before"].setdefault(name, asked)
            if any(first[column] != asked[column] for column in ("case", "object")):
                raise SystemExit(f"Different objects of {name} were asked for: measure them anew.")
        cells = whole["cells"] | part["cells"]
        whole |= {**part, "before": whole["before"], "cells": cells}
    return whole


def learning(report: dict[str, Any]) -> str:
    """What each way of learning gained and cost, and ranked beside random orders."""
    before, cells = report["before"], list(report["cells"].values())
    lines = [
        "| target | images | method | users | Dice of one click, change | NoC85, change "
        "| rehearsed kinds | other kinds | Start to comparison |",
        "|" + "---|" * 9,
    ]
    lines += [_row(before, group) for group in _groups(cells, ("target", "method", "images", "order"))]
    lines += [
        "",
        "Test splits, the same objects and the same simulated hand before and after; NoC85: clicks to an IoU "
        f"of 85 %, of at most {report['cap']}, which a miss counts as. Changes are means over users, with "
        "the 95 % interval over cases. Rehearsed and other kinds: change of the Dice of one click. Images "
        "are those corrected; of these about three in ten are kept to choose by and to compare on.",
        *_orders(before, cells),
    ]
    return "\n".join(lines)


def _row(before: Done, group: Sequence[Done]) -> str:
    first, target = group[0], group[0]["target"]
    method = first["method"] if first["order"] == "random" else f"{first['method']}, ranked"
    cells = [target, str(first["images"]), method, str(len(group))]
    for figure, digits in (("dice@1", 3), ("noc85", 2)):
        old = float(np.mean(before[target][figure]))
        change = _change(before, group, (target,), figure)
        cells.append(f"{old:.{digits}f}, {_said(change, digits)}")
    for names in (REHEARSED, tuple(name for name in OTHERS if name not in REHEARSED)):
        cells.append(_said(_change(before, group, names, "dice@1"), 3))
    times = [f"{one['seconds']:.0f} s" for one in group if not one["threads"]]
    cells.append(times[0] if times else "")
    return f"| {' | '.join(cells)} |"


def _orders(before: Done, cells: Sequence[Done]) -> list[str]:
    """Compare users with the same seed who corrected in a random order and in that of `medkd learn next`."""
    lines: list[str] = []
    ranked = [one for one in cells if one["order"] == "ranked"]
    for group in _groups(ranked, ("target", "method", "images")):
        pairs = [(random, one) for one in group if (random := _twin(one, cells)) is not None]
        if pairs:
            lines += ["", _order(before, pairs)]
    return lines


def _order(before: Done, pairs: Sequence[tuple[Done, Done]]) -> str:
    target, images = pairs[0][1]["target"], pairs[0][1]["images"]
    apart = [_column(two, target, "dice@1") - _column(one, target, "dice@1") for one, two in pairs]
    found = _estimate(np.mean(apart, axis=0), before[target]["case"])
    tie = found.low <= 0 <= found.high
    verdict = "a tie" if tie else "better" if found.mean > 0 else "worse"
    return (
        f"Ranked beside random order, {target}, {images} images, {len(pairs)} users: Dice of one click "
        f"{_said(found, 3)}: {verdict}."
    )


def _twin(ranked: Done, cells: Sequence[Done]) -> Done | None:
    same = ("target", "method", "images", "seed")
    return next(
        (
            one
            for one in cells
            if one["order"] == "random" and all(one[name] == ranked[name] for name in same)
        ),
        None,
    )


def _change(before: Done, group: Sequence[Done], names: Sequence[str], figure: str) -> Estimate:
    """Return the mean change of a figure over users and over the objects of some sets."""
    changes: list[Any] = []
    cases: list[tuple[str, str]] = []
    for name in names:
        if all(name in one["after"] for one in group):
            old = np.asarray(before[name][figure], float)
            changes.append(np.mean([_column(one, name, figure) - old for one in group], axis=0))
            cases += [(name, case) for case in before[name]["case"]]
    return _estimate(np.concatenate(changes) if changes else np.empty(0), cases)


def _column(one: Done, name: str, figure: str) -> Any:
    return np.asarray(one["after"][name][figure], float)


def _estimate(values: Any, cases: Sequence[Any]) -> Estimate:
    return estimate(list(values), np.random.default_rng(0), cases=cases)


def _said(found: Estimate, digits: int) -> str:
    return f"{found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]" if found.n else ""


def _groups(cells: Sequence[Done], names: Sequence[str]) -> list[list[Done]]:
    def key(one: Done) -> tuple[str, ...]:
        return tuple(f"{one[name]:04d}" if isinstance(one[name], int) else one[name] for name in names)

    return [list(group) for _, group in groupby(sorted(cells, key=key), key)]


if __name__ == "__main__":
    sys.exit(main())
