"""Which model is in use, decided by the user and by nobody else: take the new one, keep the old, go back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medkd import runs, settings
from napari_medkd.errors import InvalidSetting, ModelUnavailable, StorageError
from napari_medkd.learning.methods import KIND
from napari_medkd.models.package import CARD, read_card
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.models.card import ModelCard

Role = Literal["answers", "looks"]
_FILE = "decisions.jsonl"
_FIELDS: dict[Role, str] = {"answers": "default_model", "looks": "looking_model"}  # of the settings
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
    role: Role = Field(
        "answers", description="What for: the default model, which answers clicks, or the one that looks."
    )


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


def use_new(folder: Path) -> Decision:
    """Install the model of a run that has ended, and put it in the place of the one that it came from.

    That is the default model, or, of a model that learnt a kind of image beside it, the one that looks. A
    viewer loads it then as it loads any other. The old model stays installed, for `roll_back`.

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
    return _decide("use", card.id, _role(handle.spec), handle.id)


def keep_old(folder: Path) -> Decision:
    """Take note that the model of a run is not wanted; it stays in the run's folder."""
    handle = runs.attach(folder)
    role = _role(handle.spec)
    in_use = getattr(settings.Settings.load(), _FIELDS[role])
    return _note(Decision(action="keep", run=handle.id, before=in_use, after=in_use, role=role))


def roll_back() -> Decision:
    """Take back the last change of the model in use.

    Called again, it goes back one change more. What was rolled back stays installed.
    """
    last = _last_change()
    if last is None:
        raise InvalidSetting("There is no earlier model to go back to.", "Nothing was changed.")
    return _decide("roll back", last.before, last.role)


def can_roll_back_to() -> str:
    """Return the id of the model that `roll_back` would bring back; empty where there is none."""
    last = _last_change()
    return last.before if last is not None else ""


def _last_change() -> Decision | None:
    """Return the newest use of a model that was not rolled back."""
    stack: list[Decision] = []
    for one in reversed(decisions()):
        if one.action == "use":
            stack.append(one)
        elif one.action == "roll back" and stack:
            stack.pop()
    return stack[-1] if stack else None


def _role(spec: runs.RunSpec) -> Role:
    """Return in whose place the model of a run comes: that of a kind is the one that looks.

    Unless it was made from the default model, which then looks by itself, too.
    """
    is_kind = spec.learning is not None and spec.learning.method == KIND
    return "looks" if is_kind and settings.Settings.load().default_model != spec.base else "answers"


def _is_same(store: ModelStore, card: ModelCard) -> bool:
    """Whether this very model is installed already: then installing it again does no harm."""
    installed = {one.id: one.files for one in store.list()}
    return installed.get(card.id) == card.files


def _decide(action: Literal["use", "roll back"], model: str, role: Role, run: str = "") -> Decision:
    chosen = settings.Settings.load()
    ModelStore().get(model)  # it must be there before it is in use
    before = getattr(chosen, _FIELDS[role])
    decision = _note(Decision(action=action, run=run, before=before, after=model, role=role))
    setattr(chosen, _FIELDS[role], model)
    chosen.save()
    return decision


def _note(decision: Decision) -> Decision:
    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        with _path().open("ab", buffering=0) as file:
            file.write(b"\n" + decision.model_dump_json().encode() + b"\n")  # ends a torn line before it
    except OSError as error:
        raise StorageError(
            f"The choice could not be noted: {error.strerror or error}.",
            "The model in use stays as it was. Free some space.",
        ) from error
    return decision


def _path() -> Path:
    return settings.home() / "models" / _FILE
