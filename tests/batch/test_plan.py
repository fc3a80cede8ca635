from pathlib import Path

import numpy as np
import pytest

from napari_medkd.batch.boxes import BoxRow
from napari_medkd.batch.ledger import Entry
from napari_medkd.batch.plan import left_to_do, make_plan
from napari_medkd.core.prompts import Box
from napari_medkd.errors import InvalidPrompt, InvalidSetting, StorageError, UnreadableFile

BOX = BoxRow(Box(1, 1, 5, 5))


def plan_of(config, boxes=None, plan_id="p"):
    return make_plan(config, plan_id, "run", boxes)


def names(items):
    return [item.name for item in items]


def entry(item, status="done", run="run"):
    return {item.name: Entry(item.key, status, run, item.output, 0.9, 0)}


def make_mask(config, item):
    path = Path(config.target) / item.output
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"mask")


def test_masks_are_called_like_their_images(images, save, save_series, config):
    for name in ("a.jpg", "sub/a.tif", "b.png"):
        save(images / name)
    save_series(images / "ct")
    (images / "v.nrrd").write_bytes(b"whatever")
    outputs = {item.name: item.output for item in plan_of(config()).items}
    (series,) = (name for name in outputs if name.startswith("ct/"))
    assert outputs == {
        "a.jpg": "a.png",
        "b.png": "b.png",
        "sub/a.tif": "sub/a.tif",
        "v.nrrd": "v.nrrd",
        series: f"{series}.nii.gz",
    }
    assert {item.output for item in plan_of(config(format="nifti")).items if item.name == "b.png"} == {
        "b.nii.gz"
    }


def test_images_of_one_name_keep_their_endings(images, save, config):
    for name in ("a.jpg", "A.png", "b.png"):
        save(images / name)
    assert {item.output for item in plan_of(config()).items} == {"a.jpg.png", "A.png.png", "b.png"}


def test_what_decides_a_mask_is_in_its_key(images, save, config):
    save(images / "a.png")

    def key(**more):
        return plan_of(config(), **more).items[0].key

    first = key()
    assert first == key() and first != key(plan_id="q") and first != key(boxes={"a.png": [BOX]})
    save(images / "a.png", np.zeros((9, 9), np.uint8))
    assert key() != first


def test_a_plan_is_another_for_another_model_or_setting_but_not_for_more_workers(config, make_segmenter):
    from napari_medkd.models.card import Target

    card = make_segmenter(Target(name="bright")).card
    first = config().plan_id(card)
    assert first == config(workers=3, cluster="local", device="cpu", existing="skip").plan_id(card)
    others = [config(threshold=0.4), config(measure=True), config(axis="y"), config(window=(0, 9))]
    ids = {first, *(other.plan_id(card) for other in others)}
    ids.add(config().plan_id(card.model_copy(update={"files": {"model.safetensors": "0" * 64}})))
    assert len(ids) == 6


def test_boxes_find_their_images_by_path_name_or_folder(images, save, save_series, config):
    save(images / "x" / "a.png")
    save(images / "b.png")
    save(images / "none.png")
    save_series(images / "ct")
    plan = plan_of(config(), {"a.png": [BOX], "b.png": [BOX], "ct": [BOX], "gone.png": [BOX]})
    assert [name.partition("/series")[0] for name in names(plan.items)] == ["b.png", "ct", "x/a.png"]
    assert [(row.name, row.status, row.reason) for row in plan.skipped] == [
        ("none.png", "skipped", "The table has no box for it.")
    ]
    assert any("gone.png" in sentence for sentence, _ in plan.remarks)


def test_a_name_that_two_images_have_is_no_answer(images, save, config):
    for name in ("x/a.png", "y/a.png"):
        save(images / name)
    with pytest.raises(InvalidPrompt, match=r"a\.png"):
        plan_of(config(), {"a.png": [BOX]})
    assert names(plan_of(config(), {"y/a.png": [BOX]}).items) == ["y/a.png"]


def test_a_folder_without_images_is_a_sentence(images, config):
    (images / "notes.txt").write_text("none")
    with pytest.raises(UnreadableFile, match="no image") as caught:
        plan_of(config(pattern=("*.png",)))
    assert "*.png" in caught.value.message


def test_a_mask_never_takes_the_place_of_an_image(images, save, config, tmp_path):
    save(images / "images" / "a.png")
    save(images / "a.png")
    with pytest.raises(InvalidSetting, match=r"images/a\.png"):
        plan_of(config(target=str(tmp_path), existing="overwrite"))


def test_what_is_done_under_the_same_plan_is_not_done_again(images, save, config):
    for name in ("a.png", "b.png", "c.png"):
        save(images / name)
    plan = plan_of(config())
    a, b, c = plan.items
    make_mask(config(), a)
    entries = {**entry(a), **entry(b), **entry(c, "failed")}  # the mask of b is gone, c had none
    assert names(left_to_do(plan, entries, config(), "next")[0]) == ["b.png", "c.png"]


def test_a_mask_that_was_begun_is_ours_and_made_anew(images, save, config):
    save(images / "a.png")
    plan = plan_of(config())
    make_mask(config(), plan.items[0])
    assert names(left_to_do(plan, entry(plan.items[0], "begun"), config(), "next")[0]) == ["a.png"]


@pytest.mark.parametrize("known", [True, False])
def test_masks_of_others_are_refused_left_or_replaced_as_was_said(images, save, config, known):
    save(images / "a.png")
    plan = plan_of(config())
    (item,) = plan.items
    make_mask(config(), item)
    entries = {item.name: Entry("another plan", "done", "run", item.output, 0.9, 0)} if known else {}
    with pytest.raises(StorageError, match="--overwrite"):
        left_to_do(plan, entries, config(), "next")
    todo, left = left_to_do(plan, entries, config(existing="skip"), "next")
    assert not todo and [(row.name, row.status) for row in left] == [("a.png", "skipped")]
    todo, left = left_to_do(plan, entries, config(existing="overwrite"), "next")
    assert names(todo) == ["a.png"] and not left


def test_overwriting_makes_all_anew_but_goes_on_when_it_is_resumed(images, save, config):
    save(images / "a.png")
    plan = plan_of(config())
    make_mask(config(), plan.items[0])
    entries, wanted = entry(plan.items[0], run="this"), config(existing="overwrite")
    assert names(left_to_do(plan, entries, wanted, "another")[0]) == ["a.png"]
    assert names(left_to_do(plan, entries, wanted, "this")[0]) == []
