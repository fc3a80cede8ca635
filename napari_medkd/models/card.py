"""What a model is, what it wants and what it can do: the card that travels with its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

Capability = Literal["box", "point", "scribble", "lasso", "mask", "auto"]


class Preprocessing(BaseModel):
    """How an 8-bit RGB slice becomes the network's input."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(1024, ge=32, le=4096, description="Side of the square input, in pixels.")
    interpolation: Literal["area", "bilinear"] = Field(
        "bilinear", description="How the longest side is brought to `size`; the rest is zero-padded."
    )
    fit: Literal["pad", "stretch"] = Field(
        "pad", description="Keep the proportions and pad with zeros, or stretch both sides to `size`."
    )
    normalise: Literal["mean-std", "min-max"] = Field(
        "mean-std", description="mean-std of 0…255 values, or the image's own minimum and maximum to 0…1."
    )
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    prompt_size: int = Field(
        0, ge=0, description="Side of the frame that prompt coordinates live in; 0 means `size`."
    )

    @property
    def prompt_frame(self) -> int:
        """Side of the frame of prompt coordinates, in pixels."""
        return self.prompt_size or self.size


class Architecture(BaseModel):
    """Which network to build before its weights are loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str = Field(description="Registered name of the image encoder.")
    encoder_options: dict[str, Any] = Field(default_factory=dict, description="Arguments of the encoder.")
    grid: int = Field(64, ge=1, description="Rows and columns of the image embedding.")
    embedding_dim: int = Field(256, ge=1, description="Channels of the image embedding.")
    decoder: str = Field("sam", description="Registered name of the mask decoder.")
    decoder_options: dict[str, Any] = Field(default_factory=dict, description="Arguments of the decoder.")
    logits_per_cell: int = Field(
        4, ge=1, description="Rows and columns of the answer's logits for each one of the embedding."
    )
    zoom: bool = Field(
        False,
        description="Whether it was trained on views of every scale, and so looks closer at a small object.",
    )
    mirror: bool = Field(
        False,
        description="Whether a lone box or lasso is answered from its view and the view's mirror image "
        "together, twice, the second time with the first answer as a mask prompt. Needs `zoom`.",
    )
    handed: bool = Field(
        False,
        description="Whether it was trained to take over an object's mask from a neighbouring slice, and so "
        "is shown it when the object is followed through a volume.",
    )
    half_precision: bool = Field(
        False, description="Whether its answers stay the same on a GPU that computes in 16-bit floats."
    )
    masks: Literal["one", "three", "candidates", "classes"] = Field(
        "three",
        description="Whether the decoder answers with one mask, with one for a clear prompt and three "
        "candidates for an unclear one, with three candidates always, or with one for every target of the "
        "card.",
    )
    scores: Literal["predicted", "stability"] = Field(
        "predicted",
        description="Whether candidates are ranked by the overlap that the network predicts, or by how "
        "little a mask changes when its threshold is moved.",
    )
    temperature: float = Field(
        1.0,
        gt=0,
        description="What the logits of an automatic answer are divided by, so that its probabilities hold "
        "on cases never seen.",
    )
    router_temperature: float = Field(
        1.0,
        gt=0,
        description="What the log odds of the kinds of image are divided by where they become "
        "probabilities, so that images of no kind that the network knows are doubted. Which kind is the "
        "likeliest stays.",
    )

    kinds: tuple[str, ...] = Field(
        (),
        description="Kinds of image that the network tells apart, in the order of its router, whose log odds "
        "are the last of its encoder's features; its decoder answers for the targets of the likeliest.",
    )

    @property
    def logit_side(self) -> int:
        """Rows and columns of the decoder's logits; those of a mask prompt are 4 a cell of the embedding."""
        return self.grid * self.logits_per_cell


class Target(BaseModel):
    """What an automatic model looks for: one mask of its answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="What the mask shows, for people: lesion, vessel, kidney.")
    modality: str = Field("", description="The kind of image it is looked for in; empty means any.")
    threshold: float = Field(
        0.5, gt=0, lt=1, description="Probability above which a pixel belongs to it, unless the user says."
    )
    joined: bool = Field(
        False,
        description="Whether its parts are one object, as those of a vessel tree are; otherwise each part is "
        "suggested on its own, as each of many nuclei is.",
    )
    outlined: bool = Field(
        False,
        description="Whether the card's `outliner` draws anew what was found of it, part by part, by the box "
        "of each.",
    )
    quarters: bool = Field(
        False,
        description="Whether a slice is looked at again in four overlapping quarters, for what is thin or "
        "small.",
    )
    afar: bool = Field(
        False,
        description="Whether a slice is looked at twice more as a smaller picture, for what may fill the "
        "view.",
    )


class ModelCard(BaseModel):
    """The description of one model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Short unique name.")
    title: str = Field(description="What the user reads.")
    description: str = ""
    architecture: Architecture
    preprocessing: Preprocessing
    capabilities: frozenset[Capability] = Field(
        description="Kinds of prompt that it understands; the viewer offers tools for these only."
    )
    modalities: tuple[str, ...] = Field((), description="What it was trained on.")
    targets: tuple[Target, ...] = Field(
        (), description="What an automatic model looks for, in the order of its masks."
    )
    outliner: str = Field(
        "",
        description="Id of the model that is given the box of what this one found by itself, for a better "
        "outline; passed over where it is not installed.",
    )
    follower: str = Field(
        "",
        description="Id of the model that follows through a volume what this one was asked for on a slice; "
        "this one does where it is not installed.",
    )
    parameters: int = Field(0, ge=0, description="Number of parameters.")
    licence: str = Field("", description="Licence of the weights.")
    commercial_use: bool = Field(True, description="False where the licence of the weights forbids it.")
    source: str = Field("", description="Where the weights come from, for people.")
    parent: str = Field("", description="The model that it was made from.")
    training_data: tuple[str, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict, description="File name → SHA-256.")

    @model_validator(mode="after")
    def _check_targets(self) -> ModelCard:
        """An automatic model says what it looks for; any other has nothing to look for by itself."""
        if ("auto" in self.capabilities) != bool(self.targets):
            raise ValueError('"targets" must be there where "auto" is among the capabilities, and only there')
        kinds = self.architecture.kinds
        if kinds and {target.modality for target in self.targets} != set(kinds):
            raise ValueError(
                'the modalities of the "targets" must be the "kinds" that the network tells apart'
            )
        return self

    def answer_side(self, targets: Iterable[int]) -> int:
        """Rows and columns of the logits of an answer without a prompt about these of the `targets`.

        Twice as many as a look gives, where the slice is looked at again in quarters.
        """
        in_quarters = any(self.targets[index].quarters for index in targets)
        return self.architecture.logit_side * (2 if in_quarters else 1)

    @property
    def needs_prompt(self) -> bool:
        """False for a model that answers by itself and understands no prompt at all."""
        return self.capabilities != {"auto"}

    @property
    def helpers(self) -> dict[str, str]:
        """What other models do for this one, for people → their ids."""
        helpers = {"Outlines what it finds": self.outliner, "Follows through volumes": self.follower}
        return {work: model_id for work, model_id in helpers.items() if model_id}

    def supports(self, kinds: frozenset[str]) -> bool:
        """Tell whether every kind of prompt in `kinds` is understood."""
        return kinds <= self.capabilities
