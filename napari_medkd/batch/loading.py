"""The model in a worker: loaded once, with its share of the cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.inference import load_segmenter
from napari_medkd.inference.load import load_outliner
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.store import ModelStore
from napari_medkd.settings import Settings

if TYPE_CHECKING:
    from napari_medkd.batch.item import Job
    from napari_medkd.inference.runtimes.shared import Place, SharedRuntime


def load(job: Job, store: ModelStore | None = None) -> SamSegmenter:
    """Load the model of a job.

    Raises
    ------
    ModelUnavailable, MissingExtra
        Where it is not installed or nothing here can run it.
    """
    settings = Settings.load().model_copy(update={"threads": job.threads})
    config = job.config
    return load_segmenter(
        config.model,
        store=store,
        settings=settings,
        device=config.device or None,
        runtime=config.runtime or None,
    )


def share(job: Job, runtime: SharedRuntime, place: Place) -> SamSegmenter:
    """Return the model of a job as it runs in another process."""
    card = ModelStore().get(job.config.model)
    settings = Settings.load().model_copy(update={"threads": job.threads})
    return SamSegmenter(card, runtime, place.fallback, outliner=load_outliner(card, settings))
