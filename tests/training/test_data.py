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


def test_objects_are_parts_of_the_mask_instances_or_what_the_folder_says(folder):
    volume, (whole,) = ImageMaskFolder(folder, "train").cases[0].objects(smallest=18)
    assert volume.shape == (1, 20, 30) and whole.mask.sum() == 18 and whole.plane.index == 0
    assert ImageMaskFolder(folder, "train").cases[0].objects(smallest=19)[1] == ()
    (folder / "instances").mkdir()
    numbered = np.zeros((20, 30), np.uint16)
    numbered[2:5, 3:5], numbered[2:5, 5:9] = 7, 4
    Image.fromarray(numbered).save(folder / "instances" / "a.png")
    found = ImageMaskFolder(folder, "train").cases[0].objects(smallest=1)[1]
    assert [(one.name, int(one.mask.sum())) for one in found] == [("4", 12), ("7", 6)]
    forced = ImageMaskFolder(folder, "train", objects="components").cases[0].objects(smallest=1)[1]
    assert [int(one.mask.sum()) for one in forced] == [18]


@pytest.mark.parametrize(
    ("about", "kind"),
    [
        ({}, None),
        ({"target": "skin lesion"}, None),
        ({"target": "retinal vessels (thin structures)"}, "whole"),
        ({"target": "neurite interior (membranes are 0)"}, "whole"),
        ({"target": "retinal vessels", "objects": "components"}, "components"),
    ],
)
def test_a_net_of_vessels_is_one_object(folder, about, kind):
    (folder / "dataset.json").write_text(json.dumps(about))
    assert {case.kind for case in ImageMaskFolder(folder)} == {kind}


def test_an_unknown_kind_of_object_is_refused(folder):
    (folder / "dataset.json").write_text(json.dumps({"objects": "blobs"}))
    with pytest.raises(UnknownName, match="blobs") as caught:
        ImageMaskFolder(folder)
    assert "components" in caught.value.hint


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not beside the checkout")
@pytest.mark.parametrize(
    ("name", "kind", "slices"),
    [("drive", "whole", 1), ("dsb2018", None, 1), ("msd_hippocampus", None, 20), ("shenzhen_cxr", None, 1)],
)
def test_the_shared_data_have_the_objects_that_their_targets_name(name, kind, slices):
    case = ImageMaskFolder(SHARED / name, "test").cases[0]
    volume, found = case.objects()
    assert case.kind == kind
    assert len({one.plane.index for one in found}) >= slices
    assert all(one.mask.shape == volume.shape[1:] and one.mask.sum() >= 50 for one in found)
    assert len(found) == {"drive": 1, "dsb2018": 3, "shenzhen_cxr": 2}.get(name, len(found))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not beside the checkout")
@pytest.mark.parametrize(("name", "count"), [("busi", 45), ("cvc_clinicdb", 71), ("msd_hippocampus", 8)])
def test_the_shared_data_are_read_as_they_lie(name, count):
    folder = ImageMaskFolder(SHARED / name, "test")
    assert len(folder) == count
    volume, mask = folder.cases[0].load()
    assert mask.shape == volume.shape and mask.any()
