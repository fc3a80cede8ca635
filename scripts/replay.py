"""Choose the images that ship so that a model that learns from corrections can rehearse what it knew.

``python scripts/replay.py DATA`` takes them from the training and validation splits of openly licensed data
sets, and writes ``napari_medkd/samples/replay``: of each set some to rehearse on, some to choose by, and some
that are only measured on. The shipped models have learnt from the same splits, so that the last show what is
forgotten, and not how good a model is.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_medkd.core.geometry import Plane
from napari_medkd.core.objects import objects
from napari_medkd.io import read_labels, read_volume
from src_training.data import ImageMaskFolder
from src_training.objects import slice_axis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

REPLAY = Path(__file__).resolve().parent.parent / "napari_medkd" / "samples" / "replay"
LONGEST = 400  # pixels of a side
# Folder → its key here, what one object is, licence, whom to name, and how many to rehearse on, to choose by
# and to measure on.
SETS: dict[str, tuple[str, str, str, str, tuple[int, int, int]]] = {
    "dsb2018": (
        "nuclei",
        "instances",
        "CC0-1.0",
        "BBBC038v1, Broad Bioimage Benchmark Collection; Caicedo et al., Nature Methods 16, 2019",
        (10, 3, 6),
    ),
    "ccaus_sample": (
        "carotid",
        "components",
        "CC-BY-4.0",
        "A. Momot, Common Carotid Artery Ultrasound Images, Mendeley Data, 2022; resized",
        (6, 2, 4),
    ),
    "fives_sample": (
        "fundus",
        "whole",
        "CC-BY-4.0",
        "FIVES; Jin et al., Scientific Data 9:475, 2022; resized",
        (5, 2, 4),
    ),
}
Pair = tuple["NDArray[np.uint8]", "NDArray[np.uint16]"]


def main() -> int:
    """Write the images; says how large they are together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that holds the data sets")
    chosen = parser.parse_args()
    shutil.rmtree(REPLAY, ignore_errors=True)
    for name, (key, kind, licence, attribution, counts) in SETS.items():
        found = list(_spread(list(_pairs(chosen.data / name, kind)), sum(counts)))
        about = json.loads((chosen.data / name / "dataset.json").read_text(encoding="utf-8"))
        _write(REPLAY / key, found, counts, kind, licence, attribution, about)
    size = sum(path.stat().st_size for path in REPLAY.rglob("*") if path.is_file())
    sys.stdout.write(f"{size / 1e6:.2f} MB\n")
    return 0


def _pairs(folder: Path, kind: str) -> Iterator[Pair]:
    """Yield images with their objects, of the splits that nobody measures on; of volumes, slices."""
    splits = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["splits"]
    names = [name for split in ("train", "val") for name in splits[split]]
    cases = {case.name: case for case in ImageMaskFolder(folder)}
    for name in names:
        case = cases[name]
        volume = read_volume(case.image)
        mask = case.instances if kind == "instances" and case.instances else case.mask
        labels = read_labels(mask, like=volume)
        axis = slice_axis(volume.geometry)
        for index in range(labels.shape[axis]):
            shown = np.take(labels, index, axis)
            if (shown > 0).sum() < 30:
                continue
            yield volume.slice_seen(Plane(axis, index)), _numbered(shown, kind)


def _numbered(labels: NDArray[Any], kind: Any) -> NDArray[np.uint16]:
    numbers = np.zeros(labels.shape, np.uint16)
    for number, (_, mask) in enumerate(objects(labels, kind, None, 20), start=1):
        numbers[mask] = number
    return numbers


def _spread(found: list[Pair], count: int) -> Iterator[Pair]:
    """Yield `count` of them, evenly."""
    for index in np.linspace(0, len(found) - 1, count).round().astype(int):
        yield found[index]


def _write(
    place: Path,
    found: list[Pair],
    counts: tuple[int, int, int],
    kind: str,
    licence: str,
    attribution: str,
    about: dict[str, Any],
) -> None:
    order = np.random.default_rng(0).permutation(len(found))
    ends = np.cumsum(counts)
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number, index in enumerate(order):
        name = f"{place.name}-{number + 1:02d}"
        part = ("train", "val", "test")[int(np.searchsorted(ends, number, side="right"))]
        splits[part].append(name)
        image, numbers = found[index]
        image, numbers = _smaller(image, numbers)
        for folder in ("images", "instances"):
            (place / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / "images" / f"{name}.jpg", optimize=True, quality=88)
        narrow = numbers.astype(np.uint8 if numbers.max() < 256 else np.uint16)
        Image.fromarray(narrow).save(place / "instances" / f"{name}.png", optimize=True)
    said = {
        "name": place.name,
        "modality": about["modality"],
        "target": about["target"],
        "objects": "instances",
        "licence": licence,
        "attribution": attribution,
        "splits": splits,
    }
    (place / "dataset.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _smaller(image: NDArray[np.uint8], numbers: NDArray[np.uint16]) -> Pair:
    image = image[..., 0] if image.shape[-1] == 1 or (image == image[..., :1]).all() else image
    scale = LONGEST / max(numbers.shape)
    if scale >= 1:
        return image, numbers
    size = tuple(max(1, round(side * scale)) for side in reversed(numbers.shape))
    small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    labels = Image.fromarray(numbers.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    return np.asarray(small), np.asarray(labels).astype(np.uint16)


if __name__ == "__main__":
    sys.exit(main())
