"""The gate of a model that learnt a kind of image: what of the others it takes for the new one.

All else that it knew stays the same to the bit: only the router can do harm, by sending an image elsewhere.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from napari_medkd.core.geometry import Plane
from napari_medkd.io import read_volume
from src_training.data import about
from src_training.kinds import target_name
from src_training.replay import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.models.card import ModelCard
    from src_training.data import ImageMaskFolder
    from src_training.evaluation.report import Row
    from src_training.replay import Replay


def new_kind(old: ModelCard, new: ModelCard) -> str:
    """Return the kind of image that a model knows and the one before it did not; empty for none."""
    return next((kind for kind in new.architecture.kinds if kind not in old.architecture.kinds), "")


def known_folders(replay: Replay, card: ModelCard) -> list[ImageMaskFolder]:
    """Return the images, of every part since nothing is rehearsed, whose kind and target a model knows."""
    known = {(target.modality, target.name) for target in card.targets}
    found = [folder for part in PARTS for folder in replay.parts(part)]
    return [
        one for one in found if (one.modality, target_name(str(about(one.folder).get("target", "")))) in known
    ]


def taken_for(
    segmenter: Segmenter, folders: Sequence[ImageMaskFolder], rows: Sequence[Row], kind: str
) -> list[float]:
    """Return for the slice of each row whether a model takes it for images of `kind`: 1, or 0."""
    files = {(folder.name, case.name): case.image for folder in folders for case in folder}
    found: list[float] = []
    for name, of_case in groupby(rows, lambda row: (row.set, row.case)):
        volume = read_volume(files[name])
        for row in of_case:
            embedding = segmenter.embed(volume, Plane(row.axis, row.slice))
            found.append(float(next(iter(segmenter.modality_of(embedding)), "") == kind))
    return found
