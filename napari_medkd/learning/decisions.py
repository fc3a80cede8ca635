"""Which model is in use, decided by the user and by nobody else: take the new one, keep the old, go back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medkd import runs, settings
from napari_medkd.errors import InvalidSetting, ModelUnavailable, StorageError
from napari_medkd.models.package import CARD, read_card
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.models.card import ModelCard

_FILE = "decisions.jsonl"
MODEL = "model"  # folder of a run that holds what came of it


class Decision(BaseModel):
    """One change of the model in use, or the choice to leave it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    time: datetime = Field(
        default_factory=lambda: datetime.now(UTC).replace(microsecond=0), description="When."
    )
    action: Literal["use", "keep", "roll back"] = Field(description="What the user chose.")
    run: str = Field("", description="Id of the run whose model it was about; empty for a roll back.")
    before: str = Field(description="Id of the model that was in use.")
    after: str = Field(description="Id of the model that is in use since.")


def decisions() -> list[Decision]:
    """Return what was decided, the newest first."""
    try:
        lines = _path().read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in filter(None, lines):
        try:
            found.append(Decision.model_validate_json(line))
        except ValidationError:  # a torn line: the power went while it was written
            continue
    return found[::-1]


def use_new(folder: Path) -> ModelCard:
    """Install the model of a run that has ended, and make it the default; returns its card.

    A viewer loads it then as it loads any other. The old model stays installed, for `roll_back`.

    Raises
    ------
    ModelUnavailable, StorageError
        The run has no model, its files are damaged, or the disk is full; nothing is changed then.
    """
    handle = runs.attach(folder)
    if handle.status != "finished":
        raise ModelUnavailable(
            f"The run {handle.id} has not finished: it is {handle.status}.", "Let it end, or resume it."
        )
    place = folder / MODEL
    if not (place / CARD).is_file():
        raise ModelUnavailable(
            f"The run {handle.id} has left no model.", "Look at its comparison, or start another one."
        )
    card, store = read_card(place), ModelStore()
    store.add(place, replace=_is_same(store, card))
    _decide("use", card.id, handle.id)
    return card


def keep_old(folder: Path) -> None:
    """Take note that the model of a run is not wanted; it stays in the run's folder."""
    in_use = settings.Settings.load().default_model
    _note(Decision(action="keep", run=runs.attach(folder).id, before=in_use, after=in_use))


def roll_back() -> str:
    """Make the model the default that was it before the last change, and return its id.

    Called again, it goes back one change more. What was rolled back stays installed.
    """
    target = can_roll_back_to()
    if not target:
        raise InvalidSetting("There is no earlier model to go back to.", "Nothing was changed.")
    _decide("roll back", target)
    return target


def can_roll_back_to() -> str:
    """Return the id of the model that `roll_back` would bring back; empty where there is none."""
    stack: list[str] = []
    for one in reversed(decisions()):
        if one.action == "use":
            stack.append(one.before)
        elif one.action == "roll back" and stack:
            stack.pop()
    return stack[-1] if stack else ""


def _is_same(store: ModelStore, card: ModelCard) -> bool:
    """Whether this very model is installed already: then installing it again does no harm."""
    installed = {one.id: one.files for one in store.list()}
    return installed.get(card.id) == card.files


def _decide(action: Literal["use", "roll back"], model: str, run: str = "") -> None:
    chosen = settings.Settings.load()
    ModelStore().get(model)  # it must be there before it is the default
    _note(Decision(action=action, run=run, before=chosen.default_model, after=model))
    chosen.default_model = model
    chosen.save()


def _note(decision: Decision) -> None:
    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        with _path().open("ab", buffering=0) as file:
            file.write(b"\n" + decision.model_dump_json().encode() + b"\n")  # ends a torn line before it
    except OSError as error:
        raise StorageError(
            f"The choice could not be noted: {error.strerror or error}.",
            "The model in use stays as it was. Free some space.",
        ) from error


def _path() -> Path:
    return settings.home() / "models" / _FILE
