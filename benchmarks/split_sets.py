"""Copies of a data set with other splits."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from src_training.data import about

if TYPE_CHECKING:
    from pathlib import Path


def with_splits(folder: Path, splits: dict[str, list[str]], made: Path) -> Path:
    """Write a set to `made` with these splits; pictures and masks are linked where possible, else copied.

    A copy that was stopped half-way is begun anew.
    """
    if not made.exists():
        part = made.with_name(f"{made.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(folder, part, copy_function=_linked)
        part.rename(made)
    listing = made / "dataset.json"
    listing.unlink(missing_ok=True)  # else the original, which it may be linked to, would be written to
    listing.write_text(json.dumps({**about(folder), "splits": splits}), encoding="utf-8")
    return made


def sequence_of(name: str) -> str:
    """Return the sequence, or the patient, that a case belongs to: what stands before the first ``_``."""
    return name.split("_")[0]


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
