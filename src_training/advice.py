"""What an adapted teacher says of the views that a student learns from, heard once for some of them.

The teacher gets the box of every object, its strength; the student is asked about the same object with
whatever a user gives.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from src_training.answers import brought
from src_training.batches import normalised
from src_training.clicks import BOTTOM_RIGHT, TOP_LEFT
from src_training.losses.alignment import hidden_loss
from src_training.losses.logits import logit_divergence
from src_training.rehearsal import AheadStream
from src_training.views import View

if TYPE_CHECKING:
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.rehearsal import RehearsalBatch, RehearsalStream


class Advice(nn.Module):
    """How a student follows its teacher: TS-KD's alignment of predictions and of what is hidden.

    Reference: arXiv 2503.06976; its forms here as in `src_training.losses.alignment` and
    `src_training.losses.logits`.

    Parameters
    ----------
    student, teacher : int
        Channels of both embeddings; W projects the one to the other and begins as the identity, since the
        student's was distilled from a teacher's.
    weight, hidden : float
        λ_p and λ_h.
    """

    def __init__(self, student: int, teacher: int, weight: float, hidden: float) -> None:
        super().__init__()
        self.weight, self.hidden = weight, hidden
        self.project = nn.Conv2d(student, teacher, 1, bias=False)
        nn.init.dirac_(self.project.weight)

    def answers(self, logits: Tensor, batch: RehearsalBatch) -> Tensor:
        """Return how far the answers (P, h, h) to corrected objects are from the teacher's."""
        assert batch.taught is not None
        own = ~batch.rehearsed
        if not own.any():
            return logits.new_zeros(())
        apart = logit_divergence(logits[own].float(), batch.taught[own]).sum()
        return apart / len(logits)  # the rehearsed objects of the batch count as following it

    def embeddings(self, maps: Tensor, batch: RehearsalBatch) -> Tensor:
        """Return how far the embedding (B, C, g, g) of corrected views is from the teacher's."""
        assert batch.hidden is not None
        ours = self.project(maps[: len(batch.hidden)].float())
        tokens = [one.permute(0, 2, 3, 1) for one in (ours, batch.hidden.float())]
        return hidden_loss(tokens[:1], tokens[1:], ours.new_ones(len(ours), 1, *ours.shape[-2:]))


class Advisor:
    """A teacher that answers boxes, asked about views.

    Parameters
    ----------
    model, card : PromptableModel, ModelCard
        The teacher.
    grid : int
        Rows and columns of the student's embedding.
    """

    def __init__(self, model: PromptableModel, card: ModelCard, grid: int) -> None:
        self._model, self._card, self._grid = model.eval().requires_grad_(False), card, grid

    @torch.no_grad()
    def of(self, view: View, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return its logits (P, h, h) of a view's objects, and its embedding (C, g, g) at our grid."""
        size, side = self._card.preprocessing.size, view.targets.shape[-1]
        maps = torch.cat([view.image, view.inside])[None]
        maps = functional.interpolate(
            maps, (size, size), mode="bilinear", align_corners=False, antialias=True
        )[0]
        seen = View(maps[:3].clamp(0, 255), (maps[3:] > 0.5).float(), view.targets)
        features = self._model.to(device).encode(normalised(seen, self._card)[None].to(device))
        boxes = _boxes(view.targets, self._card.preprocessing.prompt_frame / side).to(device)
        corners = torch.tensor([[TOP_LEFT, BOTTOM_RIGHT]], device=device).expand(len(boxes), 2).float()
        logits = self._model.decode(features, boxes, corners)[0][:, :1]
        return brought(logits, side)[:, 0], brought(features[0], self._grid)[0]


class AdvisedStream(AheadStream):
    """Batches of corrected and rehearsed views, every other one with a teacher's advice on the former.

    Advice costs many times what a step does, so that batches with it are a fixed number, which come again.

    Parameters
    ----------
    source, batches
        As of `AheadStream`.
    advisor : Advisor
        The teacher.
    """

    def __init__(self, source: RehearsalStream, advisor: Advisor, batches: int) -> None:
        super().__init__(source, batches)
        self._advisor = advisor

    def batch(self, step: int) -> RehearsalBatch:
        """Return the batch of one step."""
        if step % 2:
            return self._source.batch(self._count + step)
        drawn = self._source.draws.common(step, 3).integers(len(self._kept))
        return replace(self._kept[int(drawn)], step=step)

    def _ready(self, batch: RehearsalBatch, device: torch.device) -> RehearsalBatch:
        heard = [self._advisor.of(view, device) for view in self._source.corrected(batch.step)]
        taught = torch.zeros_like(batch.targets)
        taught[~batch.rehearsed] = torch.cat([logits for logits, _ in heard]).cpu()
        hidden = torch.stack([maps for _, maps in heard]).half().cpu()
        return replace(batch, taught=taught, hidden=hidden)


def _boxes(targets: Tensor, scale: float) -> Tensor:
    """Return the corners (x, y) of each object's tight box in the prompt frame, (P, 2, 2)."""
    found = []
    for target in targets:
        rows, columns = torch.nonzero(target >= min(0.5, float(target.max())), as_tuple=True)
        low = torch.stack([columns.min(), rows.min()]) * scale
        high = (torch.stack([columns.max(), rows.max()]) + 1) * scale - 1
        found.append(torch.stack([low, high]))
    return torch.stack(found).float()
