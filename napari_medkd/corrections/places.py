"""Where corrections are kept unless somebody says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd import settings as chosen
from napari_medkd.corrections.outbox import Outbox

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.corrections.store import CorrectionStore


def folder() -> Path:
    """Return the folder of the corrections of this user."""
    return chosen.home() / "corrections"


def outbox() -> Outbox:
    """Return where this user's corrections wait for the store."""
    return Outbox(folder() / "outbox")


def open_store(database: str = "", arrays: str = "") -> CorrectionStore:
    """Open a store: the one that is named, or that of the settings, or the user's own file.

    SQLAlchemy is loaded only now: a window that collects nothing does without.
    """
    from napari_medkd.corrections.store import CorrectionStore

    if not database:
        settings = chosen.Settings.load()
        database = settings.corrections_database or str(folder() / "corrections.sqlite")
        arrays = arrays or settings.corrections_arrays
    return CorrectionStore(database, arrays)
