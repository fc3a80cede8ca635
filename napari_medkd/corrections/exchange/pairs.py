"""Image and mask folders: ``images/`` beside ``masks/``, ``labels/`` or ``instances/``, by the same names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from napari_medkd.core.objects import Kind, is_net
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
from napari_medkd.io import read_label_names, read_labels, read_volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_medkd.core.volume import Volume
    from napari_medkd.corrections.planes import AnnotatedPlane
    from napari_medkd.corrections.split import Part

_ABOUT, _IMAGES, _INSTANCES = "dataset.json", "images", "instances"
_MASKS = ("masks", "labels", _INSTANCES)
_SPLITS: dict[str, Part] = {"train": "training", "val": "validation", "test": "held-out"}


def fits(folder: Path) -> bool:
    """Tell whether there are images beside masks."""
    return (folder / _IMAGES).is_dir() and any((folder / name).is_dir() for name in _MASKS)


def read(folder: Path, options: ImportOptions) -> Iterator[Sample]:
    """Yield the images that have a mask; ``splits`` of ``dataset.json`` say what their cases are for."""
    about = read_json(folder / _ABOUT) if (folder / _ABOUT).exists() else {}
    masks = next(by_name(folder / name) for name in _MASKS if (folder / name).is_dir())
    numbered = by_name(folder / _INSTANCES)
    split = _split(about)
    for name, image in by_name(folder / _IMAGES).items():
        if name not in masks:
            continue
        case, part = case_and_part(about, name)
        load = partial(_load, image, masks[name], numbered.get(name), about, options)
        yield Sample(name, load, case, part or split.get(name))


def write(folder: Path, planes: Iterable[AnnotatedPlane], values: Mapping[str, int]) -> int:
    """Write classes as ``masks/`` and objects as ``instances/``: training takes the folder as it is."""
    new_folder(folder)
    splits: dict[str, list[str]] = {key: [] for key in _SPLITS}
    ours: dict[str, dict[str, str]] = {"cases": {}, "parts": {}}
    for plane in planes:
        write_png(folder / _IMAGES / f"{plane.name}.png", plane.image)
        write_png(folder / "masks" / f"{plane.name}.png", plane.classes(values))
        write_png(folder / _INSTANCES / f"{plane.name}.png", plane.objects())
        for key, part in _SPLITS.items():
            splits[key] += [plane.name] if part == plane.part else []
        note(plane, ours)
    about = {"name": folder.name, "objects": "instances", "classes": dict(values)}
    write_json(folder / _ABOUT, about | {"splits": splits, OURS: ours})
    return len(ours["cases"])


def _load(
    image: Path, mask: Path, numbered: Path | None, about: Any, options: ImportOptions
) -> tuple[Volume, list[Annotated]]:
    volume = read_volume(image)
    labels = read_labels(mask, like=volume)
    parts = read_labels(numbered, like=volume) if numbered is not None else None
    names = {int(value): str(name) for name, value in _classes(about).items()} | read_label_names(mask)
    kind = options.objects or _kind(about)
    if kind is None and parts is None and volume.shape[0] == 1 and not _classes(about):
        kind = "components"
    if kind not in (None, "instances"):
        parts = None
    options = options.model_copy(update={"objects": kind})
    return volume, annotated(labels, volume.geometry, names, options, parts)


def _kind(about: Any) -> Kind | None:
    """Return what one object is, where the folder says it or what its target is tells it."""
    if not isinstance(about, dict):
        return None
    said = next((kind for kind in get_args(Kind) if kind == about.get("objects")), None)
    return said or ("whole" if is_net(str(about.get("target", ""))) else None)


def _classes(about: Any) -> dict[str, Any]:
    classes = about.get("classes") if isinstance(about, dict) else None
    return classes if isinstance(classes, dict) else {}


def _split(about: Any) -> dict[str, Part]:
    """Return file name → part, as ``splits`` of the folder has it."""
    splits = about.get("splits") if isinstance(about, dict) else None
    if not isinstance(splits, dict):
        return {}
    return {str(name): part for key, part in _SPLITS.items() for name in splits.get(key, ())}
