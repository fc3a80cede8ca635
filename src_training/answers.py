"""A promptable teacher's answers to the boxes of labelled objects, and where it looks; kept on disk.

The teacher gets the box, which is its strength; the student is asked about the same object with whatever a
user gives (privileged prompts).
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from src_training.attention import look
from src_training.batches import normalised
from src_training.clicks import BOTTOM_RIGHT, TOP_LEFT
from src_training.files import write_whole
from src_training.views import cut, stretched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.pictures import Picture

_VERSION = 1  # of what is kept; another one is made anew
_MOST = 6e4  # a half float holds no more


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the teacher says of one picture.

    Parameters
    ----------
    numbers : ndarray (K,) uint16
        Which objects of the picture it was asked about.
    logits : ndarray (K, h, h) float16
        Its masks of them, on the student's grid of answers.
    where : ndarray (h, h) float16
        Where it looked, on the same grid; its mean is 1.
    """

    numbers: NDArray[np.uint16]
    logits: NDArray[np.float16]
    where: NDArray[np.float16]


class AnsweringTeacher:
    """A frozen teacher, and what it answered before.

    Parameters
    ----------
    model, card : PromptableModel, ModelCard
        The teacher.
    cache : Path
        Where answers are kept, for every run.
    side : int
        Rows and columns of the student's answers.
    objects : int
        It is asked about the largest ones, so many in a picture.
    kind : "attention" or "saliency"
        What tells where it looks.
    device : torch.device
        Where to compute.
    """

    def __init__(
        self,
        model: PromptableModel,
        card: ModelCard,
        cache: Path,
        *,
        side: int,
        objects: int,
        kind: str,
        device: torch.device,
    ) -> None:
        self._model, self._card, self._device = model.to(device).eval(), card, device
        self._side, self._objects, self._kind = side, objects, kind
        known = (
            f"{_VERSION}:{card.id}:{sorted(card.files.items())}:{card.preprocessing}:{side}:{objects}:{kind}"
        )
        self._cache = cache / f"answers-{card.id}-{hashlib.sha256(known.encode()).hexdigest()[:12]}"

    def answers(self, pictures: Sequence[Picture], go_on: Callable[[int, int], bool]) -> list[Answer] | None:
        """Return the answers on each picture; None where `go_on`, which hears how many are done, says so."""
        found = []
        for number, picture in enumerate(pictures, start=1):
            found.append(self.answer(picture))
            if not go_on(number, len(pictures)):
                return None
        return found

    def answer(self, picture: Picture) -> Answer:
        """Return the answers on one picture, from the disk where they were given before."""
        content = hashlib.sha256(picture.image.tobytes() + picture.objects.tobytes())
        content.update(str(picture.objects.shape).encode())
        path = self._cache / f"{content.hexdigest()[:24]}.npz"
        kept = _read(path)
        if kept is None:
            kept = self._ask(picture)
            _write(path, kept)
        return kept

    @torch.no_grad()
    def _ask(self, picture: Picture) -> Answer:
        frame = self._card.preprocessing
        numbers = _largest(picture.objects, self._objects)
        seen = stretched(picture) if frame.fit == "stretch" else picture
        extent = max(seen.objects.shape)
        view = cut(seen, (0, 0, extent), [], frame.size, 1)
        image = normalised(view, self._card)[None].to(self._device)
        features, where = look(self._model.image_encoder, image, self._kind)
        boxes = _boxes(seen.objects, numbers, frame.prompt_frame / extent).to(self._device)
        corners = torch.tensor([[TOP_LEFT, BOTTOM_RIGHT]], device=self._device).expand(len(boxes), 2).float()
        logits = self._model.decode(features, boxes, corners)[0][:, :1]
        where = brought(where[None, None], self._side)[0, 0]
        where = where / where.mean().clamp(min=1e-9)
        answers = brought(logits, self._side)[:, 0].clamp(-_MOST, _MOST)
        return Answer(
            np.asarray(numbers, np.uint16),
            answers.cpu().numpy().astype(np.float16),
            where.cpu().numpy().astype(np.float16),
        )


def _largest(objects: NDArray[np.uint16], count: int) -> list[int]:
    sizes = np.bincount(objects.ravel())
    sizes[0] = 0
    return [int(number) for number in np.argsort(-sizes, kind="stable")[:count] if sizes[number]]


def _boxes(objects: NDArray[np.uint16], numbers: Sequence[int], scale: float) -> Tensor:
    """Return the corners (x, y) of each object's tight box in the prompt frame, (K, 2, 2)."""
    found = []
    for number in numbers:
        rows, columns = np.nonzero(objects == number)
        found.append([[columns.min(), rows.min()], [columns.max(), rows.max()]])
    # The centre of a pixel in the frame; the network adds the half pixel of the frame itself.
    return torch.from_numpy((np.asarray(found, np.float32) + 0.5) * scale - 0.5).float()


def brought(maps: Tensor, side: int) -> Tensor:
    """Bring maps (B, C, h, h) to another grid: averaged where that is coarser, else interpolated."""
    maps = maps.float()
    if maps.shape[-1] >= side:
        return functional.adaptive_avg_pool2d(maps, side)
    return functional.interpolate(maps, (side, side), mode="bilinear", align_corners=False)


def _write(path: Path, answer: Answer) -> None:
    def write(half: Path) -> None:
        np.savez_compressed(half, numbers=answer.numbers, logits=answer.logits, where=answer.where)

    write_whole(path, write)


def _read(path: Path) -> Answer | None:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return Answer(file["numbers"], file["logits"], file["where"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None  # not there, or half of it: asked again
