"""What a model rehearses so that it forgets nothing: images that ship, and folders of the user's."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from napari_medkd.errors import MedkdError, UnreadableFile
from napari_medkd.samples import replay_folders
from src_training.data import ImageMaskFolder
from src_training.pictures import has_splits, pictures_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from src_training.data import Case
    from src_training.pictures import Picture

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
_TENTHS: dict[Part, range] = {"train": range(7), "val": range(7, 8), "test": range(8, 10)}


class Replay:
    """Images of other kinds than the corrected ones.

    Parameters
    ----------
    folders : iterable of Path
        The user's, with images and masks; those that ship are always there.
    tell : callable
        Told of each file that was left out, and why.
    """

    def __init__(self, folders: Iterable[Path], tell: Callable[[str], None] = lambda text: None) -> None:
        self._folders = [*replay_folders(), *folders]
        self._tell = tell

    def pictures(self, part: Part) -> list[Picture]:
        """Return what is rehearsed on (``train``), chosen by (``val``) or only measured on (``test``)."""
        found: list[Picture] = []
        for folder in self.parts(part):
            for case in folder:
                try:
                    found += pictures_of(folder.name, case)
                except MedkdError as error:
                    self._tell(f"{folder.name}: one case was left out: {error.message}")
        return found

    def parts(self, part: Part) -> list[ImageMaskFolder]:
        """Return each folder with its cases of one part; a folder without splits is split by its names."""
        return [found for found in (_part_of(folder, part) for folder in self._folders) if len(found)]


def _part_of(folder: Path, part: Part) -> ImageMaskFolder:
    if has_splits(folder):
        if has_splits(folder, part):
            return ImageMaskFolder(folder, part)
        return ImageMaskFolder(folder).having(())
    found = ImageMaskFolder(folder)
    if not len(found):
        raise UnreadableFile(f"{folder.name} holds no image with a mask.", "Choose another folder.")
    return found.having([case for case in found if _tenth(case) in _TENTHS[part]])


def _tenth(case: Case) -> int:
    return blake2b(case.name.encode(), digest_size=2).digest()[0] % 10


def digests(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """Return a digest of the pixels of each picture, in order."""
    return tuple(blake2b(picture.image.tobytes(), digest_size=16).hexdigest() for picture in pictures)
