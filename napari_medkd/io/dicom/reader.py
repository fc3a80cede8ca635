"""A DICOM file or folder as a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.errors import UnreadableFile
from napari_medkd.io.dicom.dataset import open_dataset, quiet, refuse_other_kinds, require_image
from napari_medkd.io.dicom.pixels import load
from napari_medkd.io.dicom.seg_writer import write
from napari_medkd.io.dicom.series import choose_series
from napari_medkd.io.dicom.slices import HEADER, Slice, slices_of
from napari_medkd.io.dicom.sniff import SUFFIXES
from napari_medkd.io.dicom.stack import arrange
from napari_medkd.io.dicom.tiles import assemble, is_tiled
from napari_medkd.io.dicom.window import window_of
from napari_medkd.io.file_format import Format, register, stem_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class _Loaded(NamedTuple):
    """Values with their place; `middle` is the slice whose window is taken for all."""

    data: NDArray[Any]
    geometry: Geometry
    middle: Slice
    slices: tuple[Slice, ...]
    notes: tuple[str, ...]


def read(path: Path, *, frame: int | None, series: str | None) -> Volume:
    """Read a file alone, or the largest (or the named) series of a folder."""
    with quiet():
        if path.is_dir():
            chosen, notes = choose_series(path, series)
            return _build(path, chosen.slices, frame, notes)
        if series is not None:
            raise UnreadableFile(
                f'"{path.name}" is a single file, so series {series} cannot be chosen from it.',
                "Open its folder.",
            )
        dataset = open_dataset(path, pixels=False)
        refuse_other_kinds(dataset, path.name)
        if not (dataset.get("Rows") and dataset.get("Columns")):
            require_image(dataset, path.name)
        return _build(path, slices_of(dataset, path), frame, ())


def read_files(paths: Sequence[Path]) -> Volume:
    """Read the files of one series that lie in one direction, as `series.group` sorts them."""
    with quiet():
        slices = [found for path in paths for found in slices_of(open_dataset(path, pixels=False), path)]
        return _build(paths[0].parent, slices, None, ())


def _build(path: Path, slices: list[Slice], frame: int | None, notes: tuple[str, ...]) -> Volume:
    header = open_dataset(slices[0].path, pixels=False)
    if is_tiled(header) and slices[0].path == slices[-1].path:
        stack = _slide(slices, header, path.name)
    else:
        stack = _grid(slices, path.name, frame)
        header = open_dataset(stack.middle.path, pixels=False)
    modality = str(header.get("Modality", "") or "").upper()
    return Volume(
        stack.data,
        stack.geometry,
        modality,
        window_of(header, stack.middle.index, stack.data, modality),
        stem_of(path),
        source=path,
        header={HEADER: stack.slices},
        notes=(*notes, *stack.notes),
    )


def _grid(slices: list[Slice], name: str, frame: int | None) -> _Loaded:
    stack = arrange(slices, name, frame)
    data, notes = load(stack.slices)
    middle = stack.slices[len(stack.slices) // 2]
    return _Loaded(data, stack.geometry, middle, stack.slices, (*stack.notes, *notes))


def _slide(slices: list[Slice], header: Any, name: str) -> _Loaded:
    data, notes = load(slices)
    whole, more = assemble(data, header, name)
    spacing = (1.0, *(slices[0].spacing or (1.0, 1.0)))
    return _Loaded(whole, Geometry.image(whole.shape[:3], spacing), slices[0], tuple(slices), (*notes, *more))


DICOM = register(Format("DICOM", SUFFIXES[:1], read, write, keeps_names=True))
register(Format("DICOM", SUFFIXES[1:], read))
