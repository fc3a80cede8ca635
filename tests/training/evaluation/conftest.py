"""Made data sets: discs and a vessel, whose thresholded pixels are their masks."""

import json

import nibabel
import numpy as np
import pytest
from PIL import Image


def save(root, name, grey, mask, folder="masks"):
    for part, values in (("images", grey), (folder, mask)):
        (root / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(root / part / f"{name}.png")


def disc(shape, row, column, radius):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


@pytest.fixture
def discs(tmp_path):
    """Three images: two discs and a speck; one disc, less of which is marked; nothing."""
    root = tmp_path / "discs"
    shape = (60, 80)
    both = disc(shape, 20, 20, 10) | disc(shape, 40, 60, 6)
    save(
        root,
        "a",
        np.where(both, 220, 20).astype(np.uint8),
        ((both | disc(shape, 5, 70, 1)) * 255).astype(np.uint8),
    )
    save(
        root,
        "b",
        np.where(disc(shape, 30, 40, 12), 220, 20).astype(np.uint8),
        (disc(shape, 30, 40, 9) * 255).astype(np.uint8),
    )
    save(root, "c", np.full(shape, 20, np.uint8), np.zeros(shape, np.uint8))
    (root / "dataset.json").write_text(
        json.dumps({"splits": {"test": ["a", "b", "c"], "val": [], "one": ["b"]}})
    )
    return root


@pytest.fixture
def volumes(tmp_path):
    """A volume of five slices 3 mm apart, a bright block on the middle three, pixels of 0.5 mm."""
    root = tmp_path / "volumes"
    values = np.zeros((32, 30, 5), np.int16)
    values[8:20, 6:20, 1:4] = 200
    for part, array in (("images", values), ("labels", (values > 0).astype(np.uint8))):
        (root / part).mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(array, np.diag([0.5, 0.5, 3.0, 1.0])), root / part / "v.nii.gz")
    return root
