"""Kinds of image in the training data, and what is looked for in each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medkd.core.objects import is_net
from napari_medkd.errors import InvalidSetting
from napari_medkd.models.card import Target
from src_training.data import about

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_REMARK = re.compile(r"\s*\(.*?\)")


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of image that a network learns to tell apart.

    Parameters
    ----------
    targets : tuple of Target
        What is looked for, one for each kind; their modalities are the kinds' names, in the router's order.
    of_set : mapping
        Name of a data set → place of its kind.
    """

    targets: tuple[Target, ...]
    of_set: Mapping[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds, in the router's order."""
        return tuple(target.modality for target in self.targets)

    def __len__(self) -> int:
        return len(self.targets)


def target_name(said: str) -> str:
    """Return what a data set says of its target without the remarks in brackets."""
    return _REMARK.sub("", said).strip()


def read_kinds(
    folders: Sequence[Path],
    modalities: Mapping[str, str],
    targets: Mapping[str, str],
    known: Sequence[Target] = (),
) -> Kinds:
    """Tell the kinds of image of data folders, and what their masks show.

    Parameters
    ----------
    folders : sequence of Path
        Of data sets; each holds one kind of image.
    modalities, targets : mapping
        Kind of a folder by its name, and target by its kind, where ``dataset.json`` does not say it or says
        it otherwise.
    known : sequence of Target
        Kinds that a network knows already; they come first, in their order.
    """
    found = {target.modality: target for target in known}
    of_set: dict[str, int] = {}
    for folder in folders:
        said = about(folder)
        kind = modalities.get(folder.name) or str(said.get("modality", "")).strip().lower()
        if not kind or "," in kind:
            raise InvalidSetting(
                f"{folder.name} does not say which one kind of image it holds.",
                f'Say it: --set modalities=\'{{"{folder.name}": "ultrasound"}}\'.',
            )
        shown = str(said.get("target", ""))
        name = targets.get(kind) or target_name(shown) or "object"
        found.setdefault(kind, Target(name=name, modality=kind, joined=is_net(shown or name)))
        of_set[folder.name] = list(found).index(kind)
    return Kinds(tuple(found.values()), of_set)
