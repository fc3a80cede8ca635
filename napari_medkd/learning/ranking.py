"""Which image to correct next: those that stand for most of the others, and each unlike those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import MedkdError
from napari_medkd.inference import load_segmenter
from napari_medkd.learning.cases import read
from napari_medkd.learning.glance import Glance, glance, order

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.learning.cases import Case

    # name of a case, its usefulness from 0 to 1 (None where it cannot be read), and a sentence on it
    Tell = Callable[[str, float | None, str], None]

_SEED = 0
_SURE, _DOUBTFUL = 0.15, 0.3


def rank(
    cases: Sequence[Case],
    model: str | Segmenter,
    tell: Tell,
    progress: Callable[[int, int], None] = lambda done, total: None,
    seen: Collection[str] = (),
) -> list[str]:
    """Look at every case and return their names, the most useful to correct first.

    It runs the model for some tenths of a second a case, so it is called off the GUI's thread; what
    `progress` raises, to cancel it, is let through.

    Parameters
    ----------
    cases : sequence of Case
        The images.
    model : str or Segmenter
        Id of an installed model that takes points, or one that is loaded; empty takes the one in use.
    tell : callable
        Told of each case how useful its correction would be: a first guess once it was looked at, and at the
        end its place among all. A case that cannot be read is told with None and why; it ends nothing.
    progress : callable
        Called with (cases done, cases).
    seen : collection of str
        Names of cases that were corrected already: they are not ranked, and what looks like them comes late.
    """
    segmenter = load_segmenter(model) if isinstance(model, str) else model
    try:
        found = _glances(cases, segmenter, tell, progress)
    finally:
        if isinstance(model, str):
            segmenter.close()
    names = [name for name in found if name not in seen]
    ordered = [names[place] for place in order([found[name] for name in names], _corrected(found, seen))]
    for place, name in enumerate(ordered):
        tell(name, 1 - place / len(ordered), _sentence(found[name]))
    return ordered


def _glances(
    cases: Sequence[Case], segmenter: Segmenter, tell: Tell, progress: Callable[[int, int], None]
) -> dict[str, Glance]:
    found: dict[str, Glance] = {}
    for number, case in enumerate(cases):
        progress(number, len(cases))
        try:
            found[case.name] = glance(read(case), segmenter, np.random.default_rng((_SEED, number)))
        except MedkdError as error:
            tell(case.name, None, str(error))
        else:
            tell(case.name, found[case.name].doubt, _sentence(found[case.name]))
    progress(len(cases), len(cases))
    return found


def _corrected(found: dict[str, Glance], seen: Collection[str]) -> list[Glance]:
    return [one for name, one in found.items() if name in seen]


def _sentence(found: Glance) -> str:
    expected = f"it expects an overlap of {1 - found.unsure:.2f}"
    if found.doubt >= _DOUBTFUL:
        return f"The model is not sure of it: {expected}, and its masks waver by {found.wavering:.2f}."
    if found.doubt <= _SURE:
        return f"The model is sure of it: {expected}."
    return f"The model is fairly sure of it: {expected}."
