"""A trained network as a package that the viewer, the command line and the next run can use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd import __version__
from napari_medkd.models.export import write_package
from src_training.data import about

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes import RecipeConfig

MODEL = "model"


def export(
    model: PromptableModel,
    card: ModelCard,
    config: RecipeConfig,
    context: Context,
    figures: dict[str, float],
) -> Path:
    """Write the package into the run's folder and return where it lies.

    The card says what the model was made from: data sets by name (never by path) with their licences as
    their ``dataset.json`` states them, teacher, seed, version and the figures of the validation cases.
    """
    finished = card.model_copy(
        update={
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "description": config.description or card.description,
            "licence": config.licence or card.licence,
            "commercial_use": config.commercial_use and card.commercial_use,
            "modalities": card.architecture.kinds or _modalities(context) or card.modalities,
            "training_data": card.training_data or _data(context),
            "metrics": {name: round(value, 4) for name, value in figures.items()},
            "source": f"napari-medkd {__version__}, recipe {context.spec.recipe}, seed {context.spec.seed}",
        }
    )
    place = context.folder / MODEL
    write_package(model.cpu().eval(), finished, place)
    return place


def _data(context: Context) -> tuple[str, ...]:
    """Name each data set that was learnt from, its cases and its licence."""
    cases: dict[str, set[str]] = {}
    for picture in context.pictures:
        cases.setdefault(picture.set, set()).add(picture.case)
    licences = {Path(name).name: str(about(Path(name)).get("licence", "")) for name in context.spec.data}
    return tuple(
        f"{name} ({len(found)} cases). {licences.get(name) or 'Licence not stated.'}"
        for name, found in sorted(cases.items())
    )


def _modalities(context: Context) -> tuple[str, ...]:
    """Return what kinds of images the data sets say that they hold."""
    said = {str(about(Path(name)).get("modality", "")).lower() for name in context.spec.data}
    return tuple(sorted(said - {""}))
