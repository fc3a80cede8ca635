"""What the Learn tab asks of whoever trains: a small protocol that the viewer fulfils."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel

    from napari_medkd.learning import Collected, Decision, LearningRun, Method
    from napari_medkd.runs import RunHandle


@dataclass(frozen=True, slots=True)
class Choice:
    """A method on offer.

    Parameters
    ----------
    method : Method
        What it is.
    config : BaseModel
        The numbers of its recipe as they would be taken; what has a title can be changed.
    hidden : frozenset of str
        Fields that are chosen elsewhere, or by the method itself.
    learner : str
        Id of the model that learns; empty for the one in use.
    kinds : tuple of (str, str)
        Of a method that teaches a kind of image: each class that was corrected, and a name for the kind.
    known : dict
        The kinds of image that the model knows, and what it looks for in each.
    label, kind : str
        The class and the name that were chosen of these.
    """

    method: Method
    config: BaseModel
    hidden: frozenset[str] = frozenset()
    learner: str = ""
    kinds: tuple[tuple[str, str], ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    kind: str = ""

    @property
    def asks_kind(self) -> bool:
        """Whether it teaches a kind of image, which has to be named."""
        return bool(self.known)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would take on this computer.

    Parameters
    ----------
    seconds : float or None
        From Start to the comparison; None where nobody knows.
    memory_mb, free_mb : float or None
        Memory that it needs, and that is free.
    is_known : bool
        Whether it was done on this computer before; else the time is that of two cores without a GPU.
    """

    seconds: float | None = None
    memory_mb: float | None = None
    free_mb: float | None = None
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Outlook:
    """All that the tab shows besides the run that goes on.

    Parameters
    ----------
    collected : Collected
        What there is to learn from.
    choices : tuple of Choice
        The ways to learn for the model that is to learn, the usual one first.
    runs : tuple of LearningRun
        Runs that learn or have learnt, the newest first.
    decisions : tuple of Decision
        What the user decided, the newest first.
    model : str
        Id of the model in use.
    titles : dict
        Id of an installed model → what people call it.
    previous : str
        Id of the model that a roll back would bring back; empty where there is none.
    obstacle : str
        Why nothing can be started, in a sentence; empty where it can.
    learner : str
        Id of the model that is to learn; empty for the one in use.
    learners : tuple of (str, str)
        Models that may be chosen to learn, by id and by what people call them.
    """

    collected: Collected
    choices: tuple[Choice, ...]
    runs: tuple[LearningRun, ...]
    decisions: tuple[Decision, ...]
    model: str
    titles: dict[str, str]
    previous: str = ""
    obstacle: str = ""
    learner: str = ""
    learners: tuple[tuple[str, str], ...] = ()


class Learning(Protocol):
    """Trains on corrections and keeps the models that came of it.

    Every method may take a while (a database, a disk) and is called in a thread of its own: it must touch no
    Qt. What goes wrong is a MedkdError.
    """

    def outlook(self, learner: str = "") -> Outlook:
        """Return what there is to learn from, how a model may do so, and what was learnt."""
        ...

    def plan(self, choice: Choice, config: BaseModel) -> Plan:
        """Return what a run would take."""
        ...

    def start(self, choice: Choice, config: BaseModel) -> RunHandle:
        """Start a run; it waits until those that were asked for before have ended."""
        ...

    def resume(self, folder: Path) -> RunHandle:
        """Start a run again that was stopped, or whose process is gone."""
        ...

    def command(self, choice: Choice, config: BaseModel) -> str:
        """Return the command that does the same in a terminal."""
        ...

    def elsewhere(self, choice: Choice, config: BaseModel, folder: Path) -> Sequence[str]:
        """Write a run into `folder` to be taken to another computer; returns what to type, line by line."""
        ...

    def use_new(self, folder: Path) -> Decision:
        """Put the model of a run to use."""
        ...

    def keep_old(self, folder: Path) -> None:
        """Note that the model of a run is not wanted."""
        ...

    def roll_back(self) -> Decision:
        """Put the model that was in use before to use again."""
        ...
