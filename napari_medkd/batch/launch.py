"""Start a batch as a run: a process of its own that survives whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd import runs
from napari_medkd.batch.config import RECIPE

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.batch.config import BatchConfig

_MODULE = "napari_medkd.batch"


def start(config: BatchConfig, folder: Path | None = None) -> runs.RunHandle:
    """Start a batch; it goes on from the masks that an earlier one with the same settings left.

    Parameters
    ----------
    config : BatchConfig
        What is asked for; its folders are absolute, since the process may work elsewhere.
    folder : Path, optional
        The run, a new folder among the user's runs by default. Masks go to ``config.target``.

    Raises
    ------
    ModelUnavailable, InvalidPrompt, InvalidSetting, UnknownName, UnreadableFile
        The model is not there, or cannot do what is asked; the boxes are no table.
    """
    from napari_medkd.batch.run import check

    check(config)
    spec = runs.RunSpec(recipe=RECIPE, options=config.model_dump(mode="json"), base=config.model)
    return runs.start(spec, folder or runs.new_folder(RECIPE), module=_MODULE)


def resume(folder: Path) -> runs.RunHandle:
    """Start the process of a batch that was stopped or killed again; it does what is left."""
    return runs.resume(folder, module=_MODULE)
