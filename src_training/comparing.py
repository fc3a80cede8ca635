"""The gate: the new model beside the old one, on the user's held-out cases and on what must not be forgotten.

Nothing here changes which model is in use. What is found goes into the run's folder: figures with intervals
over cases, and pictures of the objects that lost most.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.inference import load_segmenter
from napari_medkd.inference.runtimes.onnx import OnnxRuntime
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.package import DECODER, ENCODER, read_card
from napari_medkd.runs import Compared, Comparison, Progress
from napari_medkd.runs.comparison import (
    FILE,
    Change,
    Interval,
    Latency,
    SetComparison,
)
from napari_medkd.settings import Settings
from src_training.comparing_kinds import known_folders, new_kind, taken_for
from src_training.data import ImageMaskFolder, about
from src_training.evaluation import EvaluationReport, Question, estimate, evaluate
from src_training.files import write_text
from src_training.pictures import has_splits
from src_training.replay import Replay
from src_training.worst import worst_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.models.card import ModelCard
    from napari_medkd.runs.comparison import SetKind
    from src_training.context import Context
    from src_training.data import Case
    from src_training.evaluation.report import Prompts, Row

STAGE = "comparison"
CAP = 10  # clicks for one object: the user waits
_OWN_CASES, _REPLAY_CASES, _KNOWN_CASES = 24, 16, 48  # at most


@dataclass(frozen=True, slots=True)
class _Asked:
    """The same objects asked of one model."""

    rows: Sequence[Row]
    report: EvaluationReport


def compare(context: Context, package: Path) -> dict[str, float]:
    """Compare the model of a package with the one that the run was to stand beside.

    Writes ``comparison.json`` and pictures into the run's folder, tells of them, and returns the figures that
    a run ends with.
    """
    assert context.spec.learning is not None
    began = time.monotonic()
    old, new = _old(context.spec.learning.against), _new(package)
    try:
        comparison = _compared(context, old, new, began)
    finally:
        old.close()
        new.close()
    write_text(context.folder / FILE, comparison.model_dump_json(indent=1) + "\n")
    context.write(Compared(path=FILE, verdict=comparison.verdict, forgets=comparison.forgets))
    return _summary(comparison)


def _compared(context: Context, old: Segmenter, new: Segmenter, began: float) -> Comparison:
    own, replay = _folders(context, new.card)
    question, kind = Question(_prompts(new.card), cap=CAP, seed=context.spec.seed), ""
    if question.prompts == "auto":
        kind = new_kind(old.card, new.card)
    groups: list[tuple[str, SetKind, list[ImageMaskFolder]]] = [
        ("Your held-out cases", "corrections", own),
        ("Other kinds of images", "replay", replay),
    ]
    sets, worst = [], []
    asked: list[tuple[_Asked, _Asked]] = []
    total = 2 * sum(len(folders) > 0 for _, _, folders in groups)
    for name, what, folders in groups:
        if not folders:
            continue
        both: list[_Asked] = []
        for model in (old, new):
            context.write(Progress(stage=STAGE, step=2 * len(asked) + len(both), total=total))
            report = evaluate(model, folders, question)
            both.append(_Asked(report.rows, report))
        cases = _cases(folders)
        rows = both[0].rows, both[1].rows
        taken = taken_for(new, folders, rows[1], kind) if kind else None
        sets.append(_set(name, what, rows, cases, taken))
        if what == "corrections":
            worst = worst_cases(context.folder, rows, folders, (old, new), cases, question.prompts)
        asked.append((both[0], both[1]))
    context.write(Progress(stage=STAGE, step=total, total=total))
    before, after = asked[-1] if asked else (None, None)
    return Comparison(
        before=old.card.id,
        after=new.card.id,
        cap=CAP,
        prompts=question.prompts,
        kind=kind,
        sets=sets,
        latency_before=_latency(before),
        latency_after=_latency(after),
        worst=worst,
        seconds=round(time.monotonic() - began, 1),
    )


def _folders(context: Context, card: ModelCard) -> tuple[list[ImageMaskFolder], list[ImageMaskFolder]]:
    """Return the held-out cases of the corrections, and of the images that must not be forgotten."""
    assert context.spec.learning is not None
    own = []
    for name in context.spec.data:
        folder = context.folder / name
        if has_splits(folder, "test"):
            found = ImageMaskFolder(folder, "test")
            own.append(found.having(_drawn(found.cases, _OWN_CASES)))
    replay = Replay(map(Path, context.spec.learning.replay), tell=context.warn)
    by_itself = _prompts(card) == "auto"
    known = known_folders(replay, card) if by_itself else replay.parts("test")
    each = max(1, (_KNOWN_CASES if by_itself else _REPLAY_CASES) // max(1, len(known)))
    return own, [found.having(_drawn(found.cases, each)) for found in known]


def _drawn(cases: Sequence[Case], count: int) -> list[Case]:
    """Return at most `count` cases, the same ones every time."""
    order = np.random.default_rng(0).permutation(len(cases))[:count]
    return [cases[index] for index in sorted(order)]


def _prompts(card: ModelCard) -> Prompts:
    if card.architecture.kinds:
        return "auto"
    return "click" if "point" in card.capabilities else "box"


def _old(model_id: str) -> Segmenter:
    return load_segmenter(model_id, device="cpu")


def _new(package: Path) -> Segmenter:
    threads = Settings.load().threads
    runtime = OnnxRuntime(package / ENCODER, package / DECODER, "cpu", threads)
    return SamSegmenter(read_card(package), runtime)


def _cases(folders: Sequence[ImageMaskFolder]) -> dict[tuple[str, str], str]:
    """Return set and file → case: slices of a volume are one case, where the folder says which."""
    found: dict[tuple[str, str], str] = {}
    for folder in folders:
        said = about(folder.folder).get("medkd", {}).get("cases", {})
        found |= {(folder.name, case.name): str(said.get(case.name, case.name)) for case in folder}
    return found


def _figures(row: Row) -> dict[str, float]:
    figures = {"dice@1": row.model.dice, "nsd": row.model.nsd}
    if row.clicks is not None:
        last = row.clicks.dice[-1] if row.clicks.dice else 0.0
        figures |= {"dice": last, "noc85": float(row.clicks.noc[85])}
    return figures


def _set(
    name: str,
    kind: SetKind,
    rows: tuple[Sequence[Row], Sequence[Row]],
    cases: dict[tuple[str, str], str],
    taken: Sequence[float] | None = None,
) -> SetComparison:
    names = [(row.set, cases[row.set, row.case]) for row in rows[0]]
    before, after = ([_figures(row) for row in asked] for asked in rows)
    if taken is not None:
        for old, new, share in zip(before, after, taken, strict=True):
            old["taken"], new["taken"] = 0.0, share
    figures = {figure: _change(before, after, figure, names) for figure in (before[0] if before else ())}
    sets = dict.fromkeys(row.set for row in rows[0]) if kind == "replay" else {}
    parts = {}
    for part in sets if len(sets) > 1 else ():
        own = [number for number, row in enumerate(rows[0]) if row.set == part]
        asked = [before[number] for number in own], [after[number] for number in own]
        parts[part] = _change(*asked, "dice@1", [names[number] for number in own])
    return SetComparison(
        name=name, kind=kind, cases=len(set(names)), objects=len(names), figures=figures, parts=parts
    )


def _change(
    before: Sequence[dict[str, float]],
    after: Sequence[dict[str, float]],
    figure: str,
    cases: Sequence[tuple[str, str]],
) -> Change:
    first, second = [one[figure] for one in before], [one[figure] for one in after]
    change = [b - a for a, b in zip(first, second, strict=True)]
    return Change(
        before=_interval(first, cases), after=_interval(second, cases), change=_interval(change, cases)
    )


def _interval(values: Sequence[float], cases: Sequence[tuple[str, str]]) -> Interval:
    found = estimate(values, np.random.default_rng(0), cases=cases)
    mean, low, high = (None if np.isnan(x) else round(x, 5) for x in (found.mean, found.low, found.high))
    return Interval(mean=mean, low=low, high=high)


def _latency(asked: _Asked | None) -> Latency:
    report = asked.report if asked is not None else None
    return Latency(
        encode=report.embed_seconds or 0.0 if report is not None else 0.0,
        answer=report.answer_seconds or 0.0 if report is not None else 0.0,
    )


def _summary(comparison: Comparison) -> dict[str, float]:
    """Return the means that stand at the end of a run."""
    found: dict[str, float] = {}
    for one in comparison.sets:
        for figure in ("dice@1", "noc85"):
            change = one.figures.get(figure)
            if change is not None and change.before.mean is not None and change.after.mean is not None:
                found[f"{one.kind}_{figure}_before"] = round(change.before.mean, 4)
                found[f"{one.kind}_{figure}_after"] = round(change.after.mean, 4)
    return found
