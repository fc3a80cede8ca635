"""COCO: ``images/`` and one JSON file of annotations, one an object."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.corrections.exchange import rle
from napari_medkd.corrections.exchange.folders import (
    OURS,
    case_and_part,
    new_folder,
    note,
    read_json,
    write_json,
    write_png,
)
from napari_medkd.corrections.exchange.sample import Annotated, ImportOptions, Sample
from napari_medkd.errors import GeometryMismatch, UnreadableFile
from napari_medkd.io import read_volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_medkd.core.volume import Volume
    from napari_medkd.corrections.planes import AnnotatedPlane

_FILE = "annotations/instances.json"
_PLACES = (".", "annotations")
_HEAD = 4096  # bytes looked at to tell an annotation file from other JSON
_SLICE = Plane(0, 0)


def fits(folder: Path) -> bool:
    """Tell whether there is a file of annotations."""
    return _annotation_file(folder) is not None


def read(folder: Path, options: ImportOptions) -> Iterator[Sample]:
    """Yield the images that have an annotation; those of crowds are left out."""
    path = _annotation_file(folder)
    if path is None:
        raise UnreadableFile(f"{folder.name} has no file of COCO annotations.", f"Expected {_FILE}.")
    content = read_json(path)
    try:
        names = {int(one["id"]): str(one["name"]) for one in content.get("categories", ())}
        of_image: dict[Any, list[Any]] = {}
        for annotation in content["annotations"]:
            if not annotation.get("iscrowd"):
                of_image.setdefault(annotation["image_id"], []).append(annotation)
        found = [(str(one["file_name"]), of_image.get(one["id"], [])) for one in content["images"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFile(f"{path.name} is no file of COCO annotations.", "Check the file.") from error
    for file_name, theirs in found:
        if theirs:
            name = file_name.rpartition("/")[2].rpartition(".")[0]
            load = partial(_load, _image(folder, file_name), theirs, names, options)
            yield Sample(name, load, *case_and_part(content, name))


def write(folder: Path, planes: Iterable[AnnotatedPlane], values: Mapping[str, int]) -> int:
    """Write every object as an annotation; masks as run lengths, which lose nothing."""
    new_folder(folder)
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    ours: dict[str, dict[str, str]] = {"cases": {}, "parts": {}}
    for number, plane in enumerate(planes, start=1):
        name = f"{plane.name}.png"
        write_png(folder / "images" / name, plane.image)
        height, width = plane.image.shape[:2]
        images.append({"id": number, "file_name": name, "height": height, "width": width})
        for record, mask in zip(plane.records, plane.masks, strict=True):
            one = _annotation(mask) | {"id": len(objects) + 1, "image_id": number}
            objects.append(one | {"category_id": values[record.label]})
        note(plane, ours)
    categories = [{"id": value, "name": label} for label, value in values.items()]
    content = {"images": images, "annotations": objects, "categories": categories, OURS: ours}
    write_json(folder / _FILE, content)
    return len(images)


def _annotation(mask: Any) -> dict[str, Any]:
    rows, columns = np.nonzero(mask)
    box = [0, 0, 0, 0]
    if rows.size:
        top, left = int(rows.min()), int(columns.min())
        box = [left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1]
    return {"segmentation": rle.encode(mask), "area": int(rows.size), "bbox": box, "iscrowd": 0}


def _load(
    image: Path, theirs: list[Any], names: Mapping[int, str], options: ImportOptions
) -> tuple[Volume, list[Annotated]]:
    volume = read_volume(image)
    if volume.shape[0] != 1:
        raise GeometryMismatch("An image of a COCO folder has several slices.", "Expected pictures.")
    found = []
    for annotation in theirs:
        mask = rle.decode(annotation.get("segmentation"), _SLICE.shape(volume.shape))
        if mask.sum() >= options.smallest:
            found.append(Annotated(_SLICE, names.get(annotation.get("category_id"), options.label), mask))
    return volume, found


def _annotation_file(folder: Path) -> Path | None:
    for place in _PLACES:
        for path in sorted((folder / place).glob("*.json")):
            if path.name != "dataset.json" and _looks_right(path):
                return path
    return None


def _looks_right(path: Path) -> bool:
    """Tell from a file's keys whether it holds annotations; large files are not read for that."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        size = path.stat().st_size
    except OSError:
        return False
    if b'"images"' in head or b'"annotations"' in head or b'"categories"' in head:
        return True
    return size <= _HEAD and b'"annotations"' in head


def _image(folder: Path, file_name: str) -> Path:
    """Return where an image is: beside the annotations, or in a folder of images."""
    for place in (folder / "images", folder):
        if (place / file_name).is_file():
            return place / file_name
    name = file_name.rpartition("/")[2]
    return next(iter(sorted(folder.rglob(name))), folder / file_name)
