"""Accuracy over time of what one search trained: found, distilled, drawn by chance, and known encoders.

After ``medkd train efficient-medsam --data DATA/busi --out RUN --target-ms 4 --set rivals=2 --set
widths=small``, which trains all of them with the same steps on the same pictures,

``python -m benchmarks.search_front RUN --data DATA/busi --json OUT``

asks each one for the objects of the test split, with their tight boxes and with one click in the middle,
through the whole path of the product. How long the run's stages took by the clock is told as well.

Expected, and written down before it was run: the encoder that was found is at least as good as those drawn
by chance at its time (one seed says little); known ones that take longer may be better, and ones that are
faster are not. That was said with a target of 15 ms, for which the dearest encoder of these widths was too
fast, so that nothing was chosen: that run was stopped during its first rival and one for 4 ms begun.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.accuracy_tables import table
from benchmarks.measuring import machine
from napari_medkd.inference import load_segmenter
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import EventReader, Finished, Stage
from src_training.data import ImageMaskFolder
from src_training.evaluation import Question, evaluate
from src_training.evaluation.statistics import estimate
from src_training.search.found import FRONT, Front, kept
from src_training.search.outcome import OUTCOME, Figures

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST = "found"
_ASKED = {"box": Question("box"), "click": Question("click", cap=1)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask every network that the run kept, and write the report."""
    options = _parser().parse_args(arguments)
    front, outcome = kept(options.run, FRONT, Front), kept(options.run, OUTCOME, Figures)
    if front is None or outcome is None:
        sys.exit(f"{options.run} has no {FRONT} and {OUTCOME}: it is no finished run of efficient-medsam.")
    folder = ImageMaskFolder(options.data, "test")
    networks: dict[str, Any] = {}
    report = {
        **machine(),
        "set": folder.name,
        "outcome": outcome.figures,
        "minutes": minutes(options.run),
        "networks": networks,
    }
    for point in sorted(front.points, key=lambda point: point.milliseconds):
        if point.package:
            dices, report["filled_box"], report["images"] = asked(options.run / point.package, folder)
            networks[point.name] = {
                "milliseconds": point.milliseconds,
                "parameters": point.parameters,
                "dice": dices,
            }
            means = {name: round(float(np.mean(values)), 4) for name, values in dices.items()}
            sys.stdout.write(f"{point.name}: {point.milliseconds} ms, {means}\n")
    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def asked(package: Path, folder: ImageMaskFolder) -> tuple[dict[str, list[float]], list[float], list[str]]:
    """Ask a model for every object of a set.

    Returns
    -------
    dices : dict
        Dice of each object, asked for with a ``box`` and with a ``click``.
    filled : list
        Dice of each object's filled box.
    images : list
        Which image each object is on.
    """
    with tempfile.TemporaryDirectory() as home:
        store = ModelStore(Path(home))
        segmenter = load_segmenter(store.add(package).id, store=store, device="cpu", runtime="onnx")
        rows = {name: evaluate(segmenter, [folder], question).rows for name, question in _ASKED.items()}
    dices = {name: [round(row.model.dice, 4) for row in found] for name, found in rows.items()}
    return dices, [round(row.filled_box.dice, 4) for row in rows["box"]], [row.case for row in rows["box"]]


def minutes(run: Path) -> dict[str, float]:
    """Return what each stage of a run took by the clock; of one that went on after a stop, its last part."""
    began = [(event.name, event.t) for event in EventReader(run).read() if isinstance(event, Stage)]
    ends = [event.t for event in EventReader(run).read() if isinstance(event, Finished)]
    times = [*(time for _, time in began[1:]), *ends[-1:]]
    return {name: round((end - start) / 60, 1) for (name, start), end in zip(began, times, strict=False)}


def page(report: dict[str, Any]) -> str:
    """Return the tables for the recipe's page: the networks by their time, and the minutes of the stages."""
    images = report["images"]

    def mean(values: Any, form: str = ".3f") -> str:
        one = estimate(list(values), np.random.default_rng(0), cases=images)
        return f"{one.mean:{form}} [{one.low:{form}}, {one.high:{form}}]"

    rows = [["filled box", "", "", mean(report["filled_box"]), "", ""]]
    for name, own in report["networks"].items():
        dices = own["dice"]
        cells = [name, f"{own['milliseconds']:.1f}", f"{own['parameters'] / 1e6:.2f}"]
        cells += [mean(dices[question]) for question in _ASKED]
        apart = 100 * (np.array(report["networks"][_FIRST]["dice"]["box"]) - np.array(dices["box"]))
        rows.append([*cells, "" if name == _FIRST else mean(apart, "+.1f")])
    titles = [
        "encoder",
        "ms",
        "M parameters",
        "box: Dice",
        "one click: Dice",
        f"{_FIRST} is ahead by, box",
    ]
    outcome = report["outcome"]
    ended = (
        f"{report['set']}, test split: {len(images)} objects on {len(set(images))} images, mean Dice [95 % "
        f"interval over images; what {_FIRST} is ahead by in points], one seed, {report['cores']} cores. "
        f"Wanted: {outcome['target_ms']:g} ms; measured at the end: {outcome['encoder_ms']:.1f} ms."
    )
    times = table(["stage", "minutes"], [[name, f"{took:.1f}"] for name, took in report["minutes"].items()])
    return "\n\n".join([table(titles, rows), ended, times])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_front", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a finished run with rivals")
    parser.add_argument("--data", type=Path, required=True, help="the set that is asked about")
    parser.add_argument("--json", type=Path, required=True, help="report to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
