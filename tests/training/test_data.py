from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medkd.errors import GeometryMismatch, UnknownName, UnreadableFile
from src_training.data import ImageMaskFolder

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


@pytest.fixture
def folder(tmp_path):
    """Three images with masks, two of them in the split ``test``."""
    root = tmp_path / "toy"
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    for index, name in enumerate("abc"):
        mask = np.zeros((20, 30), np.uint8)
        mask[2 : 5 + index, 3:9] = 255
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
        Image.fromarray(np.full((20, 30, 3), 40 * index, np.uint8)).save(root / "images" / f"{name}.jpg")
    (root / "dataset.json").write_text(json.dumps({"splits": {"train": ["a"], "test": ["c", "b"]}}))
    return root


def test_a_split_is_its_cases_in_order(folder):
    found = ImageMaskFolder(folder, "test")
    assert [case.name for case in found] == ["c", "b"]
    assert found.name == "toy" and len(found) == 2


def test_without_a_split_every_pair_is_taken(folder):
    (folder / "images" / "lonely.jpg").write_bytes(b"")
    assert [case.name for case in ImageMaskFolder(folder)] == ["a", "b", "c"]


def test_a_case_is_an_image_and_a_mask_on_one_grid(folder):
    volume, mask = ImageMaskFolder(folder, "train").cases[0].load()
    assert volume.shape == mask.shape == (1, 20, 30)
    assert set(np.unique(mask)) == {0, 1}
    assert (mask > 0).sum() == 18


def test_a_mask_of_another_size_is_refused(folder):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "masks" / "a.png")
    with pytest.raises(GeometryMismatch):
        ImageMaskFolder(folder, "train").cases[0].load()


def test_what_is_missing_is_said(folder, tmp_path):
    with pytest.raises(UnknownName, match="no split 'val'") as caught:
        ImageMaskFolder(folder, "val")
    assert "test, train" in caught.value.hint
    (folder / "masks" / "b.png").unlink()
    with pytest.raises(UnreadableFile, match=r"1 of 2 cases .*\(b\)"):
        ImageMaskFolder(folder, "test")
    (folder / "dataset.json").unlink()
    with pytest.raises(UnreadableFile, match=r"no dataset\.json"):
        ImageMaskFolder(folder, "test")
    with pytest.raises(UnreadableFile, match="no folder images"):
        ImageMaskFolder(tmp_path / "nowhere")


def test_instances_are_taken_when_asked_for(folder):
    (folder / "instances").mkdir()
    Image.fromarray(np.full((20, 30), 7, np.uint16)).save(folder / "instances" / "a.png")
    (case,) = ImageMaskFolder(folder, "train", masks="instances")
    assert set(np.unique(case.load()[1])) == {7}


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not beside the checkout")
@pytest.mark.parametrize(("name", "count"), [("busi", 45), ("cvc_clinicdb", 71), ("msd_hippocampus", 8)])
def test_the_shared_data_are_read_as_they_lie(name, count):
    folder = ImageMaskFolder(SHARED / name, "test")
    assert len(folder) == count
    volume, mask = folder.cases[0].load()
    assert mask.shape == volume.shape and mask.any()
