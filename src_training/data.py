"""Image and mask folders as cases: what training and evaluation read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.errors import UnknownName, UnreadableFile
from napari_medkd.io import read_labels, read_volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume

_MASKS = ("masks", "labels")  # looked for in this order; instances only when asked for


@dataclass(frozen=True, slots=True)
class Case:
    """One image and its mask, by their paths.

    Parameters
    ----------
    name : str
        File name without its ending.
    image, mask : Path
        Where they lie.
    """

    name: str
    image: Path
    mask: Path

    def load(self) -> tuple[Volume, NDArray[np.uint16]]:
        """Read the image and its mask (z, y, x) on the same grid."""
        volume = read_volume(self.image)
        return volume, read_labels(self.mask, like=volume)


class ImageMaskFolder:
    """``images/`` beside ``masks/``, ``labels/`` or ``instances/``, with splits in ``dataset.json``.

    Parameters
    ----------
    folder : Path
        The data set.
    split : str or None
        A name under ``splits`` of ``dataset.json``; None takes every image that has a mask.
    masks : str or None
        Which folder holds the masks; None takes ``masks`` or else ``labels``.
    """

    def __init__(self, folder: Path, split: str | None = None, masks: str | None = None) -> None:
        self.folder = Path(folder)
        self.name = self.folder.name
        images = _by_name(self.folder / "images")
        targets = _by_name(self.folder / (masks or _mask_folder(self.folder)))
        wanted = sorted(images.keys() & targets.keys()) if split is None else self._split(split)
        missing = [name for name in wanted if name not in images or name not in targets]
        if missing:
            raise UnreadableFile(
                f"{len(missing)} of {len(wanted)} cases of {self.name} have no image or no mask "
                f"({', '.join(missing[:3])}).",
                "Complete the folder or correct the splits in dataset.json.",
            )
        self.cases = tuple(Case(name, images[name], targets[name]) for name in wanted)

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def _split(self, split: str) -> list[str]:
        path = self.folder / "dataset.json"
        try:
            splits: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))["splits"]
        except (OSError, ValueError, KeyError) as error:
            raise UnreadableFile(
                f"{self.name} has no dataset.json with splits.", "Write one, or take the whole folder."
            ) from error
        if split not in splits:
            raise UnknownName(f"{self.name} has no split {split!r}.", f"Known: {', '.join(sorted(splits))}.")
        return splits[split]


def _mask_folder(folder: Path) -> str:
    for name in _MASKS:
        if (folder / name).is_dir():
            return name
    raise UnreadableFile(
        f"{folder.name} has none of the folders {', '.join(_MASKS)}.",
        "Expected images/ and masks/ with the same file names.",
    )


def _by_name(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by name without ending (``.nii.gz`` is one ending)."""
    if not folder.is_dir():
        raise UnreadableFile(f"There is no folder {folder.name} in {folder.parent.name}.", "Check the path.")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {path.name.removesuffix(".gz").rpartition(".")[0] or path.name: path for path in files}
