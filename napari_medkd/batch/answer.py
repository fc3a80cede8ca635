"""From an image to its mask, slice by slice: boxes answered, or all that a model finds by itself."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.batch import tiles
from napari_medkd.batch.cleanup import clean
from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference import automatic, kinds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_medkd.batch.boxes import BoxRow
    from napari_medkd.batch.config import BatchConfig
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Embedding, Prediction, Segmenter
    from napari_medkd.models.card import ModelCard


@dataclass(slots=True)
class Answer:
    """The mask of an image.

    Parameters
    ----------
    labels : ndarray (z, y, x) uint8 or uint16
        Classes, 0 outside.
    names : dict
        What the values stand for.
    modality : str
        What kind of image it was taken for.
    notes : tuple of str
        What was chosen in answering, for people.
    found, empty : list of (float, int)
        Score and pixels of each mask; score of each empty one.
    """

    labels: NDArray[Any]
    names: dict[int, str]
    modality: str
    notes: tuple[str, ...] = ()
    found: list[tuple[float, int]] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)

    @property
    def confidence(self) -> float | None:
        """Mean score of the masks, the larger ones counting more; where all are empty, of those."""
        if self.found:
            scores, pixels = np.array(self.found).T
            return float(np.clip(np.average(scores, weights=pixels), 0, 1))
        return float(np.clip(np.mean(self.empty), 0, 1)) if self.empty else None

    def paint(
        self,
        plane: Plane,
        mask: NDArray[np.bool_],
        label: int,
        score: float,
        place: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> None:
        """Put a mask of a slice, or of a place on it, on top of those before."""
        pixels = int(np.count_nonzero(mask))
        if pixels:
            self.labels[plane.slicing()][place][mask] = label
            self.found.append((score, pixels))
        else:
            self.empty.append(score)


def with_boxes(
    volume: Volume, segmenter: Segmenter, boxes: Sequence[BoxRow], axis: int, tile: int = 0
) -> Answer:
    """Answer the boxes of an image; later ones are put on top of earlier ones.

    On a slice longer than `tile` pixels (0: on none) the model sees the surroundings of each box instead of
    the slice.

    Raises
    ------
    InvalidPrompt
        Where a box misses the image, or names no slice of an image that has several.
    """
    kind = np.uint8 if max(box.label for box in boxes) <= np.iinfo(np.uint8).max else np.uint16
    names = {box.label: box.name for box in boxes}
    answer = Answer(_blank(volume, kind), names, volume.modality)
    for index, ones in _by_slice(boxes, volume.shape[axis]):
        plane = Plane(axis, index)
        plane.check(volume.shape)
        if _is_large(volume, plane, tile):
            for one in ones:
                _near(volume, plane, segmenter, one, answer)
            continue
        embedding = segmenter.embed(volume, plane)
        for one in ones:
            prediction = segmenter.predict(embedding, Prompt(plane, box=one.box))
            answer.paint(plane, prediction.masks[0], one.label, prediction.scores[0])
    return answer


def by_itself(volume: Volume, segmenter: Segmenter, config: BatchConfig) -> Answer:
    """Let a model find what it looks for on every slice, and tidy the parts of a volume.

    Raises
    ------
    InvalidSetting
        Where it is another kind of image than the model knows.
    """
    card, axis = segmenter.card, "zyx".index(config.axis)
    modality = kinds.said(volume, config.modality, card)
    notes = kinds.notes(volume, modality)
    if modality is None:
        middle = _middle(volume, axis, segmenter, config.tile)
        told = next(iter(segmenter.modality_of(middle)), "")
        modality = told or kinds.likeliest(segmenter.propose(middle), card)
    chosen = automatic.chosen_targets(card, modality)
    names = {index + 1: card.targets[index].name for index in chosen}
    answer = Answer(_blank(volume, np.uint8), names, modality, notes)
    for index in range(volume.shape[axis]):
        plane = Plane(axis, index)
        if _is_large(volume, plane, config.tile):
            _in_tiles(volume, plane, segmenter, config, answer)
        else:
            _whole(volume, plane, segmenter, config, answer)
    clean(answer.labels, config.clean)
    return answer


def _blank(volume: Volume, kind: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    """Return an empty mask; that of an image which is left on the disk lies in a file that has no name."""
    if isinstance(volume.data, np.ndarray):
        return np.zeros(volume.shape, kind)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, kind, "w+", shape=volume.shape)


def _is_large(volume: Volume, plane: Plane, tile: int) -> bool:
    return 0 < tile < max(plane.shape(volume.shape))


def _near(volume: Volume, plane: Plane, segmenter: Segmenter, one: BoxRow, answer: Answer) -> None:
    """Answer a box on a large slice from its surroundings."""
    Prompt(plane, box=one.box).check(plane.shape(volume.shape))
    seen, (top, left) = tiles.around(volume, plane, one.box)
    box = Box(one.box.top - top, one.box.left - left, one.box.bottom - top, one.box.right - left)
    alone = Plane(0, 0)
    prediction = segmenter.predict(segmenter.embed(seen, alone), Prompt(alone, box=box))
    rows, columns = prediction.masks[0].shape
    place = slice(top, top + rows), slice(left, left + columns)
    answer.paint(plane, prediction.masks[0], one.label, prediction.scores[0], place)


def _middle(volume: Volume, axis: int, segmenter: Segmenter, tile: int) -> Embedding:
    """Return what the model makes of the middle slice, of a large one from a coarse view."""
    plane = Plane(axis, volume.shape[axis] // 2)
    if _is_large(volume, plane, tile):
        return segmenter.embed(tiles.overview(volume, plane, tile), Plane(0, 0))
    return segmenter.embed(volume, plane)


def _whole(volume: Volume, plane: Plane, segmenter: Segmenter, config: BatchConfig, answer: Answer) -> None:
    """See a slice in one piece; what is surer is put on top."""
    found = segmenter.propose(segmenter.embed(volume, plane), answer.modality)
    if config.threshold is not None:
        found = [automatic.at_threshold(one, config.threshold) for one in found]
    pairs: list[tuple[int, Prediction]] = list(zip(answer.names, found, strict=True))
    for label, one in sorted(pairs, key=lambda pair: pair[1].scores[0]):
        answer.paint(plane, one.masks[0], label, one.scores[0])


def _in_tiles(
    volume: Volume, plane: Plane, segmenter: Segmenter, config: BatchConfig, answer: Answer
) -> None:
    """See a large slice in overlapping tiles; the mask grows band by band."""

    def look(tile: Volume, where: Plane) -> NDArray[np.float32]:
        found = segmenter.propose(segmenter.embed(tile, where), answer.modality)
        return np.stack([one.logits[0] for one in found])

    card = segmenter.card
    grid = card.answer_side(label - 1 for label in answer.names)
    tiling = tiles.Tiling(plane.shape(volume.shape), config.tile, grid)
    logits = tiles.blend(volume, plane, tiling, look)
    parts = []
    for label, one in zip(answer.names, logits, strict=True):
        threshold = config.threshold or card.targets[label - 1].threshold
        parts.append((tiles.score(one, threshold), label, one, threshold))
    for score, label, one, threshold in sorted(parts, key=lambda part: part[:2]):
        pixels = 0
        seen = answer.labels[plane.slicing()]
        for rows, mask in tiles.to_mask(one, tiling, threshold):
            seen[rows][mask] = label
            pixels += int(np.count_nonzero(mask))
        if pixels:
            answer.found.append((score, pixels))
        else:
            answer.empty.append(score)


def _by_slice(boxes: Sequence[BoxRow], count: int) -> Iterator[tuple[int, list[BoxRow]]]:
    """Yield each slice that has boxes, once, so that it is encoded once."""
    slices: dict[int, list[BoxRow]] = {}
    for box in boxes:
        if box.slices is None and count > 1:
            raise InvalidPrompt(
                f"A box names no slice, and the image has {count}.", "Fill the column slice: 12, or 12-30."
            )
        first, last = box.slices or (0, 0)
        for index in range(first, last + 1):
            slices.setdefault(index, []).append(box)
    yield from sorted(slices.items())


def check_model(card: ModelCard, has_boxes: bool) -> None:
    """Raise `InvalidPrompt` where a model cannot do a batch as it was asked for."""
    if has_boxes and "box" not in card.capabilities:
        raise InvalidPrompt(
            f"{card.title} takes no boxes.",
            "Leave out the table of boxes (--prompt-file), or choose another model.",
        )
    if not has_boxes and "auto" not in card.capabilities:
        raise InvalidPrompt(
            f"{card.title} finds nothing by itself.",
            "Give a table of boxes (--prompt-file), or choose a model that has auto among its prompts.",
        )
