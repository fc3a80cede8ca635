"""Which slices a run may learn from, and which it must never see."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.io import imread, imsave

from napari_medkd.errors import InvalidSetting, UnreadableFile
from src_training.manifest import Manifest, Seen, digests
from src_training.scenes import budget, content_digest, load_pool
from tests.training.made import make_set

if TYPE_CHECKING:
    from pathlib import Path


def without_splits(folder: Path, count: int = 6) -> Path:
    make_set(folder, count)
    (folder / "dataset.json").unlink()
    return folder


def cases(scenes) -> list[str]:
    return sorted(scene.picture.case for scene in scenes)


def test_without_splits_what_has_a_mask_is_labelled(tmp_path):
    folder = without_splits(tmp_path / "discs")
    for name in ("03", "04", "05"):
        (folder / "masks" / f"{name}.png").unlink()
    pool = load_pool([folder], [], 1)
    assert cases(pool.labelled) == ["00", "01", "02"] and cases(pool.unlabelled) == ["03", "04", "05"]
    assert set(np.unique(pool.labelled[0].picture.objects)) == {0, 1}
    assert not pool.unlabelled[0].picture.objects.any() and not pool.validation


def test_a_folder_may_hold_images_alone(tmp_path):
    labelled, more = without_splits(tmp_path / "discs"), without_splits(tmp_path / "more", 8)
    shutil.rmtree(more / "masks")
    imsave(more / "images" / "new.png", np.zeros((40, 50, 3), np.uint8), check_contrast=False)
    pool = load_pool([labelled, more], [], 1)
    assert len(pool.labelled) == 6 and "new" in cases(pool.unlabelled)
    with pytest.raises(UnreadableFile, match="mask"):
        load_pool([more], [], 1)


def test_only_the_training_splits_are_learnt_from(tmp_path):
    folder = make_set(tmp_path / "discs", 8)  # train: 6, the last two are validation and test
    imsave(folder / "images" / "stray.png", np.zeros((40, 50, 3), np.uint8), check_contrast=False)
    about = json.loads((folder / "dataset.json").read_text())
    about["splits"] |= {"train": ["00", "01"], "unlabelled": ["02", "03"], "test": ["07"], "val": ["06"]}
    (folder / "dataset.json").write_text(json.dumps(about))
    pool = load_pool([folder], [], 1)
    assert cases(pool.labelled) == ["00", "01"] and cases(pool.unlabelled) == ["02", "03"]
    assert cases(pool.validation) == ["06"]


def test_a_training_case_without_its_mask_is_a_sentence(tmp_path):
    folder = make_set(tmp_path / "discs")
    (folder / "masks" / "01.png").unlink()
    with pytest.raises(UnreadableFile, match="1 training case"):
        load_pool([folder], [], 1)


def test_a_copy_of_a_held_out_image_is_not_learnt_from(tmp_path):
    folder = make_set(tmp_path / "discs", 6)  # 04 and 05 are held out
    more = tmp_path / "more" / "images"
    more.mkdir(parents=True)
    shutil.copy(folder / "images" / "05.png", more / "another-name.png")
    imsave(more / "recoded.tif", imread(folder / "images" / "04.png"), check_contrast=False)
    imsave(more / "new.png", np.full((40, 50, 3), 9, np.uint8), check_contrast=False)
    told: list[str] = []
    pool = load_pool([folder, more.parent], [], 1, told.append)
    assert cases(pool.unlabelled) == ["new"]
    assert len(told) == 1 and "held out" in told[0] and "another-name" not in told[0]


def test_validation_folders_are_held_out_as_a_whole(tmp_path):
    folder, validation = without_splits(tmp_path / "discs"), without_splits(tmp_path / "checks", 3)
    told: list[str] = []
    pool = load_pool([folder], [validation], 1, told.append)
    assert len(pool.validation) == 3
    assert not {scene.digest for scene in pool.labelled} & {scene.digest for scene in pool.validation}
    assert len(pool.labelled) == 3 and len(told) == 3  # both sets are drawn from one seed: three are the same


def test_classes_are_the_values_of_a_mask(tmp_path):
    folder = without_splits(tmp_path / "discs", 3)
    for path in sorted((folder / "masks").iterdir()):
        mask = (imread(path) > 0).astype(np.uint8)
        mask[:10, :10] = 2
        imsave(path, mask, check_contrast=False)
    assert load_pool([folder], [], 2).labelled[0].picture.objects.max() == 2
    assert load_pool([folder], [], 1).labelled[0].picture.objects.max() == 1
    imsave(folder / "masks" / "00.png", np.full((80, 80), 3, np.uint8), check_contrast=False)
    with pytest.raises(InvalidSetting, match="value 3"):
        load_pool([folder], [], 2)


def test_large_pictures_are_kept_small(tmp_path):
    folder = tmp_path / "large"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    image, mask = np.zeros((300, 2048, 3), np.uint8), np.zeros((300, 2048), np.uint8)
    image[:, 1024:], mask[:, 1024:] = 200, 1
    imsave(folder / "images" / "a.png", image, check_contrast=False)
    imsave(folder / "masks" / "a.png", mask, check_contrast=False)
    (scene,) = load_pool([folder], [], 1).labelled
    assert scene.picture.image.shape == (150, 1024, 3) and scene.picture.objects.shape == (150, 1024)
    assert (scene.picture.image[..., 0] > 100).tolist() == (scene.picture.objects == 1).tolist()
    assert scene.digest == content_digest(image)


def test_of_a_volume_come_the_slices_that_hold_something_and_as_many_empty_ones(tmp_path):
    import nibabel

    folder = tmp_path / "volumes"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    values, mask = np.zeros((20, 16, 12), np.int16), np.zeros((20, 16, 12), np.uint8)
    values += np.arange(12, dtype=np.int16)
    mask[5:9, 5:9, 4:6] = 1
    affine = np.diag([1.0, 1.0, 3.0, 1.0])  # twelve thick slices
    nibabel.save(nibabel.Nifti1Image(values, affine), folder / "images" / "a.nii.gz")
    nibabel.save(nibabel.Nifti1Image(mask, affine), folder / "masks" / "a.nii.gz")
    scenes = load_pool([folder], [], 1).labelled
    assert len(scenes) == 4 and sum(scene.picture.objects.any() for scene in scenes) == 2


def test_a_smaller_budget_is_part_of_a_larger_one(tmp_path):
    scenes = load_pool([without_splits(tmp_path / "discs", 8)], [], 1).labelled
    two, rest = budget(scenes, 2, seed=3)
    five, _ = budget(scenes, 5, seed=3)
    assert set(cases(two)) < set(cases(five)) and len(two) == 2 and len(five) == 5
    assert len(rest) == 6 and not any(scene.labelled or scene.picture.objects.any() for scene in rest)
    assert len(budget(scenes, 0, seed=3)[0]) == 8
    assert cases(budget(scenes, 2, seed=4)[0]) != cases(two)


def test_a_manifest_names_digests_and_refuses_what_is_held_out(tmp_path):
    scenes = load_pool([without_splits(tmp_path / "discs", 4)], [], 1).labelled
    manifest = Manifest(
        stages={"finetuning": Seen(labelled=digests(scenes[:3]))}, validation=digests(scenes[3:])
    )
    manifest.save(tmp_path)
    assert Manifest.load(tmp_path) == manifest and len(manifest.learnt_from) == 3
    assert "discs" not in (tmp_path / "manifest.json").read_text()
    leaking = manifest.model_copy(update={"validation": digests(scenes[2:])})
    with pytest.raises(InvalidSetting, match="1 validation"):
        leaking.save(tmp_path)
    with pytest.raises(UnreadableFile, match="manifest"):
        Manifest.load(tmp_path / "nowhere")
