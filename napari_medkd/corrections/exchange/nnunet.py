"""nnU-Net (version 2): ``imagesTr/`` with a channel a file, ``labelsTr/`` and ``dataset.json``."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.corrections.exchange.folders import (
    OURS,
    by_name,
    case_and_part,
    new_folder,
    note,
    read_json,
    write_json,
    write_png,
)
from napari_medkd.corrections.exchange.sample import Annotated, ImportOptions, Sample, annotated
from napari_medkd.io import read_labels, read_volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_medkd.core.volume import Volume
    from napari_medkd.corrections.planes import AnnotatedPlane

_IMAGES, _LABELS, _ABOUT, _SPLITS = "imagesTr", "labelsTr", "dataset.json", "splits_final.json"
_FIRST_CHANNEL = re.compile(r"_0000$")


def fits(folder: Path) -> bool:
    """Tell whether there are training images and labels."""
    return (folder / _IMAGES).is_dir() and (folder / _LABELS).is_dir()


def read(folder: Path, options: ImportOptions) -> Iterator[Sample]:
    """Yield the training images that have labels; of several channels the first is taken."""
    about = read_json(folder / _ABOUT) if (folder / _ABOUT).exists() else {}
    names = _names(about)
    labels = by_name(folder / _LABELS)
    for stem, image in by_name(folder / _IMAGES).items():
        name = _FIRST_CHANNEL.sub("", stem)
        if name in labels:
            load = partial(_load, image, labels[name], names, options)
            yield Sample(name, load, *case_and_part(about, name))


def write(folder: Path, planes: Iterable[AnnotatedPlane], values: Mapping[str, int]) -> int:
    """Write slices as pictures with their classes; nnU-Net takes them as 2-D cases.

    Which object a pixel belongs to is not said there, and of two that overlap the later has the pixel. Cases
    that are held out are not written to ``imagesTr`` but to ``imagesTs`` and ``labelsTs``, so that nothing is
    trained on them; the fold of ``splits_final.json`` keeps every case on one side.
    """
    new_folder(folder)
    written: list[tuple[str, str]] = []
    images: list[tuple[Path, bool]] = []
    ours: dict[str, dict[str, str]] = {"cases": {}, "parts": {}}
    for plane in planes:
        kind = "Ts" if plane.part == "held-out" else "Tr"
        image = folder / f"images{kind}" / f"{plane.name}_0000.png"
        write_png(image, plane.image)
        write_png(folder / f"labels{kind}" / f"{plane.name}.png", plane.classes(values))
        written.append((plane.name, plane.part))
        images.append((image, plane.image.shape[2] == 3))
        note(plane, ours)
    has_colour = any(is_colour for _, is_colour in images)
    for image, is_colour in images:
        if has_colour and not is_colour:  # nnU-Net wants the same channels everywhere
            _make_coloured(image)
    channels = {"0": "R", "1": "G", "2": "B"} if has_colour else {"0": "grey"}
    about = {
        "channel_names": channels,
        "labels": {"background": 0} | dict(values),
        "numTraining": sum(part != "held-out" for _, part in written),
        "file_ending": ".png",
        OURS: ours,
    }
    write_json(folder / _ABOUT, about)
    fold = {
        "train": [name for name, part in written if part == "training"],
        "val": [name for name, part in written if part == "validation"],
    }
    write_json(folder / _SPLITS, [fold])
    return len(written)


def _load(
    image: Path, mask: Path, names: Mapping[int, str], options: ImportOptions
) -> tuple[Volume, list[Annotated]]:
    volume = read_volume(image)
    labels = read_labels(mask, like=volume)
    return volume, annotated(labels, volume.geometry, names, options)


def _names(about: Any) -> dict[int, str]:
    """Return value → class name, from either way of writing it; unions of classes have no value."""
    said = about.get("labels") if isinstance(about, dict) else None
    names: dict[int, str] = {}
    for key, value in said.items() if isinstance(said, dict) else ():
        if isinstance(value, int):
            names[value] = str(key)
        elif isinstance(value, str) and str(key).isdigit():  # version 1
            names[int(key)] = value
    return {value: name for value, name in names.items() if value > 0}


def _make_coloured(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    write_png(path, pixels)
