"""A model that prompts itself, set by set, beside a click and beside a U-Net of each set's own.

``python -m benchmarks.automatic --data DATA --model medkd-auto --json OUT`` asks the model about every image
of the test splits without telling it what kind of image it is. Beside it stand another model that is clicked
once on each object (``--clicked medkd-fast``), and a U-Net trained for ``--unet-seconds`` on each set alone
(`benchmarks.unet`). Every figure is the mean over a set with its interval; an empty mask counts: Dice 0 and a
distance of the whole diagonal where something is there, 1 and 0 where nothing is.

The panel doubts the kind of an image below a probability of `napari_medkd.inference.routing.SURE`. How often
it does is counted for every set, and for all images of ``--strangers``, sets of a kind that is new to the
model.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.accuracy_tables import interval
from benchmarks.measuring import machine, summary
from napari_medkd.core.geometry import Plane
from napari_medkd.inference import load_segmenter
from napari_medkd.inference.routing import SURE
from src_training.data import ImageMaskFolder
from src_training.evaluation import Question, evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.inference.segmenter import Segmenter
    from src_training.evaluation import EvaluationReport

GOALS = {
    "isic2018": 0.87,
    "cvc_clinicdb": 0.82,
    "shenzhen_cxr": 0.955,
    "busi": 0.74,
    "dsb2018": 0.90,
    "drive": 0.78,
}
SETS = (*GOALS, "fives_sample", "msd_hippocampus")
STRANGERS = ("ccaus_sample", "isbi2012_em", "chaos_ct", "totalseg_examples")
_FIGURES = ("dice", "iou", "hd95", "nsd")
Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, write its report after each set and print a line for each."""
    options = _parser().parse_args(arguments)
    report: Figures = {"model": options.model, "split": options.split, **machine(), "sets": {}}
    if options.keep and options.json and options.json.exists():
        report["sets"] = json.loads(options.json.read_text(encoding="utf-8"))["sets"]
    model = load_segmenter(options.model, device=options.device)
    clicked = load_segmenter(options.clicked, device=options.device) if options.clicked else None
    report["runtime"] = model.runtime_name
    for name in [one for one in options.sets if one not in report["sets"]]:
        folder = ImageMaskFolder(options.data / name, options.split)
        one = {
            "goal": GOALS.get(name),
            "routed": routed(model, folder),
            "automatic": _asked(model, folder, Question("auto")),
        }
        if clicked is not None:
            one["clicked once"] = _asked(clicked, folder, Question("click", cap=1))
        if options.unet_seconds:
            import torch

            from benchmarks.unet import trained

            unet, steps = trained(options.data / name, options.unet_seconds)
            learned = {"seconds": options.unet_seconds, "threads": torch.get_num_threads(), "steps": steps}
            one["U-Net"] = _asked(unet, folder, Question("auto")) | learned
        report["sets"][name] = one
        report["means"] = means(report["sets"])
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {_line(one)}\n")
        sys.stdout.flush()
    report["strangers"] = doubts(model, options.data, options.strangers)
    report["seconds"] = {
        name: _speed(model, ImageMaskFolder(options.data / name, options.split)) for name in options.sets
    }
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    taken = {name: one["median"] for name, one in report["seconds"].items()}
    sys.stdout.write(f"{report['means']}, seconds for a 1024² image: {taken}\n")
    return 0


def routed(model: Segmenter, folder: ImageMaskFolder) -> Figures:
    """Count the images whose kind the model tells rightly, those it doubts, and what it takes others for."""
    kind = folder.modality
    right, doubted, wrong = 0, 0, []
    for case in folder:
        volume, _ = case.load()
        odds = model.modality_of(model.embed(volume, Plane(0, volume.shape[0] // 2)))
        likeliest, sure = next(iter(odds.items()), ("", 0.0))
        right += likeliest == kind
        doubted += sure < SURE
        wrong += [likeliest] * (likeliest != kind)
    return {"cases": right + len(wrong), "right": right, "doubted": doubted, "taken_for": sorted(wrong)}


def means(sets: Figures) -> Figures:
    """Return the mean Dice over the sets that have a goal, of each who was asked, and the router's share."""
    asked = [one for name, one in sets.items() if name in GOALS]
    every = [one["routed"] for one in sets.values()]
    found = {
        who: round(float(np.mean([one[who]["dice"]["mean"] for one in asked])), 4)
        for who in ("automatic", "clicked once", "U-Net")
        if asked and all(who in one for one in asked)
    }
    return found | {
        "routed": round(sum(one["right"] for one in every) / sum(one["cases"] for one in every), 4)
    }


def doubts(model: Segmenter, data: Path, strangers: Sequence[str]) -> Figures:
    """Count, for sets of kinds that the model does not know, the images whose kind it doubts."""
    return {name: routed(model, ImageMaskFolder(data / name)) for name in strangers}


def _asked(model: Segmenter, folder: ImageMaskFolder, question: Question) -> Figures:
    """Return the mean figures of a set with their intervals, over images or over what is clicked at."""
    report: EvaluationReport = evaluate(model, [folder], question)
    (found,) = report.sets.values()
    kept: Figures = {"objects": found.objects, "model": report.model}
    for name in _FIGURES:
        kept[name] = {key: round(value, 4) for key, value in found.figures[name].model_dump().items()}
    return kept


def _speed(model: Segmenter, folder: ImageMaskFolder, side: int = 1024, repeats: int = 8) -> dict[str, float]:
    """Time the first images of a set, brought to `side` pixels a side, from their pixels to their masks."""
    from napari_medkd.core.volume import Volume

    taken = []
    for case in itertools.islice(folder, repeats):
        picture = Image.fromarray(case.load()[0].slice_uint8(Plane(0, 0))).resize((side, side))
        volume = Volume.from_array(np.asarray(picture)[np.newaxis])
        start = time.perf_counter()
        model.propose(model.embed(volume, Plane(0, 0)))
        taken.append(time.perf_counter() - start)
    return summary(taken[1:])


def _line(one: Figures) -> str:
    """Say one set in a line."""
    asked = [who for who in ("automatic", "clicked once", "U-Net") if who in one]
    parts = [f"{who} {interval(one[who]['dice'])} HD95 {one[who]['hd95']['mean']:.1f}" for who in asked]
    goal = f" (goal {one['goal']})" if one["goal"] else ""
    return f"{', '.join(parts)}{goal}, kind right {one['routed']['right']} of {one['routed']['cases']}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.automatic", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--model", default="medkd-auto", help="model that prompts itself")
    parser.add_argument("--clicked", default="", help="model that is clicked once beside it: medkd-fast")
    parser.add_argument("--unet-seconds", type=float, default=0, help="how long each set's U-Net is trained")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument(
        "--strangers", nargs="*", default=list(STRANGERS), help="sets of kinds that the model does not know"
    )
    parser.add_argument("--split", default="test")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--json", type=Path, help="report to write")
    parser.add_argument("--keep", action="store_true", help="go on with the sets that it lacks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
