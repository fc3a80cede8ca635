import json

import numpy as np
import pytest
from PIL import Image

from napari_medkd.corrections.exchange import FORMS, ImportOptions, export, import_folder, rle
from napari_medkd.corrections.planes import planes
from napari_medkd.corrections.query import Query
from napari_medkd.corrections.store import CorrectionStore
from napari_medkd.errors import InvalidSetting, StorageError, UnknownName, UnreadableFile
from napari_medkd.io import read_volume
from tests.corrections.made import make


@pytest.fixture
def store(tmp_path):
    with CorrectionStore(tmp_path / "one" / "c.sqlite") as opened:
        for case, seed, label in (("a", 1, "cell"), ("a", 2, "cell"), ("b", 3, "cell"), ("b", 3, "vessels")):
            opened.add(make(case, seed, label, annotator="Dr Doe"))
        opened.add(make("c", 4, "vessels", proposed=False))
        yield opened


@pytest.fixture
def other(tmp_path):
    with CorrectionStore(tmp_path / "other" / "c.sqlite") as opened:
        yield opened


def test_planes_hold_all_that_was_accepted_on_a_slice(store):
    found = list(planes(store))
    assert [(plane.case, len(plane.masks)) for plane in found] == [("a", 1), ("a", 1), ("b", 2), ("c", 1)]
    both = found[2]
    cell, vessels = both.masks
    assert both.objects()[vessels].min() == 2  # the later has the pixel
    assert (both.objects() == 1).sum() == (cell & ~vessels).sum()
    assert set(np.unique(both.classes({"cell": 4, "vessels": 7}))) == {0, 4, 7}
    assert both.colours.shape == (23, 31, 3)
    assert both.spacing == pytest.approx((0.7, 0.7))
    assert all(plane.part == store.part_of(plane.case) for plane in found)


def test_a_damaged_correction_is_left_out_and_told_of(store):
    record = next(store.records())
    store.arrays.remove(store.record(record.id).image)
    said = []
    assert len(list(planes(store, tell=said.append))) == 3
    assert len(said) == 1


@pytest.mark.parametrize("form", list(FORMS))
def test_what_is_exported_is_imported_again(store, other, tmp_path, form):
    out = tmp_path / "out"
    done = export(store, form, out)
    assert done.classes == {"cell": 1, "vessels": 2}
    assert (done.images, done.problems) == (4, ())
    brought = import_folder(other, out, options=ImportOptions(smallest=1))
    assert (brought.images, brought.problems) == ((4 if form != "nnunet" else brought.images), ())
    kept = {case.case: case.part for case in other.by_case()}
    assert kept.items() <= {case.case: case.part for case in store.by_case()}.items()
    before = {plane.case: plane for plane in planes(store)}
    for plane in planes(other):
        assert [record.origin for record in plane.records] == ["import"] * len(plane.records)
        if plane.case == "b":  # the two objects of that slice overlap
            expected = before["b"]
            values = {"cell": 1, "vessels": 2}
            assert np.array_equal(plane.image, expected.image)
            assert np.array_equal(plane.classes(values), expected.classes(values))
            if form == "coco":
                assert all(np.array_equal(*pair) for pair in zip(plane.masks, expected.masks, strict=True))


@pytest.mark.parametrize("form", list(FORMS))
def test_an_export_names_nobody(store, tmp_path, form):
    export(store, form, tmp_path / "out")
    texts = [path.read_text("utf-8") for path in (tmp_path / "out").rglob("*.json")]
    assert texts
    assert not any("Doe" in text for text in texts)


def test_importing_again_adds_nothing(store, other, tmp_path):
    export(store, "folder", tmp_path / "out")
    first = import_folder(other, tmp_path / "out")
    again = import_folder(other, tmp_path / "out")
    assert (again.added, again.known) == (0, first.added)
    assert first.added == other.count() > 0


