"""What a run has at hand: its orders, its folder, its data and the hardware."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_medkd import settings
from napari_medkd.runs import Warning as WarningEvent
from src_training.draws import Draws
from src_training.pictures import has_splits, load_pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lightning_fabric import Fabric

    from napari_medkd.runs import Event, RunSpec
    from src_training.pictures import Picture

_VALIDATION = "val"


@dataclass(frozen=True, eq=False)
class Context:
    """What every recipe is handed.

    Parameters
    ----------
    spec : RunSpec
        The orders.
    folder : Path
        The run's folder.
    fabric : Fabric
        Devices, precision and the other processes.
    write : callable
        Takes an event; only the first process writes.
    """

    spec: RunSpec
    folder: Path
    fabric: Fabric
    write: Callable[[Event], None]

    def warn(self, message: str, hint: str = "") -> None:
        """Tell the user something that stops nothing."""
        self.write(WarningEvent(message=message, hint=hint))

    def draws(self, size: int, seed: int | None = None) -> Draws:
        """Return how this process draws batches of `size`, by the run's seed or another one."""
        seed = self.spec.seed if seed is None else seed
        return Draws(size, seed, self.fabric.global_rank, self.fabric.world_size)

    @property
    def cache(self) -> Path:
        """Where what a teacher said is kept for all runs."""
        return settings.home() / "teacher-cache"

    @cached_property
    def pictures(self) -> list[Picture]:
        """The training cases."""
        return load_pictures(self._folders(self.spec.data), tell=self.warn)

    @cached_property
    def validation(self) -> list[Picture]:
        """The validation cases: of the folders that were named, else the validation splits of the data."""
        folders = self._folders(self.spec.validation)
        if folders:
            return load_pictures(folders, _VALIDATION, tell=self.warn)
        folders = [folder for folder in self._folders(self.spec.data) if has_splits(folder, _VALIDATION)]
        return load_pictures(folders, _VALIDATION, tell=self.warn) if folders else []

    def _folders(self, names: Iterable[str]) -> list[Path]:
        """Return folders of data; what is not an absolute path lies in the run's own folder."""
        return [self.folder / name for name in names]
