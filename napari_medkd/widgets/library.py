"""What the Models tab asks of whoever keeps the models: a small protocol that the viewer fulfils."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model in the list, installed or to be had.

    Parameters
    ----------
    id, title, description : str
        As on its card.
    capabilities : frozenset of str
        Kinds of prompt that it understands.
    licence : str
        Licence of the weights.
    commercial_use : bool
        False where the licence forbids it.
    installed : bool
        Whether its weights are on this machine.
    size : int
        Bytes of the weights; 0 where unknown.
    can_prepare : bool
        Whether `ModelLibrary.prepare` would do something: installed, torch there, not exported yet.
    can_remove : bool
        Whether its files are ours to delete (those inside a package are not).
    details : mapping
        Further facts for the details card, label → text, in the order to show.
    """

    id: str
    title: str
    capabilities: frozenset[str] = frozenset()
    licence: str = ""
    commercial_use: bool = True
    installed: bool = False
    size: int = 0
    description: str = ""
    can_prepare: bool = False
    can_remove: bool = False
    details: Mapping[str, str] = field(default_factory=dict)


class ModelLibrary(Protocol):
    """Lists, fetches, adds, prepares and removes models.

    `fetch`, `add` and `prepare` run in a thread of their own: they must touch no Qt. They call
    `progress(done, total)` as often as they like (any unit; a total of 0 means unknown), and an exception
    raised by it (the user cancelled) must be let through after cleaning up. What goes wrong is a MedkdError.
    """

    def list_models(self) -> Sequence[ModelRow]:
        """Return installed models and those that can be fetched."""
        ...

    def fetch(self, model_id: str, progress: Callable[[int, int], None]) -> None:
        """Download and install a model; its licence has been shown and accepted."""
        ...

    def add(self, path: Path, progress: Callable[[int, int], None]) -> str:
        """Install a checkpoint file or a model folder; returns the id."""
        ...

    def prepare(self, model_id: str, progress: Callable[[int, int], None]) -> None:
        """Export an installed model to ONNX, so that it runs faster on a CPU and without torch."""
        ...

    def remove(self, model_id: str) -> None:
        """Delete an installed model's files."""
        ...
