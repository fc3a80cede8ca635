"""The formats that a batch writes masks in; a new one is one registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from napari_medkd.core.registry import Registry
from napari_medkd.io import formats, write_labels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume

AUTO = "auto"


class Write(Protocol):
    """Writes a mask whole or not at all."""

    def __call__(self, path: Path, labels: NDArray[Any], like: Volume, names: Mapping[int, str]) -> Path:
        """Write (z, y, x) `labels` with the geometry of `like` to `path`, and return it."""
        ...


def write_plain(path: Path, labels: NDArray[Any], like: Volume, names: Mapping[int, str]) -> Path:
    """Write a mask as `io` does; a single class needs no list of classes beside the mask."""
    return write_labels(path, labels, like, names if len(names) > 1 else None)


@dataclass(frozen=True, slots=True)
class Output:
    """One format of masks.

    Parameters
    ----------
    suffix : str
        Ending of its files.
    write : Write
        What writes one.
    """

    suffix: str
    write: Write = write_plain


outputs: Registry[Output] = Registry("mask format")
outputs.register("nifti")(Output(".nii.gz"))
outputs.register("nrrd")(Output(".nrrd"))
outputs.register("mha")(Output(".mha"))
outputs.register("png")(Output(".png"))
outputs.register("tiff")(Output(".tif"))

# What keeps the geometry of an image best, by the name of its own format; pictures have none to keep.
_LIKE = {
    "NIfTI": "nifti",
    "DICOM": "nifti",
    "NRRD": "nrrd",
    "NRRD or MetaImage with a separate header": "nrrd",
    "MetaImage": "mha",
    "TIFF": "tiff",
}
_MANY_IMAGES = (".gif",)


def choose(name: str, image_suffix: str) -> Output:
    """Return the format `name`, or for ``auto`` the one for images ending in `image_suffix`."""
    if name != AUTO:
        return outputs[name]
    if image_suffix in _MANY_IMAGES:
        return outputs["tiff"]
    kind = formats[image_suffix].name if image_suffix in formats else ""
    return outputs[_LIKE.get(kind, "png")]
