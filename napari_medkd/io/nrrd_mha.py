"""NRRD and MetaImage, by SimpleITK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import guess_window
from napari_medkd.io.axes import NO_ORIENTATION, from_columns, reverse_axes, swap_lps
from napari_medkd.io.file_format import About, Format, register, stem_of
from napari_medkd.io.frames import choose_frame, unravel
from napari_medkd.io.memory import check_size
from napari_medkd.io.modality import guess_modality
from napari_medkd.io.values import eight_bit_colour, plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read(path: Path, *, frame: int | None, series: str | None) -> Volume:
    """Read an image of two to five dimensions; of more than three, the chosen frame."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    size, channels = reader.GetSize(), reader.GetNumberOfComponents()
    check_size(path.name, (*size[:3], channels), 8)
    is_colour = channels in (3, 4) and reader.GetPixelID() == sitk.sitkVectorUInt8
    frames = int(np.prod(size[3:])) * (1 if is_colour else channels)
    number, notes = choose_frame(path.name, frames, frame)
    image = _extract(reader, number // (1 if is_colour else channels))
    data = sitk.GetArrayFromImage(image)
    if channels > 1 and not is_colour:
        data = data[..., number % channels]
    if size[2:] == ():
        data = data[np.newaxis]
    geometry, said = _geometry(image, reader, data.shape[:3])
    data, more = (eight_bit_colour(data), ()) if is_colour else plain(data)
    modality = "RGB" if is_colour else guess_modality(data)
    return Volume(
        data,
        geometry,
        modality,
        guess_window(data, modality),
        stem_of(path),
        source=path,
        notes=(*notes, *more, *said),
    )


def write(path: Path, labels: NDArray[np.integer], like: Volume, about: About) -> None:
    """Write a mask with the image's grid; class names go in as 3D Slicer's segment fields."""
    import SimpleITK as sitk

    affine = swap_lps(reverse_axes(like.geometry.affine))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).reshape(-1).tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    for index, (value, name) in enumerate(sorted(about.names.items())):
        for field, text in (("ID", f"Segment_{value}"), ("Name", name), ("LabelValue", value), ("Layer", 0)):
            image.SetMetaData(f"Segment{index}_{field}", str(text))
    sitk.WriteImage(image, str(path), useCompression=True)


def _extract(reader: Any, number: int) -> Any:
    """Read only frame `number` of an image of more than three dimensions."""
    size = reader.GetSize()
    if len(size) > 3:
        reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
        reader.SetExtractIndex([0, 0, 0, *unravel(number, size[3:])])
    return reader.Execute()


def _geometry(image: Any, reader: Any, shape: tuple[int, int, int]) -> tuple[Geometry, tuple[str, ...]]:
    """Return where the voxels lie; the header of the whole file, since taking a frame may lose directions."""
    dimension = reader.GetDimension()
    spacing = np.array(reader.GetSpacing())
    if dimension < 3:
        return Geometry.image(shape, (1.0, float(spacing[1]), float(spacing[0]))), ()
    directions = np.array(reader.GetDirection()).reshape(dimension, dimension)[:3, :3]
    if abs(float(np.linalg.det(directions))) < 1e-6:
        directions = np.eye(3)
    columns = directions * spacing[:3]
    affine = reverse_axes(swap_lps(from_columns(columns, np.array(reader.GetOrigin())[:3])))
    is_nrrd = reader.GetFileName().lower().endswith((".nrrd", ".nhdr"))
    if is_nrrd and "NRRD_space" not in reader.GetMetaDataKeys():
        return Geometry(shape, affine, from_file=False), (NO_ORIENTATION,)
    return Geometry(shape, affine), ()


NRRD = register(Format("NRRD", (".nrrd",), read, write, keeps_names=True))
META_IMAGE = register(Format("MetaImage", (".mha",), read, write, keeps_names=True))
PAIR = register(Format("NRRD or MetaImage with a separate header", (".nhdr", ".mhd"), read))