def test_held_out_cases_are_not_among_the_images_that_nnunet_trains_on(store, tmp_path):
    export(store, "nnunet", tmp_path / "out")
    about = json.loads((tmp_path / "out" / "dataset.json").read_text())
    parts = {case.case: case.part for case in store.by_case()}
    held = {name for name, case in about["medkd"]["cases"].items() if parts[case] == "held-out"}
    assert held == {path.stem for path in (tmp_path / "out" / "labelsTs").iterdir()}
    (fold,) = json.loads((tmp_path / "out" / "splits_final.json").read_text())
    trained = {path.stem for path in (tmp_path / "out" / "labelsTr").iterdir()}
    assert set(fold["train"]) | set(fold["val"]) == trained
    assert about["numTraining"] == len(trained)
    assert about["labels"] == {"background": 0, "cell": 1, "vessels": 2}


def test_nnunet_gets_the_same_channels_everywhere(store, tmp_path):
    store.add(make("d", 9, colour=True))
    export(store, "nnunet", tmp_path / "out")
    images = [read_volume(path) for path in (tmp_path / "out").glob("images*/*.png")]
    assert [image.data.shape for image in images] == [(1, 23, 31, 3)] * 5
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["channel_names"]["0"] == "R"


def test_training_takes_the_folder_that_is_exported(store, tmp_path):
    from src_training.data import ImageMaskFolder

    export(store, "folder", tmp_path / "out")
    cases = ImageMaskFolder(tmp_path / "out").cases
    assert len(cases) == 4
    (both,) = [case for case in cases if case.name.startswith("b-")]
    _, targets = both.objects(smallest=1)
    assert len(targets) == 2


def test_a_full_folder_is_not_written_into(store, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="not empty"):
        export(store, "coco", tmp_path)


def test_nothing_to_export_is_said(store, tmp_path):
    with pytest.raises(UnreadableFile, match="no correction"):
        export(store, "coco", tmp_path / "out", Query(labels=("none",)))
    with pytest.raises(UnknownName):
        export(store, "zip", tmp_path / "out")


@pytest.fixture
def folder(tmp_path):
    """Two pictures of two patients; the first mask has two parts."""
    root = tmp_path / "set"
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, name in enumerate(("doe_jane_1", "doe_jane_2", "roe_rich_1")):
        Image.fromarray(rng.integers(0, 255, (20, 24), np.uint8)).save(root / "images" / f"{name}.png")
        mask = np.zeros((20, 24), np.uint8)
        mask[2:9, 2:9] = 255
        mask[12:18, 12 + number : 20] = 255
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
    return root


def test_a_folder_becomes_corrections_without_its_names(folder, other, tmp_path):
    options = ImportOptions(label="lesion", modality="US", case_pattern="^([a-z]+_[a-z]+)_")
    done = import_folder(other, folder, options=options)
    assert (done.added, done.images) == (6, 3)
    (lesion,) = other.by_class()
    assert (lesion.label, lesion.cases) == ("lesion", 2)
    assert {record.modality for record in other.records()} == {"US"}
    written = b"".join(path.read_bytes() for path in (tmp_path / "other").rglob("*") if path.is_file())
    assert b"doe" not in written
    assert b"roe_" not in written


def test_names_are_kept_where_that_is_asked_for(folder, other):
    import_folder(other, folder, options=ImportOptions(keep_names=True))
    assert [case.case for case in other.by_case()] == ["doe_jane_1", "doe_jane_2", "roe_rich_1"]


def test_splits_of_a_folder_are_kept(folder, other):
    splits = {"train": ["doe_jane_1"], "val": ["doe_jane_2"], "test": ["roe_rich_1"]}
    (folder / "dataset.json").write_text(json.dumps({"splits": splits}))
    import_folder(other, folder, options=ImportOptions(keep_names=True))
    assert [case.part for case in other.by_case()] == ["training", "validation", "held-out"]


@pytest.mark.parametrize(("kind", "count"), [("components", 6), ("whole", 3), ("labels", 3)])
def test_what_one_object_is_can_be_said(folder, other, kind, count):
    assert import_folder(other, folder, options=ImportOptions(objects=kind)).added == count


