"""Openly licensed images that ship with the plugin: to try it, to test it, and to be rehearsed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_medkd.errors import UnknownName

_FILES = Path(__file__).parent / "files"
_REPLAY = Path(__file__).parent / "replay"


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample image.

    Parameters
    ----------
    key : str
        Its short name.
    title : str
        What menus show.
    modality : str
        Kind of image, for people.
    file : str
        File name of the image.
    mask : str
        File name of its true mask; empty where there is none.
    target : str
        What the mask marks.
    attribution : str
        Whom to name; shown beside the image.
    licence : str
        SPDX identifier.
    """

    key: str
    title: str
    modality: str
    file: str
    mask: str
    target: str
    attribution: str
    licence: str

    @property
    def path(self) -> Path:
        """Where the image lies."""
        return _FILES / self.file

    @property
    def mask_path(self) -> Path | None:
        """Where the true mask lies; None where there is none."""
        return _FILES / self.mask if self.mask else None


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "nuclei",
        "Cell nuclei (fluorescence microscopy)",
        "microscopy",
        "microscopy_nuclei.png",
        "microscopy_nuclei_instances.png",
        "a number for each nucleus",
        "BBBC038v1, Broad Bioimage Benchmark Collection; Caicedo et al., Nature Methods 16, 2019",
        "CC0-1.0",
    ),
    Sample(
        "carotid",
        "Common carotid artery (ultrasound)",
        "ultrasound",
        "ultrasound_carotid.jpg",
        "ultrasound_carotid_mask.png",
        "lumen of the artery",
        "A. Momot, Common Carotid Artery Ultrasound Images, Mendeley Data, 2022; resized",
        "CC-BY-4.0",
    ),
    Sample(
        "fundus",
        "Retinal vessels (fundus photograph)",
        "fundus",
        "fundus_vessels.jpg",
        "fundus_vessels_mask.png",
        "vessels",
        "FIVES; Jin et al., Scientific Data 9:475, 2022; resized",
        "CC-BY-4.0",
    ),
    Sample(
        "spinal-cord",
        "Spinal cord, T2-weighted (MR, 3-D)",
        "MR",
        "mr_spinal_cord_t2.nii.gz",
        "mr_spinal_cord_t2_label.nii.gz",
        "spinal cord",
        "Spinal Cord Toolbox testing data, NeuroPoly; De Leener et al., NeuroImage 145, 2017",
        "MIT",
    ),
    Sample(
        "ct-slice",
        "One slice of a CT (DICOM)",
        "CT",
        "ct_slice_dicom.dcm",
        "",
        "",
        "CT_small.dcm of the pydicom test files, the pydicom authors",
        "MIT",
    ),
)


def replay_folders() -> tuple[Path, ...]:
    """Return the folders of images with masks that a model rehearses while it learns something else.

    Each has a ``dataset.json`` that names its makers, its licence, and which images are for what.
    """
    return tuple(sorted(path.parent for path in _REPLAY.glob("*/dataset.json")))


def sample(key: str) -> Sample:
    """Return a sample by its key; an unknown one is an `UnknownName` that lists them."""
    for one in SAMPLES:
        if one.key == key:
            return one
    known = ", ".join(one.key for one in SAMPLES)
    raise UnknownName(f"There is no sample named {key!r}.", f"Known: {known}.")


def sample_path(key: str) -> Path:
    """Return where a sample image lies."""
    return sample(key).path
