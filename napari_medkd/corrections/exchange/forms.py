"""The forms of folder that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medkd.corrections.exchange import coco, nnunet, pairs
from napari_medkd.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_medkd.corrections.exchange.sample import ImportOptions, Sample
    from napari_medkd.corrections.planes import AnnotatedPlane


@dataclass(frozen=True, slots=True)
class Form:
    """One way to lay out images and masks in a folder.

    Parameters
    ----------
    title : str
        What people call it.
    fits : callable
        Tells of a folder whether it looks like one.
    read : callable
        Yields the samples of a folder; their pixels are read later, one by one.
    write : callable
        Writes slices into an empty folder, with the values of their classes; returns how many there were.
    """

    title: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, ImportOptions], Iterator[Sample]]
    write: Callable[[Path, Iterable[AnnotatedPlane], Mapping[str, int]], int]


FORMS = {
    "nnunet": Form("nnU-Net data set", nnunet.fits, nnunet.read, nnunet.write),
    "coco": Form("COCO instances", coco.fits, coco.read, coco.write),
    "folder": Form("image and mask folders", pairs.fits, pairs.read, pairs.write),
}


def form_named(name: str) -> Form:
    """Return a form by its name; an unknown one lists the known ones."""
    if name not in FORMS:
        raise UnknownName(f"There is no form of folder named {name!r}.", f"Known: {', '.join(FORMS)}.")
    return FORMS[name]


def form_of(folder: Path) -> Form:
    """Return the form that a folder has, by what is in it."""
    for form in FORMS.values():
        if form.fits(folder):
            return form
    raise UnknownName(
        f"{folder.name} is in none of the known forms.",
        "Expected imagesTr/ and labelsTr/ (nnU-Net), a JSON file of COCO annotations, or images/ beside "
        "masks/, labels/ or instances/.",
    )
