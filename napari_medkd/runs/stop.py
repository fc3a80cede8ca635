"""The stop file: how a run is asked to save a checkpoint and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "stop"


def request_stop(folder: Path) -> None:
    """Ask the run in `folder` to end at its next step; returns at once."""
    try:
        (folder / FILE).touch()
    except OSError as error:
        raise StorageError(
            f"The run could not be asked to stop: {folder / FILE} cannot be written.",
            "Make its folder writable, or end its process.",
        ) from error


def stop_requested(folder: Path) -> bool:
    """Whether the run in `folder` was asked to end; its process looks after every step."""
    return (folder / FILE).exists()


def withdraw(folder: Path) -> None:
    """Take the request back, for a run that is resumed."""
    (folder / FILE).unlink(missing_ok=True)