@pytest.mark.parametrize(
    ("about", "count"),
    [({"target": "retinal vessels"}, 3), ({"objects": "whole"}, 3), ({"target": "polyp"}, 6), ([], 6)],
)
def test_the_folder_may_say_what_one_object_is(folder, other, about, count):
    (folder / "dataset.json").write_text(json.dumps(about))
    assert import_folder(other, folder).added == count


def test_a_broken_file_stops_nothing(folder, other):
    (folder / "images" / "doe_jane_2.png").write_bytes(b"not a picture")
    done = import_folder(other, folder)
    assert done.images == 2
    assert len(done.problems) == 1


@pytest.mark.parametrize("pattern", ["([a-z", "^[a-z]+"])
def test_a_pattern_that_names_no_case_is_refused(folder, other, pattern):
    with pytest.raises(InvalidSetting):
        import_folder(other, folder, options=ImportOptions(case_pattern=pattern))


def test_a_folder_of_another_form_is_refused(tmp_path, other):
    with pytest.raises(UnknownName, match="none of the known forms"):
        import_folder(other, tmp_path)
    with pytest.raises(UnreadableFile, match="no folder"):
        import_folder(other, tmp_path / "nowhere")


def test_a_volume_of_nnunet_is_taken_slice_by_slice(tmp_path, other):
    nibabel = pytest.importorskip("nibabel")
    root = tmp_path / "Dataset001"
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True)
    affine = np.diag([0.7, 0.7, 3.0, 1.0])
    data = np.random.default_rng(0).integers(-900, 900, (15, 17, 4)).astype(np.int16)
    labels = np.zeros(data.shape, np.uint8)
    labels[2:9, 3:10, 1:3], labels[10:14, 3:10, 2] = 1, 2
    nibabel.save(nibabel.Nifti1Image(data, affine), root / "imagesTr" / "case_7_0000.nii.gz")
    nibabel.save(nibabel.Nifti1Image(labels, affine), root / "labelsTr" / "case_7.nii.gz")
    about = {"labels": {"background": 0, "liver": 1, "tumour": 2, "both": [1, 2]}, "file_ending": ".nii.gz"}
    (root / "dataset.json").write_text(json.dumps(about))
    assert import_folder(other, root).added == 3
    records = list(other.records())
    assert [(one.label, one.axis, one.index) for one in records] == [
        ("liver", 0, 1),
        ("liver", 0, 2),
        ("tumour", 0, 2),
    ]
    assert np.array_equal(other.accepted(records[2]), labels[:, :, 2].T == 2)
    assert records[0].geometry.spacing == pytest.approx((3.0, 0.7, 0.7))


def test_run_lengths_are_exact():
    rng = np.random.default_rng(0)
    for mask in (rng.random((7, 5)) > 0.5, np.ones((3, 4), bool), np.zeros((3, 4), bool)):
        assert np.array_equal(rle.decode(rle.encode(mask), mask.shape), mask)
    assert rle.encode(np.array([[False, True], [True, True]]))["counts"] == [1, 3]


def test_run_lengths_as_text_are_read():
    # by hand: 3, 4, 5 and 20 less the 4 before the last are 16: a second group for its highest bit
    counts = rle.decode({"size": [4, 8], "counts": "345`0"}, (4, 8))
    flat = np.repeat([False, True, False, True], [3, 4, 5, 20])
    assert np.array_equal(counts, flat.reshape((4, 8), order="F"))


def test_an_outline_is_filled():
    mask = rle.decode([[2, 1, 6, 1, 6, 4, 2, 4]], (6, 9))  # from the edges x 2 to 6, y 1 to 4
    expected = np.zeros((6, 9), bool)
    expected[1:4, 2:6] = True
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("wrong", [None, {"counts": [3]}, {"counts": ["a"]}, [[1, 2, 3]]])
def test_a_mask_that_cannot_be_read_is_a_sentence(wrong):
    with pytest.raises(UnreadableFile):
        rle.decode(wrong, (4, 4))
