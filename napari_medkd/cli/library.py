"""Installed models and published checkpoints seen as one list, for the command line."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from napari_medkd import settings
from napari_medkd.cli.reports import ModelReport
from napari_medkd.errors import ModelUnavailable, StorageError
from napari_medkd.models import catalogue
from napari_medkd.models.fetch import fetch
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_medkd.models.card import ModelCard


def all_models() -> list[ModelReport]:
    """Return the installed models, then the published ones that can be had."""
    installed = ModelStore().list()
    ids = {card.id for card in installed}
    others = [entry.card for entry in catalogue.entries() if entry.id not in ids]
    return [_report(card, True) for card in installed] + [_report(card, False) for card in others]


def one_model(model_id: str) -> ModelReport:
    """Return one model, installed or not; an unknown name lists the known."""
    found = {report.id: report for report in all_models()}
    if model_id not in found:
        raise ModelUnavailable(f"There is no model {model_id!r}.", f"Known: {', '.join(found)}.")
    return found[model_id]


def get(
    model_id: str,
    *,
    accept_licence: bool,
    allow_unverified: bool,
    folder: Path | None,
    mirror: str | None,
    progress: Callable[[int, int], None],
) -> ModelReport:
    """Fetch a published checkpoint and install it; one that is installed is left as it is."""
    if not one_model(model_id).installed:
        downloads = settings.home() / "downloads"  # what an interrupted download leaves waits there
        path = fetch(
            model_id,
            store_folder=downloads,
            offline_folder=folder or settings.Settings.load().offline_folder,
            progress=progress,
            accept_licence=accept_licence,
            allow_unverified=allow_unverified,
            base_url=mirror,
        )
        ModelStore().add(path, model_id=model_id)
        path.unlink()
    return one_model(model_id)


def licence_sentence(model_id: str) -> str:
    """Return what the licence of a model's weights is, for the user to see before a download."""
    report = one_model(model_id)
    use = "" if report.commercial_use else " It forbids commercial use."
    where = next((f" ({entry.licence_url})" for entry in catalogue.entries() if entry.id == model_id), "")
    return f"The weights of {report.title} are under {report.licence or 'a licence not stated'}{where}.{use}"


def copy_package(model_id: str, files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Write the exported files and a card that names just them into a new `folder`."""
    if folder.exists():
        raise StorageError(f"{folder} exists already.", "Choose another name.")
    card = ModelStore().get(model_id)
    card = card.model_copy(update={"files": {name: card.files[name] for name in files}})
    try:
        folder.mkdir(parents=True)
        for name, path in files.items():
            shutil.copyfile(path, folder / name)
        (folder / "card.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StorageError(
            f"{folder} could not be written: {error.strerror or error}.", "Choose another place."
        ) from error
    return {name: folder / name for name in (*files, "card.json")}


def _report(card: ModelCard, installed: bool) -> ModelReport:
    store = ModelStore()
    return ModelReport(
        id=card.id,
        title=card.title,
        description=card.description,
        installed=installed,
        default=card.id == settings.Settings.load().default_model,
        onnx=installed and store.has_export(card.id),
        capabilities=sorted(card.capabilities),
        targets=[target.name for target in card.targets],
        modalities=list(card.modalities),
        helpers=card.helpers,
        parameters=card.parameters,
        licence=card.licence,
        commercial_use=card.commercial_use,
        source=card.source,
    )
