"""The models of this machine and of the catalogue, for the Models tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd import settings
from napari_medkd.models import catalogue
from napari_medkd.models.store import ModelStore
from napari_medkd.widgets.library import ModelRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_medkd.models.card import ModelCard

    Progress = Callable[[int, int], None]


class InstalledModels:
    """Fulfils `ModelLibrary` with the model store, the catalogue and the exporter.

    Parameters
    ----------
    store : ModelStore, optional
        The user's own by default.
    """

    def __init__(self, store: ModelStore | None = None) -> None:
        self._store = store or ModelStore()

    def cards(self) -> list[ModelCard]:
        """Return the cards of the installed models."""
        return self._store.list()

    def list_models(self) -> list[ModelRow]:
        """Return the installed models, then those that can be fetched."""
        installed = self._store.list()
        ids = {card.id for card in installed}
        others = [entry for entry in catalogue.entries() if entry.id not in ids]
        return [self._installed_row(card) for card in installed] + [
            _row(entry.card, size=entry.size, details={"Licence text": entry.licence_url}) for entry in others
        ]

    def fetch(self, model_id: str, progress: Progress) -> None:
        """Download and install a model; its licence has been shown and accepted."""
        from napari_medkd.models.fetch import fetch
        from napari_medkd.models.jobs import add_in_child

        def tell(done: int, total: int) -> bool:
            progress(done, total)
            return True

        path = fetch(
            model_id,
            store_folder=settings.home() / "downloads",
            offline_folder=settings.Settings.load().offline_folder,
            progress=tell,
            accept_licence=True,
        )
        add_in_child(path, self._store, lambda _: progress(0, 0), model_id=model_id)
        path.unlink()

    def add(self, path: Path, progress: Progress) -> str:
        """Install a checkpoint file or a model folder; returns the id."""
        from napari_medkd.models.jobs import add_in_child

        progress(0, 0)
        return add_in_child(path, self._store, lambda _: progress(0, 0)).id

    def prepare(self, model_id: str, progress: Progress) -> None:
        """Export an installed model to ONNX, so that it runs faster on a CPU and without torch."""
        from napari_medkd.models.jobs import export_in_child

        export_in_child(self._store.get(model_id), self._store, lambda _: progress(0, 0))

    def remove(self, model_id: str) -> None:
        """Delete an installed model's files."""
        self._store.remove(model_id)

    def _installed_row(self, card: ModelCard) -> ModelRow:
        files = self._store.files(card.id)
        exported = self._store.has_export(card.id)
        own = self._store.folder / card.id
        return _row(
            card,
            installed=True,
            size=sum(path.stat().st_size for path in files.values()),
            can_prepare=not exported and _can_export() and self._store.weights_name(card.id) is not None,
            can_remove=own.is_dir(),
            details={"Prepared for CPU": "yes" if exported else "no"},
        )


def _row(
    card: ModelCard,
    *,
    size: int,
    details: dict[str, str],
    installed: bool = False,
    can_prepare: bool = False,
    can_remove: bool = False,
) -> ModelRow:
    facts = {
        "Looks for": ", ".join(target.name for target in card.targets),
        "Modalities": ", ".join(card.modalities),
        **card.helpers,
        "Parameters": f"{card.parameters / 1e6:.1f} million" if card.parameters else "",
        "Source": card.source,
        **details,
    }
    return ModelRow(
        id=card.id,
        title=card.title,
        capabilities=frozenset(card.capabilities),
        licence=card.licence,
        commercial_use=card.commercial_use,
        installed=installed,
        size=size,
        description=card.description,
        can_prepare=can_prepare,
        can_remove=can_remove,
        details={label: text for label, text in facts.items() if text},
    )


def _can_export() -> bool:
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("torch", "onnxscript"))
