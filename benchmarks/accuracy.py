"""Accuracy of every model with boxes, with clicks, and with the clicks of a hand that slips.

``python -m benchmarks.accuracy --data DIR --models medkd-fast litemedsam --json OUT`` asks each model for the
objects of each set, as ``medkd evaluate`` does, and sets the means beside their goals. With ``--keep`` the
figures of other models, sets and questions stay in OUT, so that it can be filled by several calls; it is
written after each set. ``--upstream`` compares LiteMedSAM through our whole path with its authors' own code
instead.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medkd.inference import load_segmenter
from src_training.data import ImageMaskFolder
from src_training.evaluation import Question, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_medkd.inference.segmenter import Segmenter
    from src_training.evaluation import EvaluationReport

MAIN = ("isic2018", "cvc_clinicdb", "shenzhen_cxr", "busi")
CLICKED = (*MAIN, "dsb2018")
# totalseg_examples is left out: its labels are the predictions of a model.
SETS = (
    *CLICKED,
    "drive",
    "fives_sample",
    "ccaus_sample",
    "isbi2012_em",
    "msd_hippocampus",
    "sct_spinalcord",
    "chaos_ct",
    "itksnap_caudate",
)
QUESTIONS = {
    "box": Question("box"),
    "click": Question("click"),
    "noisy": Question("click", noisy=True),
}
_KEPT = {
    "box": ("dice", "iou", "hd95", "nsd", "filled_box.dice", "ellipse.dice", "filled_box.nsd", "ellipse.nsd"),
    "click": ("dice@1", "dice@3", "dice@5", "hd95", "nsd", "noc80", "noc85", "noc90"),
    "noisy": ("dice@1", "dice@3", "dice@5", "noc80", "noc85", "noc90"),
}
Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, write its report and print the means."""
    options = _parser().parse_args(arguments)
    if options.upstream:
        from benchmarks.upstream_accuracy import compare

        options.sets = options.sets or list(MAIN)
        return compare(options)
    report = _start(options)
    for model in options.models or ["litemedsam"]:
        segmenter = load_segmenter(model, runtime=options.runtime, device=options.device)
        try:
            _measure(segmenter, options, report)
        finally:
            segmenter.close()
    _write(report, options.json)
    for model in report["models"]:
        sys.stdout.write(f"{model}: {_sentence(report, model)}\n")
    return 0


def means(sets: Mapping[str, Figures]) -> dict[str, float]:
    """Return the means over sets that the goals speak of; NaN where a set was not asked or not answered."""

    def over(names: Iterable[str], question: str, figure: str) -> float:
        found = [sets.get(name, {}).get(question, {}).get(figure, {}).get("mean") for name in names]
        return math.nan if None in found else sum(map(float, found)) / len(found)

    return {
        "box": over(MAIN, "box", "dice"),
        "one_click": over(CLICKED, "click", "dice@1"),
        "noc85": over(CLICKED, "click", "noc85"),
        "noc85_isic2018": over(("isic2018",), "click", "noc85"),
        "noc85_shenzhen_cxr": over(("shenzhen_cxr",), "click", "noc85"),
        "noc85_noisy": over(CLICKED, "noisy", "noc85"),
    }


def _measure(segmenter: Segmenter, options: argparse.Namespace, report: Figures) -> None:
    """Ask one model for everything, set by set."""
    name = segmenter.card.id
    one = report["models"].setdefault(name, {"sets": {}})
    one["runtime"] = segmenter.runtime_name
    for set_name in options.sets or SETS:
        folder = ImageMaskFolder(options.data / set_name, options.split)
        found = {
            kind: evaluate(segmenter, [folder], question, options.limit)
            for kind, question in QUESTIONS.items()
            if kind in options.questions
        }
        kept = one["sets"].get(set_name, {})
        one["sets"][set_name] = kept | {kind: _figures(kind, each) for kind, each in found.items()}
        one["means"] = {key: _number(value) for key, value in means(one["sets"]).items()}
        _write(report, options.json)
        _write_rows(options.rows, name, set_name, found)
        sys.stdout.write(f"{name} {set_name}: {_line(one['sets'][set_name])}\n")
        sys.stdout.flush()


def _figures(kind: str, report: EvaluationReport) -> Figures:
    """Keep what the tables show of one question to one set."""
    (one,) = report.sets.values()
    if report.unanswered:
        return {"unanswered": report.unanswered}
    kept: Figures = {
        "objects": one.objects,
        "cases": one.cases - one.empty,
        "empty": one.empty,
        "embed_seconds": report.embed_seconds,
        "answer_seconds": report.answer_seconds,
    }
    for name in _KEPT[kind]:
        if name in one.figures:
            kept[name] = {key: _number(value) for key, value in one.figures[name].model_dump().items()}
    if one.failures:
        kept["failures"] = {str(target): count for target, count in one.failures.items()}
    return kept


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 4)


def _start(options: argparse.Namespace) -> Figures:
    about = {"split": options.split, "limit": options.limit, "cap": Question().cap}
    if options.keep and options.json and options.json.exists():
        report: Figures = json.loads(options.json.read_text(encoding="utf-8"))
        if all(report.get(key) == value for key, value in about.items()):
            return report
        sys.exit(f"{options.json} holds figures of another split or limit: write another file.")
    return {**about, "models": {}}


def _write(report: Figures, path: Path | None) -> None:
    if path is not None:
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _write_rows(
    folder: Path | None, model: str, set_name: str, found: Mapping[str, EvaluationReport]
) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for kind, report in found.items():
        path = folder / f"{model}-{set_name}-{kind}.json"
        path.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _line(figures: Figures) -> str:
    """Say one set in a line."""
    box, click, noisy = (figures.get(kind, {}) for kind in QUESTIONS)
    parts = [f"box {_mean(box, 'dice')} (filled {_mean(box, 'filled_box.dice')})"]
    if "unanswered" in click:
        return f"{parts[0]}, {click['unanswered']}"
    parts.append(f"1/3/5 clicks {'/'.join(_mean(click, f'dice@{n}') for n in (1, 3, 5))}")
    parts.append(f"NoC85 {_mean(click, 'noc85')}, noisy {_mean(noisy, 'noc85')}")
    return ", ".join(parts)


def _mean(figures: Figures, name: str) -> str:
    mean = figures.get(name, {}).get("mean")
    return "–" if mean is None else f"{mean:.3f}"


def _sentence(report: Figures, model: str) -> str:
    found = report["models"][model].get("means", {})
    return ", ".join(f"{key} {'–' if value is None else f'{value:.3f}'}" for key, value in found.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--models", nargs="+", help="ids of installed models")
    parser.add_argument("--sets", nargs="+", help=f"data sets; without it {', '.join(SETS)}")
    parser.add_argument("--split", default="test")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--runtime", choices=("auto", "onnx", "torch"))
    parser.add_argument("--limit", type=int, help="only the first N cases of each set")
    parser.add_argument("--json", type=Path, help="report to write")
    parser.add_argument("--questions", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--keep", action="store_true", help="keep the other figures of that report")
    parser.add_argument("--rows", type=Path, help="folder for a report with every object of each question")
    parser.add_argument("--upstream", action="store_true", help="compare with LiteMedSAM's own code")
    return parser


if __name__ == "__main__":
    sys.exit(main())
