"""Where runs are: a folder each, under one home unless the user chose another place."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from napari_medkd import settings
from napari_medkd.errors import StorageError, UnknownName
from napari_medkd.runs import spec


def home() -> Path:
    """Return the folder of the runs for which no other was chosen."""
    return settings.home() / "runs"


def new_folder(recipe: str, parent: Path | None = None) -> Path:
    """Make a new, empty folder for a run in `parent` (the home of runs), named after recipe and time."""
    stem = f"{recipe}-{datetime.now():%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        folder = (parent or home()) / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise StorageError(
                f"{folder} could not be made: {error.strerror or error}.",
                "Choose another folder with --out, or set MEDKD_HOME to a place that can be written.",
            ) from error
        return folder
    raise StorageError(f"There are too many runs named {stem}.", "Wait a second and try again.")


def list_runs(parent: Path | None = None) -> list[Path]:
    """Return the folders of the runs in `parent` (the home of runs), the newest first."""
    found = list((parent or home()).glob(f"*/{spec.FILE}"))
    found.sort(key=lambda path: (path.stat().st_mtime, path), reverse=True)
    return [path.parent for path in found]


def find(name: str) -> Path:
    """Return the folder of a run by its id or its path; an unknown name lists the known ones."""
    for folder in (home() / name, Path(name)):
        if (folder / spec.FILE).is_file():
            return folder.resolve()
    known = ", ".join(folder.name for folder in list_runs()[:10]) or "none yet"
    raise UnknownName(f"There is no run {name!r}.", f"Known: {known}; the folder of a run is taken as well.")
