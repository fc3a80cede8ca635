"""Start to learn: freeze the corrections into a run's folder and start its process, which waits its turn."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_medkd import runs
from napari_medkd.corrections import places
from napari_medkd.corrections.exchange import export
from napari_medkd.corrections.query import Query
from napari_medkd.errors import InvalidSetting
from napari_medkd.learning import kinds
from napari_medkd.learning.collected import collected
from napari_medkd.learning.learners import teacher_of, usual_learner
from napari_medkd.learning.methods import KD_SAM, KIND, method, methods
from napari_medkd.learning.naming import next_name
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.corrections.store import CorrectionStore
    from napari_medkd.learning.methods import Method
    from napari_medkd.models.card import ModelCard

DATA = "corrections"  # folder of the run that holds what it learns from


@dataclass(frozen=True, slots=True)
class Order:
    """What the user asks for.

    Parameters
    ----------
    method : str
        Key of one of `methods.METHODS`.
    base : str
        Id of the model that learns; empty takes the one in use, which for a new kind is the one that looks.
    labels : tuple of str
        Only these classes; empty takes all.
    kind : str
        What a new kind of image is called; empty takes what the corrections suggest. Of that method alone.
    options : dict
        Settings of the recipe, in place of the method's and the recipe's own.
    replay : tuple of str
        Folders of images, beside those that ship, that must not be forgotten.
    seed : int
        Start of everything random.
    device : str
        ``auto``, ``cpu`` or ``cuda:N``.
    """

    method: str = "quick"
    base: str = ""
    labels: tuple[str, ...] = ()
    kind: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    replay: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"


def start(order: Order, folder: Path | None = None) -> runs.RunHandle:
    """Prepare a run and start its process; it waits until runs that were asked for before it have ended.

    Writes the images and masks into the run's folder, so it blocks for as long as that takes: some tenths of
    a second for twenty corrections. Call it off the GUI's thread.

    Parameters
    ----------
    order : Order
        What is asked for.
    folder : Path, optional
        The run; a new folder among the user's runs by default.

    Raises
    ------
    InvalidSetting
        There is nothing to learn from, or the model cannot learn this way.
    ModelUnavailable, StorageError
        The model or its teacher is not there, or the disk is full; nothing is left behind then.
    """
    if teacher := {**method(order.method).options, **order.options}.get("teacher"):
        ModelStore().get(teacher)  # better said now than when it is needed
    place, spec = _frozen(order, folder)
    return runs.start(spec, place)


def prepare(order: Order, folder: Path | None = None) -> Path:
    """Write the folder of a run without starting it, to be taken to another computer; returns the folder.

    There ``medkd train --resume --out FOLDER`` does it, and the folder is brought back. See `start`.
    """
    place, spec = _frozen(order, folder)
    spec.save(place)
    return place


def command(order: Order) -> str:
    """Return the command that asks for the same."""
    words = ["medkd", "learn", "start", "--method", order.method]
    words += ["--model", order.base] if order.base else []
    for label in order.labels:
        words += ["--label", label]
    words += ["--kind", order.kind] if order.kind else []
    for folder in order.replay:
        words += ["--replay", folder]
    for key, value in order.options.items():
        words += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    words += ["--seed", str(order.seed)] if order.seed else []
    words += ["--device", order.device] if order.device != "auto" else []
    return shlex.join(words)


def _frozen(order: Order, folder: Path | None) -> tuple[Path, runs.RunSpec]:
    """Write what is learnt from into the folder of a run; where that fails nothing is left behind."""
    chosen = method(order.method)
    base = ModelStore().get(order.base or usual_learner(chosen.key))
    _check(chosen, base, order)
    name, title = next_name(base)
    options = {"name": name, "title": title, **chosen.usual, **chosen.options, **order.options}
    with places.open_store() as store:
        places.outbox().deliver(store)
        found = collected(labels=order.labels, store=store)
        if found.obstacle:
            raise InvalidSetting(found.obstacle)
        if chosen.key == KIND:
            options |= kinds.chosen(order.kind, found.by_class, base, DATA)
        elif chosen.key == KD_SAM:
            options = {"teacher": teacher_of(base), **options}
        place = (folder or runs.new_folder("learn")).absolute()
        try:
            frozen = _freeze(store, place / DATA, order.labels)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    learning = runs.Learning(method=chosen.key, corrections=frozen, against=base.id, replay=order.replay)
    spec = runs.RunSpec(
        recipe=chosen.recipe,
        options=options,
        data=(DATA,),
        base=base.id,
        seed=order.seed,
        device=order.device,
        learning=learning,
    )
    return place, spec


def _check(chosen: Method, base: ModelCard, order: Order) -> None:
    """Raise where a model cannot learn the way that was chosen."""
    if order.kind and chosen.key != KIND:
        raise InvalidSetting("A kind of image is named for the method kind only.", "Add --method kind.")
    if chosen in methods(base):
        return
    if chosen.key == KIND:
        raise InvalidSetting(
            f"{base.title} does not tell kinds of image apart, so that none can be added.",
            "Choose a model that does, such as MedKD auto.",
        )
    if chosen.key == KD_SAM and methods(base):
        raise InvalidSetting(
            f"{base.title} was not made by KD-SAM, so that its teacher's encoder is nothing for it to learn.",
            "Choose another method: quick, full or thorough.",
        )
    raise InvalidSetting(
        f"{base.title} finds things by itself and cannot learn from clicks.",
        "Choose another model, or another method: MedKD auto learns a new kind of image.",
    )


def _freeze(store: CorrectionStore, folder: Path, labels: tuple[str, ...]) -> dict[str, str]:
    """Write the corrections as they are now as a folder of images and masks; returns id → fingerprint."""
    query = Query(labels=labels)
    frozen = store.fingerprints(query)
    export(store, "folder", folder, Query(ids=tuple(frozen)))
    return frozen
