"""Where a run stands, in one file that is there whole or not at all."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import torch

from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

FOLDER, LAST = "checkpoints", "last.pt"


def save(folder: Path, state: dict[str, Any]) -> str:
    """Write the state of a run, in place of the one before; returns its name relative to the run."""
    place = folder / FOLDER / LAST
    place.parent.mkdir(exist_ok=True)
    half = place.with_suffix(".part")
    try:
        with half.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        half.replace(place)
    except (OSError, RuntimeError) as error:
        half.unlink(missing_ok=True)
        # torch tells a full disk in words of its own, about positions in a file.
        reason = error.strerror or error if isinstance(error, OSError) else "the disk is full, or gone"
        raise StorageError(
            f"The checkpoint could not be written: {reason}.", "Free some space, then resume the run."
        ) from error
    return f"{FOLDER}/{LAST}"


def load(folder: Path) -> dict[str, Any] | None:
    """Read the state of a run; None where it has none. Only tensors and plain values are read."""
    place = folder / FOLDER / LAST
    if not place.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(place, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise StorageError(
            "The checkpoint of this run cannot be read.", "Start the run again from its beginning."
        ) from error
    return state
