"""The ways to learn from corrections: for each a recipe, what is set of it, and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_medkd.errors import UnknownName

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard


@dataclass(frozen=True, slots=True)
class Method:
    """One way to learn.

    Parameters
    ----------
    key : str
        Its name on the command line and in `run.json`.
    title : str
        What the panel calls it.
    sentence : str
        What it does and what it is good for.
    recipe : str
        Name of the recipe in `src_training.recipes`.
    seconds : float
        About how long it takes on two cores and no GPU, from Start to the comparison: what is said before it
        was done here once.
    options : dict
        Settings of that recipe that make it this method.
    usual : dict
        Settings that people may change, where the recipe's own would not do; everything else is the recipe's.
    idle : frozenset of str
        Settings of that recipe that make no difference to this method.
    """

    key: str
    title: str
    sentence: str
    recipe: str
    seconds: float
    options: dict[str, Any] = field(default_factory=dict)
    usual: dict[str, Any] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()


KIND = "kind"  # the method that adds a kind of image to a model of several
KD_SAM = "kd-sam"  # the one that distils a teacher's encoder once more
# Settings of a network that is there already, and of its teacher.
_OF_NETWORK = frozenset(
    {"trunk", "backbone", "size", "width", "blocks", "tokens", "expert", "bags", "generator", "decoupled"}
    | {"patches", "teacher_size", "teacher_steps", "teacher_batch", "lessons", "common_steps"}
    | {"specific_steps", "trunk_rate", "modalities", "targets", "upright"}
)
# Settings of a network that KD-SAM made, of its teacher, and of what only its controls need.
_OF_DISTILLED = frozenset(
    {"teacher", "backbone", "backbone_weights", "size", "cell", "neck_width", "neck_blocks", "boxes"}
    | {"perceptual", "perceptual_size", "vgg_weights"}
)
# Settings of a teacher that is adapted first.
_OF_TEACHER = frozenset({"teacher_steps", "teacher_batch", "teacher_rate", "taught_weight", "hidden_weight"})

METHODS: tuple[Method, ...] = (
    Method(
        "quick",
        "Quick",
        "Teaches the part of the model that answers clicks, and leaves alone how it sees.",
        "refresh",
        120,
        {"mode": "quick"},
        idle=_OF_TEACHER | {"backbone_rate"},
    ),
    Method(
        "full",
        "Full",
        "Teaches all of the model, also how it sees; for images unlike those that it knows.",
        "refresh",
        480,
        {"mode": "full"},
        idle=_OF_TEACHER | {"views"},
    ),
    Method(
        "thorough",
        "Thorough",
        "Adapts a large model, LiteMedSAM, to your corrections, then has it teach all of the small one; for "
        "a night, or a computer with a GPU.",
        "refresh",
        2400,
        {"mode": "thorough", "teacher": "litemedsam"},
    ),
    Method(
        KD_SAM,
        "KD-SAM",
        "Has the model's teacher show how it sees your images, too, then teaches the masks; for a model that "
        "KD-SAM made.",
        "kd-sam",
        900,
        usual={
            "encoder_steps": 60,
            "decoder_steps": 90,
            "batch_size": 4,
            "learning_rate": 3e-4,
            "rehearsal": 0.5,
            "lessons": 200,
            "ema": 0.95,
            "checkpoint_every": 20,
            "validate_every": 30,
        },
        idle=_OF_DISTILLED,
    ),
    Method(
        KIND,
        "New kind",
        "Teaches a model that looks by itself to find what you corrected, in a kind of image that it does "
        "not know yet. What it answers for the kinds that it knows stays the same.",
        "esp-medsam",
        600,
        {"teacher": ""},
        {"steps": 200, "batch_size": 4, "ema": 0.95, "checkpoint_every": 20, "validate_every": 50},
        _OF_NETWORK,
    ),
)


def methods(card: ModelCard) -> tuple[Method, ...]:
    """Return the methods that make sense for a model; none for one that knows a fixed set of classes."""
    if learns_kinds(card):
        return tuple(one for one in METHODS if one.key == KIND)
    if not card.capabilities & {"box", "point"} or card.architecture.masks == "classes":
        return ()
    others = {KIND} if distilled(card) else {KIND, KD_SAM}
    return tuple(one for one in METHODS if one.key not in others)


def distilled(card: ModelCard) -> bool:
    """Tell whether KD-SAM made a model: its encoder sees as a teacher of SAM's family does."""
    own = card.architecture
    return bool(card.parent) and (own.encoder, own.decoder, own.masks) == ("pyramid", "sam", "one")


def learns_kinds(card: ModelCard) -> bool:
    """Tell whether a kind of image can be added to a model: each of its kinds has parameters of its own."""
    options = card.architecture.decoder_options
    own = all(options.get(part, True) for part in ("bags", "decoupled"))
    return bool(card.architecture.kinds) and card.architecture.encoder == "routed" and own


def method(key: str) -> Method:
    """Return a method by its key; an unknown one is an `UnknownName` that lists them."""
    for one in METHODS:
        if one.key == key:
            return one
    known = ", ".join(one.key for one in METHODS)
    raise UnknownName(f"There is no method named {key!r}.", f"Known: {known}.")
