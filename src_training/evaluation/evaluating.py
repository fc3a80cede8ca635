"""A model on data sets: asks for every object and says how well it was answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_medkd import __version__
from napari_medkd.core.geometry import Plane
from napari_medkd.core.overlap import dice, iou
from napari_medkd.core.robot import first_box
from napari_medkd.core.surface import surface_scores
from napari_medkd.errors import InvalidPrompt, UnreadableFile
from src_training.evaluation.asking import AFTER, TARGETS, Questioner, Stopwatch, after
from src_training.evaluation.baselines import filled_box, inscribed_ellipse
from src_training.evaluation.report import EvaluationReport, Prompts, Row, Scores, SetReport, Summary
from src_training.evaluation.statistics import estimate
from src_training.objects import Target, slice_axis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Box
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Embedding, Segmenter
    from src_training.data import Case, ImageMaskFolder

_TOLERANCE = 2.0  # pixels of a picture, mm of a volume
_NEEDS = {"box": "box", "click": "point", "auto": "auto"}  # prompts → capability
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """How a model is asked.

    Parameters
    ----------
    prompts : str
        ``box`` around each object, ``click`` after click, or ``auto``: everything, without a prompt.
    noisy : bool
        As a hand does it rather than at the very edges and centres.
    cap : int
        The most clicks for one object.
    seed : int
        Of the noise and of the intervals; each object draws from its own stream, whatever else is asked.
    """

    prompts: Prompts = "box"
    noisy: bool = False
    cap: int = 20
    seed: int = 0


def evaluate(
    segmenter: Segmenter,
    folders: Sequence[ImageMaskFolder],
    question: Question,
    limit: int | None = None,
    progress: Progress = lambda done, total: None,
) -> EvaluationReport:
    """Ask a model for the objects of every case.

    Parameters
    ----------
    limit : int, optional
        Only so many cases of each folder, the first ones.
    progress : callable
        Called with (cases done, cases).

    Raises
    ------
    InvalidPrompt
        ``auto`` is asked of a model that cannot work without a prompt. One that does not understand boxes or
        clicks gives a report without rows that says so.
    """
    unanswered = _unanswered(segmenter, question.prompts)
    chosen = [(folder, () if unanswered else folder.cases[:limit]) for folder in folders]
    for folder in folders:
        if not len(folder):
            raise UnreadableFile(f"{folder.name} has no cases in that split.", "Choose another split.")
    total, done = sum(len(cases) for _, cases in chosen), 0
    watch = Stopwatch()
    asking = _Asking(Questioner(segmenter, question.cap, watch), question)
    rows: list[Row] = []
    sets: dict[str, SetReport] = {}
    for folder, cases in chosen:
        found: list[Row] = []
        empty = 0
        for case in cases:
            new = list(asking.rows(folder.name, case))
            empty += not new
            found += new
            done += 1
            progress(done, total)
        sets[folder.name] = summarise(found, question, folder.split or "", len(cases), empty)
        rows += found
    return EvaluationReport(
        version=__version__,
        model=segmenter.card.id,
        runtime=segmenter.runtime_name,
        prompts=question.prompts,
        noisy=question.noisy,
        cap=question.cap,
        seed=question.seed,
        unanswered=unanswered,
        embed_seconds=_median(watch.embed),
        answer_seconds=_median(watch.answer),
        sets=sets,
        rows=rows,
    )


def summarise(rows: Sequence[Row], question: Question, split: str, cases: int, empty: int) -> SetReport:
    """Return the figures of one set."""
    names = [row.case for row in rows]
    columns: dict[str, list[float]] = {}
    for who, prefix in (("model", ""), ("filled_box", "filled_box."), ("ellipse", "ellipse.")):
        for figure in Scores.model_fields:
            columns[prefix + figure] = [getattr(getattr(row, who), figure) for row in rows]
    clicks = [row.clicks for row in rows if row.clicks is not None]
    if clicks:
        for count in (count for count in AFTER if count <= question.cap):
            columns[f"dice@{count}"] = [after(each.dice, count) for each in clicks]
        for target in TARGETS:
            columns[f"noc{target}"] = [each.noc[target] for each in clicks]
    figures = {
        name: Summary(**asdict(estimate(values, np.random.default_rng(question.seed), cases=names)))
        for name, values in columns.items()
    }
    failures = {target: sum(each.failed[target] for each in clicks) for target in TARGETS if clicks}
    return SetReport(
        split=split, cases=cases, empty=empty, objects=len(rows), figures=figures, failures=failures
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    """Goes through a case, slice by slice, each encoded once."""

    questioner: Questioner
    question: Question

    def rows(self, name: str, case: Case) -> Iterator[Row]:
        volume, targets = self._targets(case)
        for plane, on_slice in groupby(targets, lambda target: target.plane):
            embedding = self._embed(volume, plane)
            for target in on_slice:
                yield self._row(name, case.name, volume, embedding, target)

    def _targets(self, case: Case) -> tuple[Volume, Iterable[Target]]:
        if self.question.prompts != "auto":
            return case.objects()
        volume, labels = case.load()
        return volume, whole(volume, labels)

    def _embed(self, volume: Volume, plane: Plane) -> Embedding:
        start = time.perf_counter()
        embedding = self.questioner.segmenter.embed(volume, plane)
        self.questioner.watch.embed.append(time.perf_counter() - start)
        return embedding

    def _row(self, name: str, case: str, volume: Volume, embedding: Embedding, target: Target) -> Row:
        truth, clicks = target.mask, None
        place = f"{name}/{case}/{target.plane.axis}/{target.plane.index}/{target.name}"
        rng = _stream(self.question.seed, place) if self.question.noisy else None
        box = first_box(truth) if truth.any() else None
        if self.question.prompts == "auto":
            mask = self.questioner.everything(embedding)
        elif self.question.prompts == "click":
            mask, clicks = self.questioner.clicks(embedding, truth, rng)
        else:
            box = first_box(truth, rng)
            mask = self.questioner.box(embedding, box)
        geometry = volume.geometry
        unit: Literal["px", "mm"] = "mm" if geometry.from_file else "px"
        spacing = geometry.plane_spacing(target.plane) if geometry.from_file else (1.0, 1.0)
        return Row(
            set=name,
            case=case,
            axis=target.plane.axis,
            slice=target.plane.index,
            object=target.name,
            pixels=int(np.count_nonzero(truth)),
            unit=unit,
            model=score(mask, truth, spacing),
            filled_box=score(_guess(filled_box, box, truth), truth, spacing),
            ellipse=score(_guess(inscribed_ellipse, box, truth), truth, spacing),
            clicks=clicks,
        )


def score(mask: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: tuple[float, float]) -> Scores:
    """Compare a mask with the truth on the slice's own grid."""
    borders = surface_scores(mask, truth, _TOLERANCE, spacing)
    return Scores(dice=dice(mask, truth), iou=iou(mask, truth), hd95=borders.hd95, nsd=borders.nsd)


