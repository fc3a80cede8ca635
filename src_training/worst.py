"""The objects that lost most by learning, drawn: the truth, the old answer and the new one side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.prompts import Prompt
from napari_medkd.core.robot import first_box, next_click
from napari_medkd.runs.comparison import WorstCase
from src_training.drawing import ANSWER, TRUTH, beside, outlined, sized
from src_training.evaluation.evaluating import whole
from src_training.files import write_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.models.card import ModelCard
    from src_training.data import Case, ImageMaskFolder
    from src_training.evaluation.report import Prompts, Row
    from src_training.objects import Target

PICTURES = "comparison"  # folder of the run
_WORST = 5
_TALL = 240  # pixels of a picture's longer side


def worst_cases(
    place: Path,
    rows: tuple[Sequence[Row], Sequence[Row]],
    folders: Sequence[ImageMaskFolder],
    models: tuple[Segmenter, Segmenter],
    cases: dict[tuple[str, str], str],
    prompts: Prompts,
) -> list[WorstCase]:
    """Draw the objects that lost most, the largest loss first.

    Parameters
    ----------
    place : Path
        The run's folder.
    rows : tuple
        The same objects asked of the old and of the new model.
    folders : sequence of ImageMaskFolder
        Where they are.
    models : tuple
        The old and the new model.
    cases : dict
        Set and file → case.
    prompts : str
        What the models were given.
    """
    pairs = sorted(zip(*rows, strict=True), key=lambda pair: pair[1].model.dice - pair[0].model.dice)
    files = {(folder.name, case.name): case for folder in folders for case in folder}
    found = []
    for number, (before, after) in enumerate(pairs[:_WORST], start=1):
        name = f"{PICTURES}/worst-{number}.png"
        write_picture(place / name, _sheet(files[before.set, before.case], before, models, prompts))
        found.append(
            WorstCase(
                set=before.set,
                case=cases[before.set, before.case],
                object=before.object,
                before=round(before.model.dice, 4),
                after=round(after.model.dice, 4),
                picture=name,
            )
        )
    return found


def _sheet(case: Case, row: Row, models: tuple[Segmenter, Segmenter], prompts: Prompts) -> NDArray[np.uint8]:
    """Return the image, then both answers to the first prompt, with the truth in each."""
    volume, targets = _targets(case, prompts)
    target = next(
        one
        for one in targets
        if (one.plane.axis, one.plane.index, one.name) == (row.axis, row.slice, row.object)
    )
    image = volume.slice_seen(target.plane)
    shown = [outlined(image, target.mask, TRUTH)]
    for model in models:
        embedding = model.embed(volume, target.plane)
        if prompts == "auto":
            answer = np.logical_or.reduce([one.masks[0] for one in model.propose(embedding)])
        else:
            answer = model.predict(embedding, _first(target.mask, target.plane, model.card)).masks[0]
        shown.append(outlined(shown[0], answer, ANSWER))
    return beside([sized(one, _TALL) for one in shown])


def _targets(case: Case, prompts: Prompts) -> tuple[Volume, Iterable[Target]]:
    if prompts != "auto":
        return case.objects()
    volume, labels = case.load()
    return volume, whole(volume, labels)


def _first(truth: NDArray[np.bool_], plane: Plane, card: ModelCard) -> Prompt:
    if "point" not in card.capabilities:
        return Prompt(plane, box=first_box(truth))
    click = next_click(truth, np.zeros_like(truth))
    return Prompt(plane, points=() if click is None else (click,))
