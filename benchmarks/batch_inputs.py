"""What the benchmarks of a batch work on: copies of real images, boxes for models that need them, options."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medkd import batch
from napari_medkd.batch.scan import scan
from napari_medkd.errors import MedkdError
from napari_medkd.io import read_series, read_volume
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_medkd.batch.config import BatchConfig
    from napari_medkd.core.volume import Volume

_PICTURES = (".png", ".jpg")


def copies(source: Path, folder: Path, count: int) -> Path:
    """Put `count` pictures of a folder into another, again and again the same ones where it has fewer."""
    files = [path for path in sorted(source.rglob("*")) if path.suffix in _PICTURES]
    folder.mkdir(parents=True)
    for number in range(count):
        path = files[number % len(files)]
        shutil.copy(path, folder / f"{number:06}{path.suffix}")
    return folder


def config_for(model: str, images: Path, folder: Path, **more: Any) -> BatchConfig:
    """Return the options of a batch of `images` into `folder`; a model that needs boxes gets one an image."""
    folder.mkdir(parents=True, exist_ok=True)
    prompts = ""
    if "auto" not in ModelStore().get(model).capabilities:
        prompts = str((folder / "boxes.csv").absolute())
        Path(prompts).write_text("\n".join(_boxes(images)) + "\n", encoding="utf-8")
    return batch.BatchConfig(
        source=str(images.absolute()),
        target=str(folder.absolute() / "masks"),
        model=model,
        prompts=prompts,
        **more,
    )


def read(files: Sequence[Path | str]) -> Volume:
    """Read an image of one file, or a series of several."""
    paths = [Path(file) for file in files]
    return read_volume(paths[0]) if len(paths) == 1 else read_series(paths)


def _boxes(images: Path) -> Iterator[str]:
    """Yield a table with a box in the middle of each image; of one that cannot be read, some box."""
    yield "image,x0,y0,x1,y1,slice"
    for source in scan(images).sources:
        try:
            depth, rows, columns = read(source.files).shape
        except MedkdError:
            depth, rows, columns = 1, 64, 64
        box = f"{columns * 0.25},{rows * 0.25},{columns * 0.75 + 2},{rows * 0.75 + 2}"
        yield f'"{source.name}",{box},{depth // 2 if depth > 1 else ""}'