def _unanswered(segmenter: Segmenter, prompts: Prompts) -> str:
    """Return why the model is not asked; empty where it is."""
    card = segmenter.card
    if _NEEDS[prompts] in card.capabilities:
        return ""
    if prompts == "auto":
        raise InvalidPrompt(
            f"{card.title} finds nothing without a prompt.", "Evaluate it with --prompts box or click."
        )
    known = sorted({"box", "point"} & card.capabilities)
    return f"{known[0]} only" if known else "neither boxes nor points"


def whole(volume: Volume, labels: NDArray[np.uint16]) -> Iterator[Target]:
    """Yield the mask of a picture, even an empty one, or of each slice of a volume that holds something."""
    axis = slice_axis(volume.geometry)
    for index in range(volume.shape[axis]):
        plane = Plane(axis, index)
        mask = labels[plane.slicing()] > 0
        if mask.any() or volume.shape[axis] == 1:
            yield Target(plane, "all", mask)


def _guess(
    make: Callable[[Box, tuple[int, int]], NDArray[np.bool_]], box: Box | None, truth: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    return np.zeros_like(truth) if box is None else make(box, (truth.shape[0], truth.shape[1]))


def _stream(seed: int, place: str) -> Generator:
    """Return the chance of one object: the same in every evaluation, whatever else is asked in it."""
    digest = blake2b(place.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])


def _median(seconds: Sequence[float]) -> float | None:
    return round(float(np.median(seconds)), 4) if seconds else None
