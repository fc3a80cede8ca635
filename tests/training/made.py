"""A data set made for tests: bright discs and squares on noise, in the layout of a real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from skimage.io import imsave

if TYPE_CHECKING:
    from pathlib import Path


def make_set(folder: Path, count: int = 6, side: int = 80) -> Path:
    """Write `count` pictures with their masks; the last two are for validation."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    y, x = np.mgrid[:side, :side]
    for number in range(count):
        centre = rng.uniform(0.35, 0.65, 2) * side
        mask = np.hypot(y - centre[0], x - centre[1]) < side * rng.uniform(0.12, 0.25)
        image = rng.integers(30, 80, (side, side, 3)) + 130 * mask[..., None]
        imsave(folder / "images" / f"{number:02d}.png", image.astype(np.uint8), check_contrast=False)
        imsave(folder / "masks" / f"{number:02d}.png", (255 * mask).astype(np.uint8), check_contrast=False)
    names = [f"{number:02d}" for number in range(count)]
    about = {
        "name": folder.name,
        "licence": "CC0.",
        "splits": {"train": names[:-2], "val": names[-2:], "test": names[-2:]},
    }
    (folder / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    return folder
