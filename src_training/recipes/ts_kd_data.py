"""What TS-KD and its controls learn from: labels, a transfer set, and a manifest of what each stage sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.store import ModelStore
from src_training import transfer
from src_training.data import about
from src_training.manifest import FILE as MANIFEST
from src_training.manifest import Manifest, Seen, digests
from src_training.scenes import Pool, budget, load_pool
from src_training.tasks.classes import ClassStream, ClassValidation
from src_training.transfer import TransferSet
from src_training.views import stretched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.models.card import ModelCard
    from src_training.context import Context
    from src_training.recipes.ts_kd import TsKdConfig
    from src_training.scenes import Scene

WITH_TEACHER = ("ts-kd", "task-agnostic")
PARTS = "parts"  # folder of what one stage leaves to the next
DIFFUSION = "diffusion.safetensors"


class Material:
    """The pictures of one run, and who may see which.

    Parameters
    ----------
    config : TsKdConfig
        The numbers.
    context : Context
        The run.

    Attributes
    ----------
    names : tuple of str
        What is looked for.
    fit : str
        How the teacher fits pictures into its frame, and so does the student.
    transfer : TransferSet
        What is learnt from without labels.
    """

    def __init__(self, config: TsKdConfig, context: Context) -> None:
        self._config, self._context = config, context
        self.names = config.targets or (_named(context),)
        pool = load_pool(
            [Path(name) for name in context.spec.data],
            [Path(name) for name in context.spec.validation],
            self.classes,
            context.warn,
        )
        if not config.teacher and config.pretraining in WITH_TEACHER:
            raise InvalidSetting(
                f"The pre-training {config.pretraining} needs a teacher.",
                "Name an installed one: --set teacher=litemedsam, or use --set pretraining=mae.",
            )
        self.fit: Literal["pad", "stretch"] = (
            ModelStore().get(config.teacher).preprocessing.fit if config.teacher else "pad"
        )
        labelled, rest = budget(pool.labelled, config.labels, context.spec.seed)
        parts = (labelled, [*rest, *pool.unlabelled], pool.validation)
        self._pool = Pool(*(tuple(_fitted(scene, self.fit) for scene in scenes) for scenes in parts))
        self.transfer = self._transfer_set()

    @property
    def classes(self) -> int:
        """How many things are told apart."""
        return len(self.names)

    def _transfer_set(self) -> TransferSet:
        config, seed = self._config, self._context.spec.seed
        every = [*self._pool.labelled, *self._pool.unlabelled]
        real = _some(every, min(config.real or config.transfer, config.transfer), seed)
        missing = config.transfer - len(real) if config.synthetic and config.pretraining != "none" else 0
        if not missing:
            return TransferSet(real, 0, None)
        from src_training.diffusion.pictures import squares
        from src_training.diffusion.synthesis import Synthesis

        pictures = [scene.picture for scene in real]
        synthesis = Synthesis(
            self._context.folder / PARTS / DIFFUSION,
            self._context.folder / transfer.FOLDER,
            pictures,
            squares(pictures, config.diffusion_size),
            config.diffusion_width,
            config.ddim_steps,
            config.size,
            seed,
        )
        return TransferSet(real, missing, synthesis)

    def labels(self, card: ModelCard, batch_size: int, stream: int) -> ClassStream:
        """Return the labelled pictures as the network of a card sees them; each stream draws other views."""
        seed = 2 * self._context.spec.seed + stream
        draws = self._context.draws(batch_size, seed)
        return ClassStream(self._pool.labelled, card, self.classes, draws, self._config.turns)

    def validation(self, card: ModelCard, batch_size: int) -> ClassValidation | None:
        """Return what looks at the held-out pictures; None where there are none."""
        if not self._pool.validation:
            return None
        return ClassValidation(self._pool.validation, card, self.classes, batch_size)

    def fill(self) -> bool:
        """Complete the transfer set, and the manifest with it."""
        filled = self.transfer.fill(self._context)
        if filled and self._context.fabric.is_global_zero:
            manifest = Manifest.load(self._context.folder)
            seen = manifest.stages["pretraining"].model_copy(
                update={"synthetic": digests(self.transfer.synthetic)}
            )
            stages = {**manifest.stages, "pretraining": seen}
            manifest.model_copy(update={"stages": stages}).save(self._context.folder)
        return filled

    def write_manifest(self, names: Sequence[str]) -> None:
        """Say which pictures each of these stages sees, unless a run that is resumed has said so."""
        labelled, real = digests(self._pool.labelled), digests(self.transfer.real)
        seen = {
            "teacher": Seen(labelled=labelled),
            "diffusion": Seen(unlabelled=real),
            "pretraining": Seen(unlabelled=real),
            "finetuning": Seen(labelled=labelled),
        }
        folder = self._context.folder
        if self._context.fabric.is_global_zero and not (folder / MANIFEST).exists():
            stages = {name: seen[name] for name in names}
            Manifest(stages=stages, validation=digests(self._pool.validation)).save(folder)

    def described(self) -> tuple[str, ...]:
        """Name each data set, its cases and its licence."""
        licences = {
            Path(name).name: str(about(Path(name)).get("licence", "")) for name in self._context.spec.data
        }
        counted: dict[str, list[int]] = {}
        used = self._pool.unlabelled if self._config.pretraining != "none" else ()
        for place, scenes in enumerate((self._pool.labelled, used)):
            for set_, _ in {(scene.picture.set, scene.picture.case) for scene in scenes}:
                counted.setdefault(set_, [0, 0])[place] += 1
        return tuple(
            f"{name} ({labelled} labelled and {unlabelled} unlabelled cases). "
            f"{licences.get(name) or 'Licence not stated.'}"
            for name, (labelled, unlabelled) in sorted(counted.items())
        )


def _fitted(scene: Scene, fit: str) -> Scene:
    """Return a scene as the teacher's frame has it, so that teacher and student see the same cells."""
    return replace(scene, picture=stretched(scene.picture)) if fit == "stretch" else scene


def _named(context: Context) -> str:
    """Return what the data sets say that their masks show."""
    said = (str(about(Path(name)).get("target", "")) for name in context.spec.data)
    return next(filter(None, said), "object")


def _some(scenes: Sequence[Scene], count: int, seed: int) -> list[Scene]:
    """Draw `count` scenes, in their order; those of a smaller count are among those of a larger one."""
    order = np.random.default_rng((seed, 12)).permutation(len(scenes))[:count]
    return [scenes[index] for index in sorted(order)]
