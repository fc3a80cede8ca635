"""Image and mask folders as cases: what training and evaluation read."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from napari_medkd.core.objects import is_net
from napari_medkd.errors import UnknownName, UnreadableFile
from napari_medkd.io import read_labels, read_volume
from src_training.objects import LIMIT, SMALLEST, Kind, targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from src_training.objects import Target

_MASKS = ("masks", "labels")  # looked for in this order; as a mask, instances are the last resort
_INSTANCES = "instances"


@dataclass(frozen=True, slots=True)
class Case:
    """One image and its mask, by their paths.

    Parameters
    ----------
    name : str
        File name without its ending.
    image, mask : Path
        Where they lie.
    instances : Path or None
        The mask that numbers every instance, where there is one.
    kind : str or None
        What one object is (see `src_training.objects`); None tells by the files: an instance where they are
        numbered, a label on a slice of a volume, else a connected part of the mask.
    """

    name: str
    image: Path
    mask: Path
    instances: Path | None = None
    kind: Kind | None = None

    @property
    def is_named(self) -> bool:
        """Whether an object keeps its name from slice to slice; a part that is named by its size does not."""
        return self.kind in ("labels", "whole") or (self.kind is None and self.instances is None)

    def load(self) -> tuple[Volume, NDArray[np.uint16]]:
        """Read the image and its mask (z, y, x) on the same grid."""
        volume = read_volume(self.image)
        return volume, read_labels(self.mask, like=volume)

    def objects(
        self, limit: int | None = LIMIT, smallest: int = SMALLEST
    ) -> tuple[Volume, tuple[Target, ...]]:
        """Read the image and what there is to segment on it: at most `limit` objects a slice, largest first.

        Objects of fewer than `smallest` pixels are left out.
        """
        kind = self.kind or ("instances" if self.instances else None)
        volume = read_volume(self.image)
        path = self.instances if kind == "instances" and self.instances else self.mask
        labels = read_labels(path, like=volume)
        kind = kind or ("labels" if volume.shape[0] > 1 else "components")
        return volume, tuple(targets(labels, volume.geometry, kind, limit, smallest))


class ImageMaskFolder:
    """``images/`` beside ``masks/``, ``labels/`` or ``instances/``, with splits in ``dataset.json``.

    Parameters
    ----------
    folder : Path
        The data set.
    split : str or None
        A name under ``splits`` of ``dataset.json``; None takes every image that has a mask.
    masks : str or None
        Which folder holds the masks; None takes ``masks`` or else ``labels``, or else ``instances``.
    objects : str or None
        What one object is: ``instances``, ``components``, ``labels`` or ``whole``. None takes the key
        ``objects`` of ``dataset.json``; without it the whole mask is one object where the key ``target``
        there speaks of vessels, neurites, membranes or thin structures, and the files tell otherwise.
    """

    def __init__(
        self,
        folder: Path,
        split: str | None = None,
        masks: str | None = None,
        objects: Kind | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.name = self.folder.name
        self.split = split
        self._about = about(self.folder)
        images = files_by_name(self.folder / "images")
        paths = files_by_name(self.folder / (masks or mask_folder(self.folder)))
        numbered = files_by_name(self.folder / _INSTANCES) if (self.folder / _INSTANCES).is_dir() else {}
        wanted = sorted(images.keys() & paths.keys()) if split is None else self._split(split)
        missing = [name for name in wanted if name not in images or name not in paths]
        if missing:
            raise UnreadableFile(
                f"{len(missing)} of {len(wanted)} cases of {self.name} have no image or no mask "
                f"({', '.join(missing[:3])}).",
                "Complete the folder or correct the splits in dataset.json.",
            )
        kind = objects or self._kind()
        self.cases = tuple(Case(name, images[name], paths[name], numbered.get(name), kind) for name in wanted)

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def having(self, cases: Iterable[Case]) -> ImageMaskFolder:
        """Return the same folder with these of its cases."""
        found = copy(self)
        found.cases = tuple(cases)
        return found

    @property
    def modality(self) -> str:
        """What ``dataset.json`` says that the images are, in lower case; empty where it says nothing."""
        return str(self._about.get("modality", "")).lower()

    def _split(self, split: str) -> list[str]:
        splits = self._about.get("splits")
        if not isinstance(splits, dict):
            raise UnreadableFile(
                f"{self.name} has no dataset.json with splits.", "Write one, or take the whole folder."
            )
        if split not in splits:
            raise UnknownName(f"{self.name} has no split {split!r}.", f"Known: {', '.join(sorted(splits))}.")
        return [str(name) for name in splits[split]]

    def _kind(self) -> Kind | None:
        said = self._about.get("objects")
        if said is None:
            return "whole" if is_net(str(self._about.get("target", ""))) else None
        if said not in get_args(Kind):
            raise UnknownName(
                f"{said!r} in the dataset.json of {self.name} is no kind of object.",
                f"Known: {', '.join(get_args(Kind))}.",
            )
        return said  # type: ignore[no-any-return]


def split_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the splits of a data set; none where its dataset.json has none."""
    splits = about(Path(folder)).get("splits")
    return tuple(splits) if isinstance(splits, dict) else ()


def about(folder: Path) -> dict[str, Any]:
    """Return what dataset.json says; nothing where there is none that can be read."""
    try:
        about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def mask_folder(folder: Path) -> str:
    """Return which folder of a data set holds its masks; none is an `UnreadableFile`."""
    known = (*_MASKS, _INSTANCES)
    for name in known:
        if (folder / name).is_dir():
            return name
    raise UnreadableFile(
        f"{folder.name} has none of the folders {', '.join(known)}.",
        "Expected images/ and masks/ with the same file names.",
    )


def files_by_name(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by name without ending (``.nii.gz`` is one ending)."""
    if not folder.is_dir():
        raise UnreadableFile(f"There is no folder {folder.name} in {folder.parent.name}.", "Check the path.")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {path.name.removesuffix(".gz").rpartition(".")[0] or path.name: path for path in files}
