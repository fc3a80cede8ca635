"""The card of ESP-MedSAM's student: its network, what it looks for, what it learnt from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing

if TYPE_CHECKING:
    from napari_medkd.models.card import Capability, Target
    from src_training.kinds import Kinds
    from src_training.recipes.esp_medsam import EspMedSamConfig

_CELL = 16  # pixels of the input for one cell of the embedding
_CHANNELS = 256
_CAPABILITIES: frozenset[Capability] = frozenset({"auto", "point", "scribble", "mask"})


@dataclass(slots=True)
class Calibration:
    """What makes answers hold: found when all is learnt, and until then the base's.

    Parameters
    ----------
    temperature, router_temperature : float
        By what log odds are divided before they are probabilities: of pixels, and of kinds.
    thresholds : dict of int to float
        Probability at which a kind, by its place, is cut; only of kinds for which it was chosen.
    """

    temperature: float = 1.0
    router_temperature: float = 1.0
    thresholds: dict[int, float] = field(default_factory=dict)


class StudentCard:
    """What the card of a run's student is written from.

    Parameters
    ----------
    config : EspMedSamConfig
        The numbers.
    kinds : Kinds
        All that the student will know.
    base : ModelCard or None
        Model of this recipe from which it goes on.
    backbone : str
        Name of the pyramid's network; empty for a TinyViT.
    parent : str
        Id of the model from which it descends.
    learnt_from : tuple of str
        The data of this run, with their licences.
    """

    def __init__(
        self,
        config: EspMedSamConfig,
        kinds: Kinds,
        base: ModelCard | None,
        backbone: str,
        parent: str,
        learnt_from: tuple[str, ...],
    ) -> None:
        self._config, self._kinds, self._base = config, kinds, base
        self._backbone, self._parent, self._learnt_from = backbone, parent, learnt_from
        own = base.architecture if base else None
        self.calibration = Calibration(own.temperature, own.router_temperature) if own else Calibration()

    def card(self) -> ModelCard:
        """Return the student's card."""
        config, kinds, base = self._config, self._kinds, self._base
        before = base.training_data if base else ()  # what both learnt from is named once
        seen = Preprocessing(size=config.size, mean=(127.0,) * 3, std=(128.0,) * 3)
        return ModelCard(
            id=config.name,
            title=config.title,
            architecture=self._architecture(),
            preprocessing=base.preprocessing if base else seen,
            capabilities=_CAPABILITIES,
            targets=self._targets(),
            outliner=config.outliner or (base.outliner if base else ""),
            parent=self._parent,
            modalities=tuple(sorted(kinds.names)),
            training_data=tuple(dict.fromkeys((*before, *self._learnt_from))),
            **self._inherited(),
        )

    def _targets(self) -> tuple[Target, ...]:
        """Return what is looked for; what nobody decided anew stays as it was in the base."""
        found = []
        for place, target in enumerate(self._kinds.targets):
            changed: dict[str, Any] = {}
            for name in ("outlined", "quarters", "afar"):
                if target.modality in getattr(self._config, name):
                    changed[name] = True
            if place in self.calibration.thresholds:
                changed["threshold"] = self.calibration.thresholds[place]
            found.append(target.model_copy(update=changed))
        return tuple(found)

    def _inherited(self) -> dict[str, Any]:
        """Return what a card has from the model whose weights it goes on from; its terms bind what comes."""
        base = self._base
        if base is None:
            return {}
        new = self._kinds.targets[len(base.targets) :]
        more = ", ".join(f"{target.name} ({target.modality})" for target in new)
        return {
            "description": f"{base.title}, which also learnt to find {more}." if more else base.description,
            "licence": base.licence,
            "commercial_use": base.commercial_use,
        }

    def _architecture(self) -> Architecture:
        """Return the network of the numbers; with a base of kinds that one's, for more kinds."""
        config, count = self._config, len(self._kinds)
        varying = {
            "kinds": self._kinds.names,
            "temperature": self.calibration.temperature,
            "router_temperature": self.calibration.router_temperature,
        }
        if self._base is not None:
            own = self._base.architecture
            options = {
                "encoder_options": {
                    **own.encoder_options,
                    "trunk_options": self._trunk_options(),
                    "kinds": count,
                },
                "decoder_options": {**own.decoder_options, "kinds": count},
            }
            return own.model_copy(update={**varying, **options})
        finer = config.trunk == "pyramid"
        return Architecture(
            encoder="routed",
            encoder_options={
                "trunk": config.trunk,
                "trunk_options": self._trunk_options(),
                "channels": _CHANNELS,
                "kinds": count,
            },
            grid=config.size // _CELL,
            embedding_dim=config.width,
            decoder="modality",
            decoder_options={
                "channels": _CHANNELS,
                "skips": [_CHANNELS // share for share in (4, 8, 16)] if finer else [],
                "kinds": count,
                "blocks": config.blocks,
                "tokens": config.tokens,
                "expert": config.expert,
                "bags": config.bags,
                "generator": config.generator,
                "decoupled": config.decoupled,
                "patches": config.patches,
            },
            logits_per_cell=_CELL if finer else 4,
            masks="classes",
            **varying,
        )

    def _trunk_options(self) -> dict[str, Any]:
        """Return the options of what all kinds share; of a base's other than the backbone they stay."""
        own = self._base.architecture.encoder_options.get("trunk_options", {}) if self._base else {}
        return {**own, "backbone": self._backbone} if self._backbone else dict(own)
