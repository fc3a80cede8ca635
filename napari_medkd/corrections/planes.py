"""Corrections by slice: what a recipe learns from, and what an export writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.corrections.query import EVERY
from napari_medkd.errors import MedkdError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_medkd.corrections.query import Query
    from napari_medkd.corrections.record import Record
    from napari_medkd.corrections.split import Part
    from napari_medkd.corrections.store import CorrectionStore

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")  # in a file name


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedPlane:
    """A slice and all that was accepted on it.

    Parameters
    ----------
    case : str
        Pseudonym of its case; splits go by it.
    part : str
        What the case is for.
    image : ndarray (rows, columns, 1 or 3) uint8
        As the model saw it, when the last of the corrections was made.
    records : tuple of Record
        The corrections, in the order in which they were made.
    masks : tuple of ndarray (rows, columns) bool
        The accepted mask of each.
    """

    case: str
    part: Part
    image: NDArray[np.uint8]
    records: tuple[Record, ...]
    masks: tuple[NDArray[np.bool_], ...]

    @property
    def name(self) -> str:
        """A file name without ending: case, image and slice, and nothing that names anybody."""
        record = self.records[0]
        case = "" if self.case == record.source else f"{_UNSAFE.sub('-', self.case)[:60]}-"
        return f"{case}{record.source[:12]}-{'zyx'[record.axis]}{record.index:04d}"

    @property
    def colours(self) -> NDArray[np.uint8]:
        """The image with three channels, (rows, columns, 3)."""
        return np.repeat(self.image, 3, axis=2) if self.image.shape[2] == 1 else self.image

    @property
    def spacing(self) -> tuple[float, float]:
        """Millimetres between rows and between columns; 1 where the file gave none."""
        return self.records[0].geometry.plane_spacing(self.records[0].plane)

    def objects(self) -> NDArray[np.uint16]:
        """Number the objects from 1; where two overlap, the later has the pixel."""
        numbered = np.zeros(self.image.shape[:2], np.uint16)
        for number, mask in enumerate(self.masks, start=1):
            numbered[mask] = number
        return numbered

    def classes(self, values: Mapping[str, int]) -> NDArray[np.uint16]:
        """Give each pixel the value of its class; where two overlap, the later has it."""
        painted = np.zeros(self.image.shape[:2], np.uint16)
        for record, mask in zip(self.records, self.masks, strict=True):
            painted[mask] = values[record.label]
        return painted


def planes(
    store: CorrectionStore, query: Query = EVERY, tell: Callable[[str], None] = lambda text: None
) -> Iterator[AnnotatedPlane]:
    """Yield the slices that records of a query lie on, in the order in which they were first corrected.

    A correction whose arrays are missing or damaged is left out and told of, since one of a thousand must not
    end a night's work.
    """
    parts = {case.case: case.part for case in store.by_case(query)}
    by_slice: dict[tuple[str, str, int, int], list[Record]] = {}
    for record in store.records(query):
        by_slice.setdefault((record.case, record.source, record.axis, record.index), []).append(record)
    for (case, *_), records in by_slice.items():
        found = _load(store, case, parts[case], records, tell)
        if found is not None:
            yield found


def _load(
    store: CorrectionStore, case: str, part: Part, records: list[Record], tell: Callable[[str], None]
) -> AnnotatedPlane | None:
    whole, masks = [], []
    for record in records:
        try:
            masks.append(store.accepted(record))
        except MedkdError as error:
            tell(f"The correction {record.id[:8]} was left out: {error.message}")
        else:
            whole.append(record)
    for digest in dict.fromkeys(record.image for record in reversed(whole)):
        try:
            image = store.arrays.get(digest)
        except MedkdError as error:
            tell(f"An image of {len(whole)} corrections was left out: {error.message}")
        else:
            return AnnotatedPlane(case, part, image, tuple(whole), tuple(masks))
    return None
