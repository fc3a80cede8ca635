"""Pictures for models that need no prompt: whole slices with their classes, and slices that nobody labelled.

What is held out for validation or for the test is never among them, not even under another name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import InvalidSetting, MedkdError, UnreadableFile
from napari_medkd.io import read_labels, read_volume
from src_training.data import ImageMaskFolder, about, files_by_name, mask_folder, split_names
from src_training.objects import slice_axis
from src_training.pictures import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_TRAIN, _UNLABELLED, _VALIDATION = "train", "unlabelled", "val"
_LONGEST = (
    1024  # pixels: a whole slice is never looked at any closer, and hundreds of them are kept in memory
)
_SLICES = 24  # of one volume without labels


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One slice as a whole.

    Parameters
    ----------
    picture : Picture
        Its objects are the classes: 0 is the background, 1 to K what is looked for.
    digest : str
        Of the slice's own pixels: what it is called in the manifest, which names no file.
    labelled : bool
        Whether the classes are known.
    """

    picture: Picture
    digest: str
    labelled: bool


@dataclass(frozen=True, slots=True)
class Pool:
    """What a run may learn from, and what it is validated on.

    Parameters
    ----------
    labelled, unlabelled, validation : tuple of Scene
        Slices with their classes, slices without, and slices of the held-out cases.
    """

    labelled: tuple[Scene, ...]
    unlabelled: tuple[Scene, ...]
    validation: tuple[Scene, ...]


def load_pool(
    data: Sequence[Path],
    validation: Sequence[Path],
    classes: int,
    tell: Callable[[str], None] = lambda text: None,
) -> Pool:
    """Read the folders of a run.

    A folder without splits gives its images with a mask as labelled ones and those without as unlabelled.
    Where ``dataset.json`` has splits, ``train`` is labelled, ``unlabelled`` is not, and every other split is
    held out; an image that no split names is left alone. A held-out image that is also among the others is
    left out of them and reported.

    Parameters
    ----------
    data, validation : sequence of Path
        Folders to learn from and to validate on; without the latter the validation splits of `data`.
    classes : int
        1 takes whatever a mask marks; more take its values 1 to K.
    tell : callable
        Hears what was left out.
    """
    held_out = _held_out(data, validation)
    found: tuple[list[Scene], list[Scene]] = [], []  # labelled, unlabelled
    for folder in data:
        labels = _masks_of(folder)
        for name, path in _training_images(folder, set(labels)).items():
            if _file_digest(path) in held_out:
                tell(f"{folder.name}: an image is held out as well, so it is not learnt from.")
                continue
            try:
                found[name not in labels].extend(_scenes(folder.name, name, path, labels.get(name), classes))
            except UnreadableFile as error:
                tell(f"{folder.name}: one case was left out: {error.message}")
    if not found[0]:
        raise UnreadableFile(
            f"No image with a mask was found in {', '.join(folder.name for folder in data) or 'nothing'}.",
            "Expected a folder with images/ and masks/ of the same file names.",
        )
    looked_at = tuple(_validation(data, validation, classes, tell))
    known = {scene.digest for scene in looked_at}  # the same picture in another format
    labelled, unlabelled = (tuple(scene for scene in scenes if scene.digest not in known) for scenes in found)
    return Pool(labelled, unlabelled, looked_at)


def budget(scenes: Sequence[Scene], cases: int, seed: int) -> tuple[list[Scene], list[Scene]]:
    """Divide labelled scenes into those of `cases` drawn cases, 0 for all, and the rest as unlabelled ones.

    Of one seed, the cases of a smaller budget are among those of a larger one.
    """
    names = sorted({(scene.picture.set, scene.picture.case) for scene in scenes})
    order = np.random.default_rng((seed, 11)).permutation(len(names))[: cases or None]
    chosen = {names[index] for index in order}
    kept = [scene for scene in scenes if (scene.picture.set, scene.picture.case) in chosen]
    rest = [scene for scene in scenes if (scene.picture.set, scene.picture.case) not in chosen]
    return kept, [_without_labels(scene) for scene in rest]


