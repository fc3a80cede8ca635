"""NIfTI-1 and NIfTI-2, by nibabel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import guess_window
from napari_medkd.io.axes import NO_ORIENTATION, reverse_axes
from napari_medkd.io.file_format import About, Format, register, stem_of
from napari_medkd.io.frames import choose_frame, unravel
from napari_medkd.io.memory import check_size
from napari_medkd.io.modality import guess_modality
from napari_medkd.io.values import eight_bit_colour, plain, rescaled

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
_SCANNER, _ALIGNED = 1, 2  # sform and qform codes of the standard


def read(path: Path, *, frame: int | None, series: str | None) -> Volume:
    """Read one volume; of more dimensions than three, the chosen frame."""
    import nibabel
    from nibabel.imageglobals import LoggingOutputSuppressor

    with LoggingOutputSuppressor():
        image = nibabel.load(path)
        header = image.header
        shape = (*image.shape, 1, 1, 1)[: max(3, len(image.shape))]
        check_size(path.name, shape[:3], header.get_data_dtype().itemsize)
        raw, notes = _frame(image, path.name, shape, frame)
    if raw.dtype.fields:
        raw = eight_bit_colour(np.stack([raw[channel] for channel in ("R", "G", "B")], axis=-1))
        data = np.ascontiguousarray(raw.transpose(2, 1, 0, 3))
    else:
        proxy = image.dataobj  # the header itself forgets slope and intercept on loading
        data, more = plain(rescaled(raw, proxy.slope, proxy.inter).T)
        notes = (*notes, *more)
    affine, from_file, said = _affine(image)
    modality = "RGB" if data.ndim == 4 else guess_modality(data)
    return Volume(
        data,
        Geometry(data.shape[:3], affine, from_file),
        modality,
        guess_window(data, modality),
        stem_of(path),
        source=path,
        header={"nifti": header.copy()},
        notes=(*notes, *said),
    )


def write(path: Path, labels: NDArray[np.integer], like: Volume, about: About) -> None:
    """Write a mask; of a NIfTI image it keeps the header, so that its place is the same bit by bit."""
    import nibabel

    data = labels.T
    original = like.header.get("nifti")
    if original is None:
        image = nibabel.Nifti1Image(data, None)
        _place(image, like.geometry)
    else:
        kind = nibabel.Nifti2Image if original.sizeof_hdr == 540 else nibabel.Nifti1Image
        header = kind.header_class.from_header(original, check=False)
        for field in ("scl_slope", "scl_inter", "cal_min", "cal_max", "intent_code"):
            header[field] = 0
        image = kind(data, None, header)
    image.set_data_dtype(labels.dtype)
    nibabel.save(image, path)


def _frame(
    image: Any, name: str, shape: tuple[int, ...], frame: int | None
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read the unscaled (x, y, z) values of one frame only."""
    number, notes = choose_frame(name, int(np.prod(shape[3:])), frame)
    proxy = image.dataobj
    if len(image.shape) <= 3:
        raw = np.asarray(proxy.get_unscaled())
    else:
        raw = np.asarray(_unscaled(proxy)[(..., *unravel(number, shape[3:]))])
    return raw.reshape(shape[:3]), notes


def _unscaled(proxy: Any) -> Any:
    """Return a proxy of the same bytes that slices without scaling."""
    from nibabel.arrayproxy import ArrayProxy

    return ArrayProxy(proxy.file_like, (proxy.shape, proxy.dtype, proxy.offset, 1.0, 0.0))


def _affine(image: Any) -> tuple[NDArray[np.float64], bool, tuple[str, ...]]:
    """Return the affine (z, y, x) → RAS mm, whether the file gave it, and what to say about it."""
    header = image.header
    units = header.get_xyzt_units()[0] if hasattr(header, "get_xyzt_units") else "mm"
    scale = np.diag([*[_MILLIMETRES.get(units, 1.0)] * 3, 1.0])
    for form in ("get_sform", "get_qform"):
        affine = getattr(header, form)(coded=True)[0] if hasattr(header, form) else None
        if affine is not None and _usable(affine):
            return reverse_axes(scale @ affine), True, ()
    base = header.get_base_affine()
    if not _usable(base):
        base = np.diag([-1.0, 1.0, 1.0, 1.0])
    return reverse_axes(scale @ base), False, (NO_ORIENTATION,)


def _usable(affine: NDArray[Any]) -> bool:
    return bool(np.isfinite(affine).all()) and abs(float(np.linalg.det(affine[:3, :3]))) > 1e-9


def _place(image: Any, geometry: Geometry) -> None:
    """Give a new image the position of `geometry`; a sheared grid fits the sform only."""
    affine = reverse_axes(geometry.affine)
    code = _SCANNER if geometry.from_file else _ALIGNED
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    orthogonal = bool(np.allclose(columns.T @ columns, np.eye(3), atol=1e-4))
    image.set_sform(affine, code)
    image.set_qform(affine, code if orthogonal else 0, strip_shears=True)
    image.header.set_xyzt_units("mm")


NIFTI = register(Format("NIfTI", (".nii", ".nii.gz"), read, write))
