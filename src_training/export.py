"""A trained network as a package that the viewer, the command line and the next run can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd import __version__
from napari_medkd.models.export import write_package

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context

MODEL = "model"


def export(model: PromptableModel, card: ModelCard, context: Context, figures: dict[str, float]) -> Path:
    """Write the package into the run's folder and return where it lies.

    The card says what the model was made from: data sets by name (never by path), teacher, seed, version and
    the figures of the validation cases.
    """
    sets = sorted({picture.set for picture in context.pictures})
    finished = card.model_copy(
        update={
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "training_data": tuple(sets),
            "metrics": {name: round(value, 4) for name, value in figures.items()},
            "source": f"napari-medkd {__version__}, recipe {context.spec.recipe}, seed {context.spec.seed}",
        }
    )
    place = context.folder / MODEL
    write_package(model.cpu().eval(), finished, place)
    return place
