"""Files of a run that are there whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` write a file beside `path`, then rename it into place.

    Parameters
    ----------
    path : Path
        Where it belongs; its folder is made.
    write : callable
        Takes the path to write to, which has the same ending.
    """
    half = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(half)
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise StorageError(
            f"{path.name} could not be written: {error.strerror or error}.",
            "Free some space, then resume the run.",
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    write_whole(path, lambda half: half.write_text(text, encoding="utf-8"))


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write (rows, columns) or (rows, columns, 3) grey values as PNG."""
    from PIL import Image

    write_whole(path, Image.fromarray(image).save)


def write_weights(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write a state dict as safetensors."""
    from napari_medkd.models.checkpoint import write_state

    write_whole(path, lambda half: write_state(state, half))
