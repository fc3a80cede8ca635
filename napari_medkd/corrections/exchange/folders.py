"""What the forms of folder share: files by name, PNG files, what our own exports say about themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.corrections.split import PARTS, Part
from napari_medkd.errors import StorageError, UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.corrections.planes import AnnotatedPlane

OURS = "medkd"  # the key under which our exports say which case a file is of and what the case is for


def new_folder(folder: Path) -> None:
    """Make a folder for an export; one that holds something is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise StorageError(
            f'The folder "{folder}" could not be made: {error.strerror or error}.', "Choose another one."
        ) from error
    if not is_empty:
        raise StorageError(f'The folder "{folder}" is not empty.', "Choose another one.")


def write_png(path: Path, pixels: NDArray[Any]) -> None:
    """Write (rows, columns[, 1 or 3]) pixels; a mask in 8 bits where they are enough."""
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype == np.uint16 and pixels.max(initial=0) <= np.iinfo(np.uint8).max:
        pixels = pixels.astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG")


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON; what is none is an `UnreadableFile`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path.name} cannot be read as JSON.", "Check the file.") from error


def note(plane: AnnotatedPlane, ours: dict[str, dict[str, str]]) -> None:
    """Note which case a file is of and what the case is for, as our own imports look for it."""
    ours["cases"][plane.name] = plane.case
    ours["parts"][plane.case] = plane.part


def case_and_part(about: Any, name: str) -> tuple[str, Part | None]:
    """Return what an export of ours says of a file; nothing of anybody else's."""
    said = about.get(OURS) if isinstance(about, dict) else None
    if not isinstance(said, dict):
        return "", None
    case = str(said.get("cases", {}).get(name, ""))
    found = said.get("parts", {}).get(case)
    return case, next((part for part in PARTS if part == found), None)


def by_name(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by name without ending; ``.nii.gz`` is one ending."""
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    kept = [path for path in files if path.suffix not in (".json", ".txt", ".csv", ".md")]
    return {path.name.removesuffix(".gz").rpartition(".")[0] or path.name: path for path in kept}
