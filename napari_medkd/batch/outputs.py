"""The formats that a batch writes masks in; a new one is one registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_medkd.core.registry import Registry
from napari_medkd.io import formats, write_labels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Output:
    """One format of masks.

    Parameters
    ----------
    suffix : str
        Ending of its files, by which `io` knows how they are written.
    only_for : str
        The one ending of images that it can be written for; empty for any.
    """

    suffix: str
    only_for: str = ""

    def write(
        self,
        path: Path,
        labels: NDArray[Any],
        like: Volume,
        names: Mapping[int, str],
        *,
        model: str = "",
        automatic: bool = False,
    ) -> Path:
        """Write a (z, y, x) mask whole or not at all, with the geometry of `like`.

        A single class needs no list of classes beside the mask, but a place for it in the file is filled.
        """
        kept = names if len(names) > 1 or formats[self.suffix].keeps_names else None
        return write_labels(path, labels, like, kept, model=model, automatic=automatic)


outputs: Registry[Output] = Registry("mask format")
outputs.register("nifti")(Output(".nii.gz"))
outputs.register("nrrd")(Output(".nrrd"))
outputs.register("mha")(Output(".mha"))
outputs.register("png")(Output(".png"))
outputs.register("tiff")(Output(".tif"))
outputs.register("ome-zarr")(Output(".ome.zarr"))
outputs.register("dicom-seg")(Output(".dcm", only_for=".dcm"))

# What keeps the geometry of an image best, by the name of its own format; pictures have none to keep.
_LIKE = {
    "NIfTI": "nifti",
    "DICOM": "nifti",
    "NRRD": "nrrd",
    "NRRD or MetaImage with a separate header": "nrrd",
    "MetaImage": "mha",
    "TIFF": "tiff",
    "OME-Zarr": "ome-zarr",
}
_MANY_IMAGES = (".gif",)


def fits(name: str, image_suffix: str) -> bool:
    """Tell whether the masks of images ending in `image_suffix` can be written as `name`."""
    return name == AUTO or outputs[name].only_for in ("", image_suffix)


def choose(name: str, image_suffix: str) -> Output:
    """Return the format of the masks of images ending in `image_suffix`.

    It is `name`, unless that is ``auto`` or only for other images: then what keeps the image's geometry best.
    """
    if name != AUTO and fits(name, image_suffix):
        return outputs[name]
    if image_suffix in _MANY_IMAGES:
        return outputs["tiff"]
    kind = formats[image_suffix].name if image_suffix in formats else ""
    return outputs[_LIKE.get(kind, "png")]
