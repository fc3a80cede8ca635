"""Write the slices of labelled volumes as pictures of their own, so that a training run draws more of them.

``python scripts/slices.py IMAGE LABELS ... --out FOLDER`` takes pairs of a volume and its labels. A set is
drawn by the root of its cases, and a volume is one case: three volumes hardly count beside hundreds of
pictures. The slices are seen through the volume's own window, along its axis of acquisition, and along the
other two where the voxels are cubes. Every slice is for training; keep the volumes themselves out of
validation and test.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_medkd.core.geometry import Plane
from napari_medkd.io import read_labels, read_volume
from src_training.objects import slice_axis

if TYPE_CHECKING:
    from napari_medkd.core.volume import Volume

_CUBE = 1.05  # longest edge of a voxel by its shortest, up to which other directions are worth a look
_SMALLEST = 20  # labelled pixels of a slice


def main(arguments: list[str] | None = None) -> int:
    """Write the slices and say how many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="IMAGE LABELS, again and again")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take one slice in so many")
    parser.add_argument("--modality", default="ct")
    options = parser.parse_args(arguments)
    if len(options.paths) % 2:
        parser.error("every volume needs its labels beside it")
    for folder in ("images", "instances"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    pairs = zip(options.paths[::2], options.paths[1::2], strict=True)
    names = [name for image, labels in pairs for name in _write(image, labels, options.out, options.every)]
    about = {"name": options.out.name, "modality": options.modality, "splits": {"train": names}}
    (options.out / "dataset.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    print(f"{len(names)} slices in {options.out}")
    return 0


def _write(image: Path, labels: Path, out: Path, every: int) -> list[str]:
    volume = read_volume(image)
    numbers = read_labels(labels, like=volume)
    stem = image.name.split(".")[0]
    names = []
    for axis in _axes(volume):
        for index in range(0, volume.shape[axis], every):
            plane = Plane(axis, index)
            mask = np.take(numbers, index, axis)
            if np.count_nonzero(mask) < _SMALLEST:
                continue
            names.append(f"{stem}_{axis}_{index:03d}")
            Image.fromarray(np.ascontiguousarray(volume.slice_uint8(plane))).save(
                out / "images" / f"{names[-1]}.png"
            )
            Image.fromarray(mask.astype(np.uint16)).save(out / "instances" / f"{names[-1]}.png")
    return names


def _axes(volume: Volume) -> tuple[int, ...]:
    spacing = volume.geometry.spacing
    if max(spacing) <= _CUBE * min(spacing):
        return (0, 1, 2)
    return (slice_axis(volume.geometry),)


if __name__ == "__main__":
    sys.exit(main())
