"""All encoders of a space at once: every slot is the mixture of its candidates.

Reference: "EfficientMedSAM" (IEEE EDGE 2024): ō(x) = Σ_k softmax(α)_k · o_k(x), x_j = Σ_{i<j} ō_ij(x_i),
after DARTS (Liu et al. 2019, equation 2). With a few paths only, those that Gumbel noise draws are computed
(Dong and Yang, "GDAS", 2019; two of them as Cai et al., "ProxylessNAS", 2019, section 3.2), which saves
memory and time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_medkd.models.encoders.blueprint import NONE
from napari_medkd.models.encoders.operations import build_operation
from napari_medkd.models.encoders.searched import FIRST_SUMMED, build_neck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from torch import Tensor

    from src_training.search.space import Slot, Space

_START = 1e-3  # deviation of the first architecture parameters (DARTS)


class Mixture(nn.Module):
    """The candidates of one slot, weighted."""

    def __init__(self, slot: Slot) -> None:
        super().__init__()
        self._stride, self._outputs = slot.stride, slot.outputs
        self.candidates = nn.ModuleList(
            nn.Identity() if name == NONE else build_operation(name, slot.inputs, slot.outputs, slot.stride)
            for name in slot.candidates
        )
        self._empty = [name == NONE for name in slot.candidates]

    def forward(self, maps: Tensor, weights: Tensor) -> Tensor:
        """Mix what the candidates make of (B, C, H, W); those of weight 0 are not computed."""
        found = [
            weight * candidate(maps)
            for weight, candidate, empty in zip(weights, self.candidates, self._empty, strict=True)
            if not empty and float(weight.detach()) > 0
        ]
        return torch.stack(found).sum(0) if found else torch.zeros_like(maps)


class Supernet(nn.Module):
    """(B, 3, S, S) → (B, dim, S / cell, S / cell), as a mixture of all encoders of a space.

    Parameters
    ----------
    space : Space
        What is searched among.
    paths : int
        Candidates that are computed in each slot, drawn anew in every step; 0 for all.
    """

    def __init__(self, space: Space, paths: int = 0) -> None:
        super().__init__()
        self.space, self._paths = space, paths
        self.mixtures = nn.ModuleDict({slot.name: Mixture(slot) for slot in space.slots})
        self.alpha = nn.ParameterDict(
            {slot.name: nn.Parameter(_START * torch.randn(len(slot.candidates))) for slot in space.slots}
        )
        self.neck = build_neck(space.widths, space.first())
        self._noise: dict[str, Tensor] = {}
        self._temperature = 1.0

    def draw(self, rng: Generator, temperature: float) -> None:
        """Draw the paths of the next look; without it, or with all paths, α alone decides."""
        self._temperature = temperature
        self._noise = {}
        if self._paths:
            for slot in self.space.slots:
                noise = torch.from_numpy(rng.gumbel(size=len(slot.candidates)))
                self._noise[slot.name] = noise.to(self.alpha[slot.name])

    def probabilities(self) -> dict[str, Tensor]:
        """Return softmax(α) of every slot."""
        return {name: alpha.float().softmax(0) for name, alpha in self.alpha.items()}

    def forward(self, image: Tensor) -> Tensor:
        """Encode normalised, padded images."""
        maps: list[Tensor] = []
        for stage in range(len(self.space.widths)):
            nodes: list[Tensor] = []
            for slot in self.space.slots:
                if slot.stage != stage:
                    continue
                mixed = self.mixtures[slot.name](
                    nodes[slot.source] if nodes else image, self._weights(slot.name)
                )
                if slot.target < len(nodes):
                    nodes[slot.target] = nodes[slot.target] + mixed
                else:
                    nodes.append(mixed)
            image = nodes[-1]
            maps.append(image)
        embedding: Tensor = self.neck(maps[FIRST_SUMMED:])
        return embedding

    def _weights(self, name: str) -> Tensor:
        alpha = self.alpha[name]
        if not self._paths or len(alpha) <= self._paths or name not in self._noise:
            even: Tensor = alpha.softmax(0)
            return even
        scores = (alpha + self._noise[name]) / self._temperature
        chosen = scores.topk(self._paths).indices
        share = scores[chosen].softmax(0)
        if self._paths == 1:  # hard forwards, soft backwards
            soft = scores.softmax(0)[chosen]
            share = 1 - soft.detach() + soft
        weights: Tensor = torch.zeros_like(alpha).index_put((chosen,), share)
        return weights


def expected_cost(
    probabilities: Mapping[str, Tensor], costs: Mapping[str, Mapping[str, float]], space: Space
) -> Tensor:
    """Return E[cost] = Σ_slots Σ_k softmax(α)_k · cost_k, without what all encoders of the space share."""
    found = []
    for slot in space.slots:
        likely = probabilities[slot.name]
        found.append(likely @ likely.new_tensor([costs[slot.name][name] for name in slot.candidates]))
    return torch.stack(found).sum()


def entropy(probabilities: Mapping[str, Tensor]) -> Tensor:
    """Return the mean entropy of the slots that have a choice, 1 for one that knows nothing."""
    found = [
        -(p * p.clamp(min=1e-9).log()).sum() / torch.log(torch.tensor(float(len(p))))
        for p in probabilities.values()
        if len(p) > 1
    ]
    return torch.stack(found).mean()