def content_digest(image: NDArray[np.uint8]) -> str:
    """Return what a slice (rows, columns, 3) is called in the manifest: a digest of its pixels."""
    return hashlib.sha256(f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()[:32]


# --- which files ------------------------------------------------------------------------------------------
def _masks_of(folder: Path) -> dict[str, Path]:
    """Return the masks of a folder by name: of its training split where it has one; none of mere images."""
    try:
        masks = files_by_name(folder / mask_folder(folder))
    except UnreadableFile:
        return {}
    if not split_names(folder):
        return masks
    training = set(_split(folder, _TRAIN)) if _TRAIN in split_names(folder) else set()
    return {name: path for name, path in masks.items() if name in training}


def _training_images(folder: Path, labelled: set[str]) -> dict[str, Path]:
    """Return the images that may be learnt from."""
    images = files_by_name(folder / "images")
    splits = split_names(folder)
    if not splits:
        return images
    if _TRAIN in splits and labelled:
        missing = [name for name in _split(folder, _TRAIN) if name not in labelled]
        if missing:
            raise UnreadableFile(
                f"{len(missing)} training cases of {folder.name} have no mask.",
                f"Add the masks, or name these cases under {_UNLABELLED!r} in the splits of dataset.json.",
            )
    named = {name for split in (_TRAIN, _UNLABELLED) if split in splits for name in _split(folder, split)}
    return {name: path for name, path in images.items() if name in named}


def _held_out(data: Sequence[Path], validation: Sequence[Path]) -> set[str]:
    """Return the digests of all files that must not be learnt from."""
    digests = set()
    for folder in data:
        images = files_by_name(folder / "images")
        for split in split_names(folder):
            if split not in (_TRAIN, _UNLABELLED):
                digests |= {_file_digest(images[name]) for name in _split(folder, split) if name in images}
    for folder in validation:
        digests |= {_file_digest(case.image) for case in _folder(folder, _VALIDATION)}
    return digests


def _folder(folder: Path, split: str) -> ImageMaskFolder:
    return ImageMaskFolder(folder, split if split_names(folder) else None)


def _split(folder: Path, split: str) -> list[str]:
    return [str(name) for name in about(folder)["splits"][split]]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- what is in them --------------------------------------------------------------------------------------
def _validation(
    data: Sequence[Path], validation: Sequence[Path], classes: int, tell: Callable[[str], None]
) -> Iterator[Scene]:
    folders: Iterable[Path] = validation or [folder for folder in data if _VALIDATION in split_names(folder)]
    for folder in folders:
        for case in _folder(folder, _VALIDATION):
            try:
                yield from _scenes(folder.name, case.name, case.image, case.mask, classes)
            except MedkdError as error:
                tell(f"{folder.name}: one validation case was left out: {error.message}")


def _scenes(set_: str, case: str, path: Path, mask: Path | None, classes: int) -> Iterator[Scene]:
    """Read the slices of one image: of a labelled volume as many empty ones as there are others at most."""
    volume = read_volume(path)
    labels = None if mask is None else read_labels(mask, like=volume)
    axis = slice_axis(volume.geometry)
    for index in _chosen(volume.shape[axis], labels, axis):
        plane = Plane(axis, index)
        image = np.ascontiguousarray(volume.slice_uint8(plane))
        own = np.zeros(image.shape[:2], np.uint16)
        if labels is not None:
            own = _classes(labels[plane.slicing()], classes, set_)
        picture = Picture(set_, case, *_shrunk(image, own))
        yield Scene(picture, content_digest(image), labels is not None)


def _chosen(count: int, labels: NDArray[np.uint16] | None, axis: int) -> list[int]:
    if labels is None:
        return _spread(list(range(count)), _SLICES)
    full = np.moveaxis(labels, axis, 0).reshape(count, -1).any(1)
    holding = [int(index) for index in np.flatnonzero(full)]
    return sorted(holding + _spread([int(index) for index in np.flatnonzero(~full)], max(1, len(holding))))


def _spread(indices: list[int], limit: int) -> list[int]:
    """Return at most `limit` of `indices`, evenly spread."""
    if len(indices) <= limit:
        return indices
    return [indices[int(place)] for place in np.linspace(0, len(indices) - 1, limit).round()]


def _classes(labels: NDArray[np.uint16], classes: int, set_: str) -> NDArray[np.uint16]:
    if classes == 1:
        return (labels > 0).astype(np.uint16)
    highest = int(labels.max(initial=0))
    if highest > classes:
        raise InvalidSetting(
            f"A mask of {set_} has the value {highest}, and {classes} targets are named.",
            'Name a target for every value from 1 on: --set targets=\'["liver", "spleen"]\'.',
        )
    return labels.astype(np.uint16)


def _shrunk(
    image: NDArray[np.uint8], classes: NDArray[np.uint16]
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Bring the longer side of an image and of its classes to `_LONGEST` pixels, where it is longer."""
    rows, columns = classes.shape
    share = _LONGEST / max(rows, columns)
    if share >= 1:
        return image, classes
    size = max(1, round(columns * share)), max(1, round(rows * share))
    # Copies, since torch warns of an array that it may not write to.
    smaller = np.array(Image.fromarray(image).resize(size, Image.Resampling.BOX), np.uint8)
    numbers = Image.fromarray(classes.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    return smaller, np.array(numbers, np.uint16)


def _without_labels(scene: Scene) -> Scene:
    picture = scene.picture
    blank = Picture(picture.set, picture.case, picture.image, np.zeros_like(picture.objects))
    return Scene(blank, scene.digest, labelled=False)
