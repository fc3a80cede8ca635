"""What a model is called that learnt from corrections: after the one it came from, counted up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_medkd import runs
from napari_medkd.errors import UnreadableFile
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard

_ID = re.compile(r"(?P<stem>.+)-r\d+")
_TITLE = re.compile(r"(?P<stem>.+), refreshed \d+")


def next_name(base: ModelCard) -> tuple[str, str]:
    """Return a free id and the title for the next model that comes of `base`: ``medkd-fast-r2``."""
    stem, title = _stem(_ID, base.id), _stem(_TITLE, base.title)
    taken = {card.id for card in ModelStore().list()} | _asked_for()
    number = 1
    while f"{stem}-r{number}" in taken:
        number += 1
    return f"{stem}-r{number}", f"{title}, refreshed {number}"


def _stem(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.fullmatch(text)
    return found["stem"] if found else text


def _asked_for() -> set[str]:
    """Return the names of the models that runs are making or have made."""
    names = set()
    for folder in runs.list_runs():
        try:
            spec = runs.RunSpec.load(folder)
        except UnreadableFile:
            continue
        if spec.learning is not None:
            names.add(str(spec.options.get("name", "")))
    return names
