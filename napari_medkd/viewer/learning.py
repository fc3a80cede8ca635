"""Training as the Learn tab asks for it: corrections, recipes, runs and models of this user.

`napari_medkd.learning` brings SQLAlchemy along, so it is imported where it is needed: in a thread of the tab.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import psutil

from napari_medkd import runs, settings
from napari_medkd.errors import missing_extra
from napari_medkd.models.store import ModelStore
from napari_medkd.runs import events
from napari_medkd.widgets.learning import Choice, Outlook, Plan

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from napari_medkd.learning import Collected, Decision, Order
    from napari_medkd.models.card import ModelCard

_OURS = frozenset({"name", "title", "description", "licence", "commercial_use"})  # named after the model
_THERE = "you@server"
_NEEDED = ("torch", "lightning_fabric")


class LearningHere:
    """Fulfils `widgets.Learning` with the runs, the models and the corrections of this user."""

    def outlook(self, learner: str = "") -> Outlook:
        """Return what there is to learn from, how a model may do so, and what was learnt."""
        from napari_medkd import learning

        model = settings.Settings.load().default_model
        offered = {card.id: card for card in learning.learners()}
        chosen = learner if learner in offered else model
        collected = learning.collected(chosen)
        titles = {card.id: card.title for card in ModelStore().list()}
        return Outlook(
            collected=collected,
            choices=_choices(chosen, collected) if chosen in titles else (),
            runs=tuple(learning.learning_runs()),
            decisions=tuple(learning.decisions()),
            model=model,
            titles=titles,
            previous=learning.can_roll_back_to(),
            obstacle=_missing() or collected.obstacle,
            learner=chosen,
            learners=tuple((card.id, _learner(card)) for card in offered.values()),
        )

    def plan(self, choice: Choice, config: BaseModel) -> Plan:
        """Return what the last run of this method took here; before the first, what it takes elsewhere."""
        from napari_medkd import learning

        free = psutil.virtual_memory().available / 2**20
        for run in learning.learning_runs():
            spec = run.handle.spec
            if run.stand == "finished" and spec.learning and spec.learning.method == choice.method.key:
                return _took(run.handle, free)
        return Plan(choice.method.seconds, free_mb=free, is_known=False)

    def start(self, choice: Choice, config: BaseModel) -> runs.RunHandle:
        """Start a run; it waits until those that were asked for before have ended."""
        from napari_medkd import learning

        return learning.start(_order(choice, config))

    def resume(self, folder: Path) -> runs.RunHandle:
        """Start a run again that was stopped, or whose process is gone."""
        return runs.resume(folder)

    def command(self, choice: Choice, config: BaseModel) -> str:
        """Return the command that does the same in a terminal."""
        from napari_medkd import learning

        return learning.command(_order(choice, config))

    def elsewhere(self, choice: Choice, config: BaseModel, folder: Path) -> list[str]:
        """Write a run into `folder` to be taken to another computer; returns what to type, line by line."""
        from napari_medkd import learning

        place = learning.prepare(_order(choice, config), folder)
        there, here = f"runs/{place.name}", runs.home() / place.name
        return [
            "# take it there",
            shlex.join(["rsync", "-a", f"{place}/", f"{_THERE}:{there}/"]),
            "",
            "# start it there, by itself",
            shlex.join(["ssh", _THERE, f"medkd train --resume --out {there}"]),
            "# or under SLURM",
            shlex.join(["ssh", _THERE, f'sbatch --gres=gpu:1 --wrap "medkd train --resume --out {there}"']),
            "",
            "# bring it back: it then stands in the Learn tab, with its comparison",
            shlex.join(["rsync", "-a", f"{_THERE}:{there}/", f"{here}/"]),
        ]

    def use_new(self, folder: Path) -> Decision:
        """Put the model of a run to use."""
        from napari_medkd import learning

        return learning.use_new(folder)

    def keep_old(self, folder: Path) -> None:
        """Note that the model of a run is not wanted."""
        from napari_medkd import learning

        learning.keep_old(folder)

    def roll_back(self) -> Decision:
        """Put the model that was in use before to use again."""
        from napari_medkd import learning

        return learning.roll_back()


def _choices(model: str, collected: Collected) -> tuple[Choice, ...]:
    """Return the ways in which a model can learn from what was collected."""
    from napari_medkd import learning
    from napari_medkd.learning.kinds import suggested
    from src_training import recipes

    configs, card, found = recipes.load(), ModelStore().get(model), []
    for one in learning.methods(card):
        config = configs[one.recipe].config.model_validate({**one.usual, **one.options})
        choice = Choice(one, config, _OURS | one.idle | set(one.options), model)
        if one.key == learning.KIND:
            known = {target.modality: target.name for target in card.targets}
            kinds = tuple((each.label, suggested(each, known)) for each in collected.by_class)
            choice = replace(choice, kinds=kinds, known=known)
        found.append(choice)
    return tuple(found)


def _learner(card: ModelCard) -> str:
    """Return what people call a model that may learn, and which tab it works in."""
    return f"{card.title} ({'looks' if card.architecture.kinds else 'answers clicks'})"


def _missing() -> str:
    """Return what is not installed that training needs, in a sentence; empty where all is there."""
    lacks = next((name for name in _NEEDED if find_spec(name) is None), None)
    return str(missing_extra(lacks, "train", "Learning from corrections")) if lacks is not None else ""


def _order(choice: Choice, config: BaseModel) -> Order:
    """Return what is asked for: only what was set otherwise than the method has it."""
    from napari_medkd.learning import Order

    usual: dict[str, Any] = choice.config.model_dump(mode="json")
    wanted: dict[str, Any] = config.model_dump(mode="json")
    options = {name: value for name, value in wanted.items() if value != usual[name]}
    labels = (choice.label,) if choice.label else ()
    return Order(choice.method.key, choice.learner, labels, choice.kind, options)


def _took(handle: runs.RunHandle, free_mb: float) -> Plan:
    begun: float | None = None
    ended: float | None = None
    memory: float | None = None
    for event in handle.poll():
        if isinstance(event, events.Started):
            begun = event.t
        elif isinstance(event, events.Stage) and ended is None and event.index == 0:
            begun = event.t  # from here on it did not wait for another run
        elif isinstance(event, events.Metric) and "planned_mb" in event.values:
            memory = max(memory or 0.0, event.values["planned_mb"])
        elif isinstance(event, events.Finished):
            ended = event.t
    seconds = ended - begun if begun is not None and ended is not None else None
    return Plan(seconds, memory, free_mb)
