"""What clicks do to what a model found by itself: ``python -m benchmarks.corrected --data DATA --json OUT``.

On every image of a split the model finds what it looks for; a careful user then clicks where the mask is
most wrong, again and again. Those clicks are answered once by the model itself and once by the model that the
panel has answer them, ``--clicked``, each of which is given what the panel would give it. The sets are those
whose images show one object or one tree of vessels, since parts are corrected one by one. A click is heeded
where the mask then says at its place what it says.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.accuracy_tables import interval, table
from benchmarks.measuring import machine
from napari_medkd.core.geometry import Plane
from napari_medkd.core.overlap import dice
from napari_medkd.core.prompts import Prompt
from napari_medkd.core.robot import next_click
from napari_medkd.inference import load_segmenter
from napari_medkd.inference.asking import ask
from napari_medkd.session.prompting import answered, seen_logits
from src_training.data import ImageMaskFolder
from src_training.evaluation.statistics import estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter

CLICKS = 3
SETS = ("isic2018", "cvc_clinicdb", "busi", "drive", "fives_sample")
Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, write its report and print a line for each set."""
    options = _parser().parse_args(arguments)
    finder, clicked = load_segmenter(options.model), load_segmenter(options.clicked)
    report: Figures = {"model": options.model, "clicked": options.clicked, "split": options.split}
    report |= {**machine(), "sets": {}}
    for name in options.sets:
        folder = ImageMaskFolder(options.data / name, options.split)
        report["sets"][name] = {
            who: of_set(folder, finder, model) for who, model in (("itself", finder), ("clicked", clicked))
        }
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {report['sets'][name]}\n")
        sys.stdout.flush()
    return 0


def of_set(folder: ImageMaskFolder, finder: Segmenter, clicked: Segmenter) -> Figures:
    """Return the mean Dice before and after each click with its interval, and how many clicks were heeded."""
    rows, heeded = [], []
    for case in folder:
        volume, labels = case.load()
        plane = Plane(0, volume.shape[0] // 2)
        dices, kept = corrected(volume, plane, np.asarray(labels)[plane.index] > 0, finder, clicked)
        rows.append(dices)
        heeded += kept
    found = [estimate(list(column), np.random.default_rng(0)) for column in zip(*rows, strict=True)]
    return {
        "dice": [{key: round(getattr(one, key), 4) for key in ("mean", "low", "high")} for one in found],
        "cases": len(rows),
        "clicks": len(heeded),
        "heeded": sum(heeded),
    }


def corrected(
    volume: Volume, plane: Plane, truth: NDArray[np.bool_], finder: Segmenter, clicked: Segmenter
) -> tuple[list[float], list[bool]]:
    """Return Dice as found and after each of `CLICKS`, and whether each click was heeded."""
    found = finder.propose(finder.embed(volume, plane))[0]
    shown, embedding = answered(Prompt(plane), found, 0, None), clicked.embed(volume, plane)
    dices, heeded = [dice(shown.mask, truth)], []
    for _ in range(CLICKS):
        click = next_click(truth, shown.mask, shown.prompt.points)
        if click is not None:
            prompt = shown.prompt.with_point(click)
            answer = ask(clicked, embedding, prompt, seen_logits(prompt, shown, clicked))
            shown = answered(prompt, answer, 0, None)
            heeded.append(bool(shown.mask[round(click.row), round(click.column)]) is click.positive)
        dices.append(dice(shown.mask, truth))
    return dices, heeded


def page(report: Figures) -> str:
    """Return the table for the recipe's page."""
    rows = []
    for name, one in report["sets"].items():
        first = one["itself"]["dice"][0]
        cells = [f"{name} ({one['itself']['cases']})", interval(first)]
        for who in ("itself", "clicked"):
            own = one[who]
            cells += [interval(own["dice"][1]), interval(own["dice"][CLICKS])]
            cells.append(f"{own['heeded']} of {own['clicks']}")
        rows.append(cells)
    titles = ["set (images)", f"{report['model']} found"]
    for who in (report["model"], report["clicked"]):
        titles += [f"{who}, 1 click", f"{CLICKS} clicks", "heeded"]
    return table(titles, rows) + f"\n\nMean Dice [95 % interval] on the {report['split']} splits."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corrected", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--model", default="medkd-auto", help="model that finds by itself")
    parser.add_argument("--clicked", default="medkd-fast", help="model that answers clicks in the panel")
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="folders below --data")
    parser.add_argument("--split", default="test", help="split of each set")
    parser.add_argument("--json", type=Path, help="where the report goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
