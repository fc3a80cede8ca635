"""What a frozen teacher that needs no prompt knows of a picture: hidden layers, embedding and class scores.

Everything is brought to the student's grids and kept as files while a run needs it; a teacher that has to be
asked at every step would cost many times what the student does.
"""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from src_training.answers import brought
from src_training.automatic import class_scores
from src_training.batches import normalised
from src_training.files import write_whole
from src_training.hidden import Taps
from src_training.views import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.scenes import Scene


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What the teacher knows of one whole picture.

    Parameters
    ----------
    scores : Tensor (1 + K, h, h)
        Class scores on the student's grid of answers, the background first.
    embedding : Tensor (C, g, g)
        On the student's grid.
    inside : Tensor (1, g, g)
        How much of each cell of it shows the picture, 0 to 1.
    hidden : tuple of Tensor (C_j, g, g)
        Chosen layers on the same grid.
    """

    scores: Tensor
    embedding: Tensor
    inside: Tensor
    hidden: tuple[Tensor, ...]


class Knowledge:
    """What a teacher knows of the pictures of a transfer set, in files.

    Parameters
    ----------
    folder : Path
        Where they lie; it is the run's own, since so is the teacher.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, scene: Scene) -> Known:
        """Read what is known of a scene."""
        with self._path(scene).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            maps = [torch.from_numpy(file[name].astype(np.float32)) for name in file.files]
        return Known(maps[0], maps[1], maps[2], tuple(maps[3:]))

    def knows(self, scene: Scene) -> bool:
        """Tell whether all of it can be read."""
        try:
            self.of(scene)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return False
        return True

    def keep(self, scene: Scene, known: Known) -> None:
        """Write what is known of a scene, whole or not at all."""
        maps = [one.cpu().numpy().astype(np.float16) for one in _all(known)]
        write_whole(self._path(scene), lambda half: np.savez(half, *maps))

    def forget(self) -> None:
        """Delete everything: the student has learnt it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, scene: Scene) -> Path:
        return self._folder / f"{scene.digest}.npz"


class Examiner:
    """Asks a frozen teacher.

    Parameters
    ----------
    teacher : PromptableModel
        It is put into evaluation mode.
    card : ModelCard
        The teacher's.
    student : ModelCard
        Whose grids the answers are brought to.
    layers : int
        How many hidden layers to tell.
    device : torch.device
        Where to compute.
    """

    def __init__(
        self,
        teacher: PromptableModel,
        card: ModelCard,
        student: ModelCard,
        layers: int,
        device: torch.device,
    ) -> None:
        self._teacher, self._card, self._student = teacher.to(device).eval(), card, student
        self._layers, self._device = layers, device

    def ask(self, scenes: Sequence[Scene], knowledge: Knowledge, go_on: Callable[[int, int], bool]) -> bool:
        """Ask about every scene that is not known yet.

        `go_on` hears how many are known of how many, and says whether to; False where it does not.
        """
        for number, scene in enumerate(scenes, start=1):
            if not knowledge.knows(scene):
                knowledge.keep(scene, self.examine(scene))
            if not go_on(number, len(scenes)):
                return False
        return True

    @torch.no_grad()
    def examine(self, scene: Scene) -> Known:
        """Return what the teacher knows of a scene."""
        size = self._card.preprocessing.size
        view = cut(scene.picture, (0, 0, max(scene.picture.objects.shape)), [], size, 1)
        image = normalised(view, self._card)[None].to(self._device)
        with Taps(self._teacher.image_encoder, self._layers) as taps:
            features = self._teacher.encode(image)
            hidden = taps.take()
        grid, side = self._student.architecture.grid, self._student.architecture.logit_side
        return Known(
            brought(class_scores(self._teacher, features), side)[0],
            brought(features[0], grid)[0],
            functional.adaptive_avg_pool2d(view.inside, grid),
            tuple(brought(maps, grid)[0] for maps in hidden),
        )


def confidence(knowledge: Knowledge, scenes: Sequence[Scene]) -> float:
    """Return the mean probability of what a teacher takes to be right, over pixels and scenes; 0 of none."""
    found = [float(knowledge.of(scene).scores.softmax(0).amax(0).mean()) for scene in scenes]
    return sum(found) / len(found) if found else 0.0


def _all(known: Known) -> tuple[Tensor, ...]:
    return (known.scores, known.embedding, known.inside, *known.hidden)
