"""A trained network as a package that the viewer, the command line and the next run can use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_medkd import __version__
from napari_medkd.models.checkpoint import sha256
from napari_medkd.models.export import write_package
from napari_medkd.models.half import halved
from napari_medkd.models.package import CARD, ENCODER
from napari_medkd.models.provenance import FILE as PROVENANCE
from napari_medkd.models.provenance import Provenance
from napari_medkd.models.store import ModelStore
from src_training.data import about
from src_training.files import write_text
from src_training.replay import Replay, digests

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
    name: str = MODEL,
) -> Path:
    """Write the package into the run's folder as `name` and return where it lies.

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
            "metrics": {name: round(value, 4) for name, value in {**card.metrics, **figures}.items()},
            "source": f"napari-medkd {__version__}, recipe {context.spec.recipe}, seed {context.spec.seed}",
        }
    )
    place = context.folder / name
    written = write_package(model.cpu().eval(), finished, place, _known_encoder(model, finished, context))
    if context.spec.learning is not None:
        _add_provenance(written, config, context, place)
    return place


def _known_encoder(model: PromptableModel, card: ModelCard, context: Context) -> Path | None:
    """Return the base's graph of the encoder where the run left the encoder alone, as the quick mode does."""
    store = ModelStore()
    if not context.spec.base:
        return None
    base, graph = store.get(context.spec.base), store.files(context.spec.base).get(ENCODER)
    if graph is None or (base.architecture, base.preprocessing) != (card.architecture, card.preprocessing):
        return None
    before = store.build(base.id).image_encoder.state_dict()
    now = halved(model.image_encoder.state_dict())
    is_same = before.keys() == now.keys() and all(
        torch.equal(value, now[name].to(value.dtype)) for name, value in before.items()
    )
    return graph if is_same else None


def _add_provenance(card: ModelCard, config: RecipeConfig, context: Context, place: Path) -> None:
    """Put the chain of a model that learnt from corrections into its package."""
    orders = context.spec.learning
    assert orders is not None
    rehearses = getattr(config, "rehearsal", 0) > 0  # a recipe that has no such share rehearses nothing
    rehearsed = Replay(map(Path, orders.replay)).pictures("train") if rehearses else []
    Provenance(
        parent=context.spec.base,
        parent_files=ModelStore().get(context.spec.base).files if context.spec.base else {},
        corrections=orders.corrections,
        replay=digests(rehearsed),
        recipe=context.spec.recipe,
        options=context.spec.options,
        seed=context.spec.seed,
    ).save(place)
    files = {**card.files, PROVENANCE: sha256(place / PROVENANCE)}
    text = card.model_copy(update={"files": files}).model_dump_json(indent=2) + "\n"
    write_text(place / CARD, text)


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
