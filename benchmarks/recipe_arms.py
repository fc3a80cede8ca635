"""What `benchmarks.recipes` compares: arms, what they share, and the orderings that were expected beforehand.

An arm is a recipe's own settings and nothing else. The orderings were written down before any arm was run,
but for the one with cross-entropy in KD-SAM's stage B: that arm and its ordering came after the others had
been seen, and before it was run itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from src_training.evaluation import Question

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train: what it is called, and the settings in which it differs from the others."""

    name: str
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ordering:
    """What was expected: `better` is at least as good as `worse`."""

    better: str
    worse: str
    claim: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """Arms of one recipe on the same pictures.

    Parameters
    ----------
    recipe : str
        Its name.
    shared : dict
        Settings of all arms.
    arms : tuple of Arm
        In the order in which they are run and shown.
    orderings : tuple of Ordering
        What was expected.
    questions : dict
        How the models are asked about the test split, by name.
    train, validation : int
        Pictures that are taken from these splits of each set; the test split is whole.
    sets : tuple of str
        The data sets.
    """

    recipe: str
    shared: Settings
    arms: tuple[Arm, ...]
    orderings: tuple[Ordering, ...]
    questions: dict[str, Question]
    train: int
    validation: int
    sets: tuple[str, ...]


_TEACHER = "litemedsam"
_A, _B = 160, 80  # steps of KD-SAM's stages
_KNOWN, _LEARNT = 100, 60  # steps on the transfer set, and on the labels
_FEW, _MANY, _MADE = 40, 120, 80  # real pictures of a small and a large transfer set; synthetic ones

KD_SAM = Experiment(
    recipe="kd-sam",
    shared={
        "teacher": _TEACHER,
        "backbone": "mobilenetv4_conv_small",
        "size": 128,
        "neck_width": 64,
        "neck_blocks": 1,
        "perceptual_boxes": 2,
        "perceptual_size": 32,
        "encoder_steps": _A,
        "decoder_steps": _B,
        "objects": 1,
        "dice": 1.0,
        "batch_size": 8,
        "ema": 0.98,
        "decoder_rate": 0.3,
    },
    arms=(
        Arm("MSE + perceptual"),
        Arm("MSE", {"perceptual": "none"}),
        Arm("MSE + random VGG-16", {"perceptual": "vgg16-random"}),
        Arm("MSE + perceptual, no stage B", {"decoder_steps": 0}),
        Arm("MSE + perceptual, all learns in B", {"unfreeze_encoder": True}),
        Arm("MSE + perceptual, entropy too in B", {"dice": 0.8}),
        Arm(
            "from scratch",
            {"encoder_steps": 0, "decoder_steps": _A + _B, "unfreeze_encoder": True, "decoder_rate": 1.0},
        ),
    ),
    orderings=(
        Ordering("MSE + perceptual", "MSE", "the perceptual loss helps"),
        Ordering("MSE", "from scratch", "distillation helps, of as many steps"),
        Ordering("MSE + perceptual", "from scratch", "so does the whole recipe"),
        Ordering("MSE + perceptual", "MSE + perceptual, no stage B", "stage B is needed"),
        Ordering("MSE + perceptual", "MSE + random VGG-16", "what φ knows matters"),
        Ordering("MSE + perceptual, entropy too in B", "MSE + perceptual", "Dice alone may stay at nothing"),
    ),
    questions={
        "box": Question("box", noisy=True),
        "one click": Question("click", cap=1),
    },
    train=64,
    validation=8,
    sets=("isic2018", "busi"),
)


def _budget(labels: int) -> tuple[Arm, ...]:
    return (
        Arm(f"TS-KD, {labels} labels", {"labels": labels}),
        Arm(f"task-agnostic, {labels} labels", {"labels": labels, "pretraining": "task-agnostic"}),
        Arm(f"MAE, {labels} labels", {"labels": labels, "pretraining": "mae"}),
        Arm(
            f"from scratch, {labels} labels",
            {"labels": labels, "pretraining": "none", "finetune_steps": _KNOWN + _LEARNT},
        ),
    )


def _of_budget(labels: int) -> tuple[Ordering, ...]:
    ts_kd, agnostic, mae, scratch = (arm.name for arm in _budget(labels))
    return (
        Ordering(ts_kd, agnostic, "knowing the task helps"),
        Ordering(agnostic, mae, "so does a teacher"),
        Ordering(agnostic, scratch, "of as many steps"),
        Ordering(ts_kd, scratch, "of as many steps"),
    )


TS_KD = Experiment(
    recipe="ts-kd",
    shared={
        "teacher": _TEACHER,
        "size": 128,
        "width": 96,
        "depth": 6,
        "pairs": 3,
        "teacher_size": 64,
        "teacher_steps": 40,
        "transfer": _MANY,
        "synthetic": False,
        "diffusion_size": 32,
        "diffusion_width": 16,
        "diffusion_steps": 300,
        "ddim_steps": 20,
        "pretrain_steps": _KNOWN,
        "finetune_steps": _LEARNT,
        "batch_size": 8,
        "ema": 0.98,
        "validate_every": 40,
    },
    arms=(
        *_budget(10),
        *_budget(40),
        Arm(f"TS-KD, 10 labels, {_FEW} real", {"labels": 10, "transfer": _FEW}),
        Arm(
            f"TS-KD, 10 labels, {_FEW} real + {_MADE} synthetic",
            {"labels": 10, "real": _FEW, "transfer": _FEW + _MADE, "synthetic": True},
        ),
        Arm("TS-KD, 10 labels, LoRA rank 1", {"labels": 10, "rank": 1, "alpha": 1.0}),
        Arm("TS-KD, 10 labels, LoRA rank 16", {"labels": 10, "rank": 16, "alpha": 16.0}),
        *_budget(20),
        *_budget(80),
    ),
    orderings=(
        *(one for labels in (10, 20, 40, 80) for one in _of_budget(labels)),
        Ordering("TS-KD, 10 labels", f"TS-KD, 10 labels, {_FEW} real", "a larger transfer set helps"),
        Ordering(
            f"TS-KD, 10 labels, {_FEW} real + {_MADE} synthetic",
            f"TS-KD, 10 labels, {_FEW} real",
            "synthetic images help",
        ),
        Ordering("TS-KD, 10 labels", "TS-KD, 10 labels, LoRA rank 1", "rank 4 is at least rank 1"),
        Ordering("TS-KD, 10 labels, LoRA rank 16", "TS-KD, 10 labels", "rank 16 is at least rank 4"),
    ),
    questions={"automatic": Question("auto")},
    train=_MANY,
    validation=12,
    sets=("isic2018", "shenzhen_cxr"),
)

EXPERIMENTS = {one.recipe: one for one in (KD_SAM, TS_KD)}
