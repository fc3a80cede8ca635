"""One target in each of several kinds of image, without a prompt and with corrections (ESP-MedSAM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from src_training.clicks import Conversation
from src_training.losses.masks import focal_loss, hard_dice, overlap, soft_dice_loss
from src_training.tasks.modality_views import stacked
from src_training.views import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.decoders.modality import Findings
    from napari_medkd.models.promptable import PromptableModel
    from src_training.clicks import Tokens
    from src_training.kinds import Kinds
    from src_training.pictures import Picture
    from src_training.scenes import Scene
    from src_training.tasks.modality_views import ModalityBatch

_THERE = 1e-3  # share of a view: a target of less may be there or not, so nobody is told
_SCORE = 0.1  # weight of the error of the predicted overlap


class ModalityTask(nn.Module):
    """L = L_mask + L_SPPG + L_presence + L_router, for a network with a `ModalityDecoder`.

    L_mask is 0.7·Dice + 0.3·focal by default, L_SPPG the cross-entropy of the patches with the largest share
    in each. The network is told each picture's kind; its router learns beside, on its own.

    Parameters
    ----------
    model : PromptableModel
        What learns.
    seed : int
        Where chance starts, together with the batch's step.
    dice : float
        Share of Dice in L_mask.
    entropy : "focal" or "cross-entropy"
        The other part of L_mask.
    corrections : float
        Share of steps in which the user corrects the first answer with a click and is answered again.
    known : int
        Kinds that the network knew before. Where there are any, only what belongs to the others learns: the
        network keeps its statistics, and the router recalls how the known kinds look.
    kept : bool
        Whether the network keeps its statistics anyway. A batch that mixes kinds has others than any kind.
    """

    def __init__(
        self,
        model: PromptableModel,
        seed: int = 0,
        dice: float = 0.7,
        entropy: Literal["focal", "cross-entropy"] = "focal",
        corrections: float = 0.0,
        known: int = 0,
        kept: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self._seed, self._dice, self._entropy = seed, dice, entropy
        self._corrections, self._known = corrections, known
        self._kept = kept or known > 0

    def train(self, mode: bool = True) -> ModalityTask:
        """Leave a network that keeps its statistics in evaluation mode."""
        super().train(mode)
        if self._kept:
            self.model.eval()
        return self

    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        """Return ``loss``, its parts, and the mean Dice of the batch."""
        *maps, odds = self.model.encode(batch.images)
        told = (*maps, functional.one_hot(batch.kinds, odds.shape[1]).to(odds.dtype))
        found = look(self.model, told)
        masks, presence = self._masks(found, batch.shares), _presence(found.presence, batch.shares)
        router = self._router(maps[0], odds, batch)
        loss = masks + presence + router
        figures = {"masks": masks, "presence": presence, "router": router}
        if found.patches is not None:
            figures["patches"] = _patches(found.patches.float(), batch.shares)
            loss = loss + figures["patches"]
        rng = np.random.default_rng((self._seed, batch.step, 1))
        if rng.random() < self._corrections:
            figures["corrected"] = self._masks(self._corrected(told, found, batch.shares, rng), batch.shares)
            loss = 0.5 * (loss + figures["corrected"])
        return {"loss": loss, **figures, "dice": hard_dice(found.answer.detach(), batch.shares).mean()}

    def _router(self, embedding: Tensor, odds: Tensor, batch: ModalityBatch) -> Tensor:
        """Return the router's cross-entropy, and have it remember how each kind looks."""
        router: Any = self.model.image_encoder.router
        kinds = batch.kinds
        if self._known:
            chance = torch.Generator().manual_seed(1_000_003 * self._seed + batch.step)
            recalled = [row.recall(len(kinds), chance) for row in router.rows[: self._known]]
            odds = torch.cat([odds, router.tell(torch.cat(recalled))])
            known = torch.arange(self._known, device=kinds.device).repeat_interleave(len(kinds))
            kinds = torch.cat([kinds, known])
        if self.training and torch.is_grad_enabled():
            seen = router.looked_at(embedding)
            for place, row in enumerate(router.rows):
                if place >= self._known and bool((batch.kinds == place).any()):
                    row.remember(seen[batch.kinds == place])
        return functional.cross_entropy(odds.float(), kinds)

    def judged(self, batch: ModalityBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return log odds as a user sees them (the router says the kind), shares, and that all count."""
        answer = look(self.model, self.model.encode(batch.images)).answer
        return answer, batch.shares, torch.ones_like(answer)

    def _masks(self, found: Findings, shares: Tensor) -> Tensor:
        """Return L_mask and a little of the error of the predicted overlap; Dice where there is a target."""
        logits = found.logits.float()
        if self._entropy == "focal":
            entropy = focal_loss(logits, shares)
        else:
            entropy = functional.binary_cross_entropy_with_logits(logits, shares, reduction="none").mean(
                (-2, -1)
            )
        there = (shares.sum((-2, -1)) > 0).float()
        dice = (soft_dice_loss(logits, shares) * there).sum() / there.sum().clamp(min=1)
        judged = functional.mse_loss(found.overlap.float(), overlap(logits.detach(), shares))
        return self._dice * dice + (1 - self._dice) * entropy.mean() + _SCORE * judged

    def _corrected(
        self, told: tuple[Tensor, ...], found: Findings, shares: Tensor, rng: Generator
    ) -> Findings:
        """Have the user click where the first answer is most wrong, and answer with that in mind."""
        answer = found.answer.detach().float()
        truth, mask = ((maps[:, 0] > cut_).cpu().numpy() for maps, cut_ in ((shares, 0.5), (answer, 0.0)))
        talk = Conversation(truth, rng, answered=mask)
        previous = functional.adaptive_avg_pool2d(answer, 4 * told[0].shape[-1])
        return look(self.model, told, talk.tokens(self.model.prompt_encoder.input_image_size[0]), previous)


class ModalityValidation:
    """Looks at held-out scenes as wholes, of every kind as many at most; the router says what they are.

    Parameters
    ----------
    scenes : sequence of Scene
        Of the held-out cases.
    kinds : Kinds
        Which kind each data set is of.
    card : ModelCard
        Of the network that is looked at.
    batch_size, limit : int
        How many to look at at once, and of a kind in all.
    """

    def __init__(
        self, scenes: Sequence[Scene], kinds: Kinds, card: ModelCard, batch_size: int, limit: int = 24
    ) -> None:
        self._kinds, self._card, self._size = kinds, card, batch_size
        self._pictures: list[Picture] = []
        for place in range(len(kinds)):
            mine = [one.picture for one in scenes if kinds.of_set.get(one.picture.set) == place]
            chosen = np.unique(np.linspace(0, len(mine) - 1, min(limit, len(mine))).round().astype(int))
            self._pictures += [mine[index] for index in chosen]

    def batches(self) -> Iterator[ModalityBatch]:
        """Yield the scenes, unchanged."""
        sides = self._card.preprocessing.size, self._card.architecture.logit_side
        for first in range(0, len(self._pictures), self._size):
            pictures = self._pictures[first : first + self._size]
            views = [cut(one, (0, 0, max(one.objects.shape)), [1], *sides) for one in pictures]
            yield stacked(views, [self._kinds.of_set[one.set] for one in pictures], self._card, first)

    @torch.no_grad()
    def __call__(self, task: nn.Module) -> dict[str, float]:
        """Return the mean over kinds of the mean Dice, ``score``, that of each, and the router's accuracy."""
        model: Any = task.model
        device = next(task.parameters()).device
        found: list[tuple[Tensor, ...]] = []
        for batch in self.batches():
            batch = batch.to(device)
            features = model.encode(batch.images)
            dice = hard_dice(look(model, features).answer.float(), batch.shares)
            found.append((batch.kinds.cpu(), dice.cpu(), (features[-1].argmax(1) == batch.kinds).cpu()))
        kinds, dices, right = (torch.cat(parts) for parts in zip(*found, strict=True))
        means = {
            name: float(dices[kinds == place].mean())
            for place, name in enumerate(self._kinds.names)
            if bool((kinds == place).any())
        }
        figures = {"score": sum(means.values()) / len(means), "held_out_router": float(right.float().mean())}
        return figures | {f"held_out_{name}": mean for name, mean in means.items()}


def look(
    model: PromptableModel,
    features: Sequence[Tensor],
    tokens: Tokens | None = None,
    mask: Tensor | None = None,
) -> Findings:
    """Have a network look for the target of each image's kind, on whatever grid the images have."""
    decoder: Any = model.mask_decoder
    embedding = features[0]
    grid = embedding.shape[-2:]
    if tokens is None:
        places, labels = embedding.new_zeros(1, 1, 2), -embedding.new_ones(1, 1)
    else:
        places, labels = (part.to(embedding.device) for part in (tokens.coordinates, tokens.labels))
    position = model.prompt_encoder.pe_layer((int(grid[0]), int(grid[1]))).unsqueeze(0)
    dense = model.embed_no_mask(embedding) if mask is None else model.embed_mask(mask)
    found: Findings = decoder.find(features, position, model.embed_tokens(places, labels), dense)
    return found


def _presence(presence: Tensor, shares: Tensor) -> Tensor:
    """Return the cross-entropy of presence (B, 1), where it is clear whether there is a target."""
    share = shares.mean((-2, -1))
    clear = ((share == 0) | (share >= _THERE)).float()
    entropy = functional.binary_cross_entropy_with_logits(
        presence.float(), (share > 0).float(), reduction="none"
    )
    return (entropy * clear).sum() / clear.sum().clamp(min=1)


def _patches(patches: Tensor, shares: Tensor) -> Tensor:
    """Return L_SPPG: the cross-entropy of each patch with the largest share in it."""
    wanted = functional.adaptive_max_pool2d(shares, patches.shape[-1])
    return functional.binary_cross_entropy_with_logits(patches, wanted)
