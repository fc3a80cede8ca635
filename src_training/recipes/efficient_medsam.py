"""EfficientMedSAM: an image encoder searched for this computer, then retrained and distilled.

Reference: "EfficientMedSAM" (IEEE EDGE 2024, DOI 10.1109/EDGE62653.2024.00030): differentiable search over
stages of mixed operations, derivation by the strongest α, retraining with L_seg = L_dice + 20·L_mask,
distillation of logits and attention. What the paper leaves open and what was chosen:
docs/recipes/efficient-medsam.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from src_training.recipes.base import Later, Recipe, RecipeConfig, Stage, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes.efficient_medsam_stages import Making


_OPERATIONS = (
    *("conv3", "conv5", "ds3", "ds5", "mb3_e4", "mb5_e4", "mb3_e6", "fmb_e4"),
    *("litemla", "pw", "skip", "none"),
)


class EfficientMedSamConfig(RecipeConfig):
    """Numbers of the recipe ``efficient-medsam``."""

    teacher: str = Field(
        "litemedsam",
        title="Teacher",
        description="Model of SAM's family that gives its decoder, and its answers in the distillation.",
    )
    architecture: Literal["search", "random", "fixed", "l0", "l1", "l2"] = Field(
        "search",
        title="Architecture",
        description="Search for it; or a control: drawn by chance, or MBConv everywhere, both at the same "
        "target; or a size of the paper's table.",
    )
    target_ms: float = Field(
        0.0,
        ge=0,
        title="Target",
        description="Milliseconds that the encoder may take for one image on this computer; 0 for no target.",
    )
    target_gmac: float = Field(
        0.0,
        ge=0,
        title="Target in GMAC",
        description="10⁹ multiply-accumulates that it may take, where no time is asked for; 0 for no target.",
    )
    threads: int = Field(
        0, ge=0, le=256, title="Threads", description="Of the processor that is measured; 0 for one per core."
    )
    size: Literal[128, 192, 256, 320, 384, 512, 1024] = Field(
        256, title="Input", description="Side of the student's input, in pixels; times are measured at it."
    )
    search_size: Literal[64, 96, 128, 192, 256, 512] = Field(
        128, title="Input of the search", description="Side of the pictures in the search."
    )
    cell: Literal[8, 16] = Field(
        16, title="Cell", description="Pixels of the input for one cell of the embedding; the paper's is 8."
    )
    widths: Literal["auto", "tiny", "small", "medium", "paper"] = Field(
        "auto",
        title="Widths",
        description="Channels of the stages, up to 96, 128, 256 or 512; auto takes the narrowest whose "
        "dearest encoder takes one and a half times the target in milliseconds, and small without one. Wider "
        "ones leave more to choose and take longer to train.",
    )
    nodes: tuple[int, int, int, int, int] = Field(
        (1, 1, 2, 2, 2),
        title="Nodes",
        description="Of each stage after its step down, each joined to all before.",
    )
    operations: tuple[str, ...] = Field(
        _OPERATIONS,
        title="Operations",
        description="Candidates between the nodes of a stage.",
    )
    downs: tuple[str, ...] = Field(
        ("conv3", "ds3", "mb3_e4", "fmb_e4"), title="Steps down", description="Candidates between the stages."
    )
    neck_width: int = Field(128, ge=8, le=1024, title="Neck width", description="Channels of the neck.")
    neck_blocks: int = Field(1, ge=0, le=16, title="Neck blocks", description="Blocks of the neck.")
    mixing: Literal["separable", "dense", "fused"] = Field(
        "separable",
        title="Neck",
        description="Kind of its blocks; the paper's is fused, with cells of 8 pixels.",
    )
    search_steps: int = Field(300, ge=1, title="Search steps", description="Steps of the search.")
    joint: bool = Field(
        False,
        title="Joint",
        description="Learn weights and architecture from the same pictures in one step, as the paper's "
        "equation says, instead of from two halves in turn.",
    )
    search_warm_up: float = Field(
        0.3,
        ge=0,
        lt=1,
        title="Weights first",
        description="Share of the search in which the weights learn alone.",
    )
    alpha_rate: float = Field(
        0.02, gt=0, le=1, title="Rate of α", description="Learning rate of the architecture."
    )
    alpha_decay: float = Field(
        1e-3, ge=0, le=1, title="Decay of α", description="Weight decay of the architecture."
    )
    paths: int = Field(
        0,
        ge=0,
        le=4,
        title="Paths",
        description="Candidates of a slot that are computed in a step, drawn with Gumbel noise; 0 for all of "
        "them.",
    )
    price: float = Field(
        2.0, ge=0, title="Price", description="μ, the weight of how far the expected cost is from the target."
    )
    certainty: float = Field(
        0.3,
        ge=0,
        title="Certainty",
        description="ε, the weight of the entropy of α at the end of the search.",
    )
    keep: int = Field(1, ge=1, le=3, title="Keep", description="Operations that are kept of each edge.")
    retrain_steps: int = Field(800, ge=1, title="Retraining", description="Steps of the derived encoder.")
    distil_steps: int = Field(
        400, ge=0, title="Distillation", description="Steps with the teacher; 0 for none."
    )
    distil_rate: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Distillation's rate",
        description="Its learning rate, as a share of the retraining's.",
    )
    lessons: int = Field(
        300, ge=1, title="Lessons", description="Pictures that the teacher is asked about, from all sets."
    )
    taught_objects: int = Field(
        8, ge=1, le=64, title="Taught objects", description="The largest ones of each, which it is asked for."
    )
    logit_weight: float = Field(1.0, ge=0, title="Weight of logits", description="λ.")
    temperature: float = Field(
        2.0, gt=0, title="Temperature", description="Softens both answers before they meet."
    )
    attention_weight: float = Field(1.0, ge=0, title="Weight of attention", description="γ.")
    attention_share: float = Field(
        0.5, ge=0, le=1, title="Global share", description="a of S_GL; 1 is the paper's L_AMS."
    )
    attention_patch: int = Field(8, ge=2, le=64, title="Patch", description="Side of the patches of S_local.")
    centred: bool = Field(
        True, title="Centred", description="Take each map's mean off before the cosine; off is the paper's."
    )
    attention_stage: int = Field(
        3, ge=0, le=4, title="Stage", description="Stage of the student that is compared with the teacher."
    )
    teacher_map: Literal["attention", "saliency"] = Field(
        "attention",
        title="Teacher's map",
        description="Attention of its last global block, if it has one; or saliency of what its neck reads.",
    )
    student_map: Literal["energy", "gradient"] = Field(
        "energy", title="Student's map", description="Σ|F|², or weighed by how the loss depends on F."
    )
    boxes: float = Field(
        0.5, ge=0, le=1, title="Boxes", description="Share of objects asked for with a box, not a point."
    )
    objects: int = Field(
        2, ge=1, le=16, title="Objects", description="Objects that are asked for in one picture."
    )
    score_weight: float = Field(
        1.0, ge=0, title="Score weight", description="Of the predicted overlap's error; 0 is the paper's."
    )
    rivals: int = Field(
        0,
        ge=0,
        le=8,
        title="Rivals",
        description="Random encoders of the same time that are trained beside, and with them three known "
        "ones.",
    )
    learning_rate: float = Field(
        1e-3, gt=0, le=1, title="Learning rate", description="Highest rate of AdamW; it rises, then falls."
    )
    validate_every: int = Field(
        200, ge=1, title="Validate", description="Steps between two looks at the validation cases."
    )


@recipes.register("efficient-medsam")
class EfficientMedSam(Recipe):
    """Search, derive, retrain, distil."""

    title = "EfficientMedSAM: an encoder searched for this computer"
    config = EfficientMedSamConfig

    def __init__(self) -> None:
        self._making: Making | None = None

    def stages(self, config: EfficientMedSamConfig, context: Context) -> Sequence[Stage | Later]:
        """Return the stages, each built when those before it are done."""
        return self._made(config, context).stages()

    def model(self, config: EfficientMedSamConfig, context: Context) -> tuple[PromptableModel, ModelCard]:
        """Return the student and its card."""
        return self._made(config, context).model()

    def _made(self, config: EfficientMedSamConfig, context: Context) -> Making:
        if self._making is None:
            from src_training.recipes.efficient_medsam_stages import Making

            self._making = Making(config, context)
        return self._making
