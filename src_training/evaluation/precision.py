"""Average precision of box-prompted masks.

Reference: "EfficientMedSAM" (IEEE EDGE 2024) reports an mAP with boxes derived from the ground truth; its
rules are not known to us. Here each connected part (or instance) of a mask is asked for with its tight box,
each answer's score is its predicted overlap times its stability (Kirillov et al. 2023), and precision is that
of COCO: matched from the surest answer on, interpolated at 101 recalls, the mean over overlaps of 0.50 to
0.95 in steps of 0.05.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_medkd.core.overlap import dice
from napari_medkd.core.prompts import Box
from src_training.batches import normalised
from src_training.clicks import BOTTOM_RIGHT, TOP_LEFT
from src_training.evaluation.baselines import filled_box
from src_training.views import cut, stretched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.pictures import Picture

    Masks = NDArray[np.bool_]

OVERLAPS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_OFFSET = 1.0  # by which the threshold is moved to see how stable a mask is
_AT_ONCE = 16  # objects


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The answers on one picture.

    Parameters
    ----------
    scores : ndarray (N,)
        How sure each one is.
    overlaps : ndarray (N, M)
        Intersection over union of each answer with each of the picture's M objects.
    """

    scores: NDArray[np.float64]
    overlaps: NDArray[np.float64]


def average_precision(pictures: Sequence[Detections]) -> dict[str, float]:
    """Return ``ap`` (the mean over `OVERLAPS`), ``ap50`` and ``ap75``, 0 to 1; NaN without objects."""
    found = [_at(pictures, float(least)) for least in OVERLAPS]
    return {"ap": float(np.mean(found)), "ap50": found[0], "ap75": found[5]}


def _at(pictures: Sequence[Detections], least: float) -> float:
    """Return the interpolated precision where an overlap of `least` is a hit."""
    objects = sum(picture.overlaps.shape[1] for picture in pictures)
    if not objects:
        return float("nan")
    scores = np.concatenate([np.sort(picture.scores)[::-1] for picture in pictures])
    hits = np.concatenate([_matched(picture, least) for picture in pictures])
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    precision = right / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]  # the best that a higher recall still has
    places = np.searchsorted(right / objects, _RECALLS, side="left")
    return float(np.append(precision, 0.0)[np.minimum(places, len(precision))].mean())


def _matched(picture: Detections, least: float) -> NDArray[np.bool_]:
    """Tell of each answer, the surest first, whether it hits an object that no surer one has taken."""
    order = np.argsort(-picture.scores, kind="stable")
    free = np.ones(picture.overlaps.shape[1], np.bool_)
    hits = np.zeros(len(order), np.bool_)
    for place, number in enumerate(order):
        open_ = np.where(free, picture.overlaps[number], -1.0)
        best = int(open_.argmax()) if open_.size else -1
        if best >= 0 and open_[best] >= least - 1e-10:
            hits[place], free[best] = True, False
    return hits


def box_precision(student: PromptableModel, card: ModelCard, pictures: Sequence[Picture]) -> dict[str, float]:
    """Ask a student for every object of the pictures with its tight box.

    Returns
    -------
    figures : dict
        ``ap``, ``ap50``, ``ap75``, ``dice``, and the same of the filled boxes as ``filled_box_ap`` and so on.
    """
    found: dict[str, list[Detections]] = {"": [], "filled_box_": []}
    dices: dict[str, list[float]] = {"": [], "filled_box_": []}
    for picture in pictures:
        truth = np.stack([picture.objects == number for number in range(1, picture.count + 1)])
        truth = truth[truth.any((1, 2))]
        boxes = [Box.around(mask) for mask in truth]
        answers, scores = _answers(student, card, picture, boxes)
        filled = np.stack([filled_box(box, picture.objects.shape) for box in boxes])
        for prefix, masks, sure in (("", answers, scores), ("filled_box_", filled, np.ones(len(filled)))):
            found[prefix].append(Detections(sure, _overlaps(masks, truth)))
            dices[prefix] += [dice(mask, wanted) for mask, wanted in zip(masks, truth, strict=True)]
    return {
        prefix + name: value
        for prefix, detections in found.items()
        for name, value in {**average_precision(detections), "dice": float(np.mean(dices[prefix]))}.items()
    }


def _overlaps(masks: Masks, truth: Masks) -> NDArray[np.float64]:
    ours, theirs = (maps.reshape(len(maps), -1).astype(np.float32) for maps in (masks, truth))
    both = ours @ theirs.T
    either = ours.sum(1)[:, None] + theirs.sum(1)[None] - both
    overlaps: NDArray[np.float64] = (both / np.maximum(either, 1)).astype(np.float64)
    return overlaps


@torch.no_grad()
def _answers(
    student: PromptableModel, card: ModelCard, picture: Picture, boxes: Sequence[Box]
) -> tuple[Masks, NDArray[np.float64]]:
    """Return the mask of each box at the picture's own resolution, and how sure it is."""
    device = next(student.parameters()).device
    frame = card.preprocessing
    rows, columns = picture.objects.shape
    extent = max(rows, columns)
    seen = stretched(picture) if frame.fit == "stretch" else picture
    image = normalised(cut(seen, (0, 0, extent), [], frame.size, 1), card)[None].to(device)
    features = student.encode(image)
    stretch = (extent / columns, extent / rows) if frame.fit == "stretch" else (1.0, 1.0)
    masks, scores = [], []
    for first in range(0, len(boxes), _AT_ONCE):
        some = boxes[first : first + _AT_ONCE]
        corners = torch.tensor([[[box.left, box.top], [box.right, box.bottom]] for box in some])
        places = (corners + 0.5) * torch.tensor(stretch) * frame.prompt_frame / extent - 0.5
        kinds = torch.tensor([[TOP_LEFT, BOTTOM_RIGHT]]).expand(len(some), 2).float()
        logits, overlap = student.decode(features, places.to(device), kinds.to(device))
        logits = logits[:, :1].float()
        scores.append((overlap[:, 0].float() * _stability(logits[:, 0])).cpu())
        masks.append(_shown(logits, (rows, columns), extent, frame.fit).cpu())
    return (torch.cat(masks) > 0).numpy(), torch.cat(scores).double().numpy()


def _shown(logits: Tensor, shape: tuple[int, int], extent: int, fit: str) -> Tensor:
    size = shape if fit == "stretch" else (extent, extent)
    raised = functional.interpolate(logits, size, mode="bilinear", align_corners=False)
    return raised[:, 0, : shape[0], : shape[1]]


def _stability(logits: Tensor) -> Tensor:
    """Return the overlap of the masks cut a little above and a little below 0."""
    sure, all_of_it = (logits > _OFFSET).sum((1, 2)), (logits > -_OFFSET).sum((1, 2))
    return sure / all_of_it.clamp(min=1)
