"""The training pool: slices as the model sees them, with their objects, held in memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import MedkdError, UnreadableFile
from src_training.data import ImageMaskFolder, about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from src_training.data import Case

logger = logging.getLogger(__name__)

_SMALLEST = 20  # pixels: less than a click can mean
_TRAIN = "train"
_REACH = 2  # slices away that another slice of a volume is a neighbour


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """A neighbouring slice's objects, told by the numbers of another slice of the volume.

    Parameters
    ----------
    objects : ndarray (rows, columns) uint16
        The neighbour's own, shared with it: a volume is held once.
    numbers : ndarray (count + 1,) uint16
        Its number of an object → the other slice's; 0 for what is not there.
    """

    objects: NDArray[np.uint16]
    numbers: NDArray[np.uint16]

    def renumbered(self) -> NDArray[np.uint16]:
        """Return the neighbour's objects under the other slice's numbers."""
        return self.numbers[self.objects]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One slice and its objects.

    Parameters
    ----------
    set, case : str
        Where it comes from; slices of a volume share their case.
    image : ndarray (rows, columns, 3) uint8
        Through the volume's own window.
    objects : ndarray (rows, columns) uint16
        Which object each pixel belongs to, from 1; 0 is none.
    beside : tuple of Beside
        The same objects on neighbouring slices of a volume: those that both show.
    """

    set: str
    case: str
    image: NDArray[np.uint8]
    objects: NDArray[np.uint16]
    beside: tuple[Beside, ...] = ()

    @property
    def count(self) -> int:
        """Number of objects."""
        return int(self.objects.max(initial=0))


def load_pictures(
    folders: Iterable[Path], split: str | None = _TRAIN, tell: Callable[[str], None] = lambda text: None
) -> list[Picture]:
    """Read every case of `folders`; a folder without splits is taken whole.

    A file that cannot be read is left out and reported, since one of a thousand must not end a night's work;
    where nothing at all can be read that is an `UnreadableFile`.
    """
    pictures: list[Picture] = []
    folders = list(folders)
    for folder in folders:
        found = ImageMaskFolder(folder, split if has_splits(folder) else None)
        for case in found:
            try:
                pictures += pictures_of(found.name, case)
            except MedkdError as error:
                tell(f"{found.name}: one case was left out: {error.message}")
    if not pictures:
        names = ", ".join(folder.name for folder in folders) or "nothing"
        raise UnreadableFile(
            f"No image with an object was found in {names}.",
            "Expected folders with images/ and masks/ of the same file names.",
        )
    return pictures


def has_splits(folder: Path, split: str = "") -> bool:
    """Tell whether a folder says which cases are for what, and names any for `split` where that is given."""
    splits = about(Path(folder)).get("splits")
    return isinstance(splits, dict) and bool(splits.get(split) if split else splits)


def weights(
    pictures: Sequence[Picture], often: Mapping[str, float] = MappingProxyType({})
) -> NDArray[np.float64]:
    """Return how often to draw each picture: each set by the root of its cases, each case alike.

    In between drawing every case alike, which forgets the small sets, and every set alike, which learns a
    set of twelve by heart. What is in `often`, by the name of a set, is drawn so many times as often.
    """
    cases: dict[str, set[str]] = {}
    slices: dict[tuple[str, str], int] = {}
    for picture in pictures:
        cases.setdefault(picture.set, set()).add(picture.case)
        slices[picture.set, picture.case] = slices.get((picture.set, picture.case), 0) + 1
    drawn = [
        often.get(picture.set, 1.0) * len(cases[picture.set]) ** -0.5 / slices[picture.set, picture.case]
        for picture in pictures
    ]
    return np.asarray(drawn, np.float64) / np.float64(sum(drawn))


def by_set(pictures: Iterable[Picture]) -> dict[str, list[Picture]]:
    """Return the pictures of each set, in order."""
    sets: dict[str, list[Picture]] = {}
    for picture in pictures:
        sets.setdefault(picture.set, []).append(picture)
    return sets


def pictures_of(name: str, case: Case) -> list[Picture]:
    """Read the slices of a case that show an object; `name` is that of its set."""
    volume, targets = case.objects(limit=None, smallest=_SMALLEST)
    by_plane: dict[Plane, dict[str, NDArray[np.bool_]]] = {}
    for target in targets:
        by_plane.setdefault(target.plane, {})[target.name] = target.mask
    numbered = {plane: _numbered(masks.values()) for plane, masks in by_plane.items()}
    names = {plane: list(masks) for plane, masks in by_plane.items()}
    pictures = []
    for plane, objects in numbered.items():
        image = np.ascontiguousarray(volume.slice_uint8(plane))
        near = _neighbours(plane, names) if case.is_named else {}
        beside = tuple(Beside(numbered[other], numbers) for other, numbers in near.items())
        pictures.append(Picture(name, case.name, image, objects, beside))
    return pictures


def _numbered(masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.uint16]:
    """Return objects in one array, numbered from 1 as they come; there is at least one."""
    first, *others = masks
    objects = first.astype(np.uint16)
    for number, mask in enumerate(others, start=2):
        objects[mask] = number
    return objects


def _neighbours(plane: Plane, names: dict[Plane, list[str]]) -> dict[Plane, NDArray[np.uint16]]:
    """Return the slices beside `plane` that share an object with it, with `Beside.numbers` of each."""
    here = {name: number for number, name in enumerate(names[plane], start=1)}
    near = {}
    for step in (step for step in range(-_REACH, _REACH + 1) if step):
        other = Plane(plane.axis, plane.index + step) if plane.index + step >= 0 else None
        if other in names:
            numbers = np.array([0, *(here.get(name, 0) for name in names[other])], np.uint16)
            if numbers.any():
                near[other] = numbers
    return near
