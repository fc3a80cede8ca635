"""``medkd train`` under torchrun: every process that it started is one of the run's own."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from napari_medkd.errors import InvalidSetting, StorageError, UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.runs import RunSpec

_LOOK_SECONDS = 0.2
_PATIENCE = 600.0  # seconds until the run of the first process must be seen by the others


def is_one_of_many() -> bool:
    """Tell whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def join(spec: RunSpec | None, out: Path | None) -> int:
    """Do a run together with the other processes; returns the exit code.

    The first process writes the run into its folder, which all must see under the same path.

    Parameters
    ----------
    spec : RunSpec or None
        What is asked for; None resumes the run that is there.
    out : Path or None
        The folder of the run.
    """
    from src_training.__main__ import main

    if out is None:
        raise InvalidSetting(
            "Several processes need to know the folder of the run.",
            "Name it: --out RUN, where all can see it.",
        )
    folder = out.absolute()
    if os.environ["RANK"] == "0":
        _begin(spec, folder)
    else:
        _wait(folder)
    return main([str(folder)])


def _begin(spec: RunSpec | None, folder: Path) -> None:
    from napari_medkd import runs

    # torchrun starts all processes again where one of them died, with the same command.
    again = spec is None or os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"
    if spec is not None and not again:
        spec.save(folder)
    runs.take_on(folder, resumed=again)


def _wait(folder: Path) -> None:
    """Wait until the first process has written the run, whole."""
    from napari_medkd.runs import RunSpec

    end = time.monotonic() + _PATIENCE
    while True:
        try:
            RunSpec.load(folder)
            return
        except UnreadableFile as error:
            if time.monotonic() > end:
                raise StorageError(
                    f"The run of the first process is not seen in {folder}.",
                    "Choose a folder that all computers share.",
                ) from error
        time.sleep(_LOOK_SECONDS)
