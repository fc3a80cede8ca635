"""What a recipe is: a validated set of numbers, and the stages of training that it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_medkd.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import nn

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context


class RecipeConfig(BaseModel):
    """The numbers that every recipe has; one model for the file, the command line, the form and the page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        "student",
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
        title="Name",
        description="Id of the model that comes of it.",
    )
    title: str = Field(
        "My student",
        title="Title",
        description="What the user reads; after the name where that alone is given.",
    )
    description: str = Field(
        "", title="Description", description="What it is good for, in a sentence on its card."
    )
    licence: str = Field(
        "", title="Licence", description="Under which its weights may be used; part of its card."
    )
    commercial_use: bool = Field(
        True, title="Commercial use", description="Whether that licence, or one of the data's, allows it."
    )
    batch_size: int = Field(8, ge=1, le=1024, title="Batch size", description="Images in one step.")
    accumulate: int = Field(
        1, ge=1, le=256, title="Accumulate", description="Steps whose gradients are summed before an update."
    )
    learning_rate: float = Field(
        5e-4, gt=0, le=1, title="Learning rate", description="Highest rate of AdamW; it rises, then falls."
    )
    weight_decay: float = Field(0.01, ge=0, le=1, title="Weight decay", description="Of AdamW.")
    warm_up: float = Field(
        0.05, ge=0, le=1, title="Warm-up", description="Share of the steps in which the rate rises."
    )
    clip: float = Field(1.0, gt=0, title="Clip", description="Largest norm of a gradient.")
    ema: float = Field(
        0.999,
        ge=0,
        lt=1,
        title="Average",
        description="Decay of the running mean of the weights; 0 for none.",
    )
    checkpoint_every: int = Field(
        100, ge=1, title="Checkpoint", description="Steps between two checkpoints of a run."
    )
    validate_every: int = Field(
        500, ge=1, title="Validate", description="Steps between two looks at the validation cases."
    )
    patience: int = Field(
        0,
        ge=0,
        title="Patience",
        description="Looks without improvement before a stage ends; 0 never ends it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _titled(cls, values: Any) -> Any:
        """Give a model that was only named a title like its name, so that it is found in the panel."""
        if not isinstance(values, dict) or values.get("title") or not values.get("name"):
            return values
        words = " ".join(str(values["name"]).replace("-", " ").replace("_", " ").split())
        return {**values, "title": words[:1].upper() + words[1:]}


@dataclass(frozen=True, slots=True)
class Outer:
    """The outer level of a bi-level problem: parameters with batches and an optimiser of their own.

    Before each step of the stage they take one on their own batch, the stage's other parameters as they are:
    the first-order answer to such problems (Liu et al., "DARTS", 2019, section 2.3 with ξ = 0).

    Parameters
    ----------
    trainable : sequence of str
        Prefixes of the task's parameter names that learn here, and not with the stage's own.
    batches : callable
        As of a stage; of other pictures than the stage's, so that what is chosen holds on what was not
        learnt.
    rate, weight_decay : float
        Of Adam, whose rate stays as it is.
    after : int
        Step of the stage from which on they learn.
    """

    trainable: Sequence[str]
    batches: Callable[[int], Iterable[Any]]
    rate: float
    weight_decay: float = 0.0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One fit of some parameters to one task.

    Parameters
    ----------
    name : str
        For events and checkpoints.
    task : nn.Module
        ``forward(batch)`` returns a dict with ``loss`` and what else is to be logged; holds the student.
    batches : callable
        Returns the batches from a step on, the same ones whenever it is called: that is what makes a resumed
        run equal to an uninterrupted one.
    steps : int
        Updates.
    trainable : sequence of str
        Prefixes of the task's parameter names that learn; the rest is frozen.
    validate : callable, optional
        Takes the averaged task; returns figures, ``score`` among them (higher is better).
    rates : dict
        Factor of the learning rate by prefix of the parameters' names.
    prepare : callable, optional
        Called before the stage, also when it is resumed: makes what its batches need and is not there yet, in
        files that are whole or not there. Returns False where it was asked to stop.
    done : callable, optional
        Takes the task once it is trained, to keep what later stages need of it in a file.
    outer : Outer, optional
        Parameters that learn beside those of `trainable`, on another level.
    watch : callable, optional
        Called with the task and the number of steps done after each of them, to note what the task has come
        to; after a resumption it hears of some steps again.
    """

    name: str
    task: nn.Module
    batches: Callable[[int], Iterable[Any]]
    steps: int
    trainable: Sequence[str]
    validate: Callable[[nn.Module], dict[str, float]] | None = None
    rates: dict[str, float] = field(default_factory=dict)
    prepare: Callable[[], bool] | None = None
    done: Callable[[nn.Module], None] | None = None
    outer: Outer | None = None
    watch: Callable[[nn.Module, int], None] | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """A stage whose network is not known before the stages ahead of it are done.

    Parameters
    ----------
    name, steps
        As the stage will have them.
    build : callable
        Returns the stage, from what the others kept in files; also when the run is resumed at it. None where
        it was asked to stop.
    """

    name: str
    steps: int
    build: Callable[[], Stage | None]


class Recipe(ABC):
    """A way to train: its numbers, its stages and what comes of them. Listing recipes needs no torch.

    One object of it lives as long as one run.
    """

    title: ClassVar[str]
    config: ClassVar[type[RecipeConfig]]

    @abstractmethod
    def stages(self, config: Any, context: Context) -> Sequence[Stage | Later]:
        """Build what is trained, in order; imports torch."""

    @abstractmethod
    def model(self, config: Any, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Return the network that the stages train and its card, to be exported after them."""


recipes: Registry[type[Recipe]] = Registry("recipe")
