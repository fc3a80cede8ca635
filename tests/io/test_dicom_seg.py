"""DICOM-SEG written and read: by us, by highdicom and by pydicom, on grids of every direction."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.sr._concepts_dict import concepts

from napari_medkd.core.geometry import Geometry
from napari_medkd.core.volume import Volume
from napari_medkd.errors import GeometryMismatch, InvalidSetting, StorageError, UnreadableFile
from napari_medkd.io import (
    is_segmentation,
    read_label_names,
    read_labels,
    read_segmentation,
    read_volume,
    write_labels,
)
from napari_medkd.io.dicom import codes
from tests.io.dicom_files import make, placed, save
from tests.io.grids import SHAPE, values
from tests.io.test_dicom import lps, right_handed

if TYPE_CHECKING:
    from pathlib import Path

hd = pytest.importorskip("highdicom")
NAMES = {2: "Left kidney", 5: "Stone"}


def series(folder: Path, affine: np.ndarray, skip: tuple[int, ...] = (), frame: str = "1.2.3.4") -> Volume:
    """Write a CT series (z, y, x) that says where it lies, and read it."""
    folder.mkdir()
    for index, pixels in enumerate(values()):
        if index not in skip:
            tags = {"FrameOfReferenceUID": frame, **placed(lps(affine), index)}
            save(make(pixels, **tags), folder / f"{index}.dcm")
    return read_volume(folder)


def mask(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """A mask that touches neither the first nor the last slice, and is the same in no mirror."""
    labels = np.zeros(shape, np.uint8)
    labels[1:3, 1:3, 0:3] = 2
    labels[2, 0, -2:] = 5
    return labels


def places(labels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Return value and RAS millimetres of every voxel of a class, in an order of their own."""
    index = np.argwhere(labels)
    world = np.c_[index, np.ones(len(index))] @ geometry.affine.T
    found = np.c_[labels[tuple(index.T)], np.round(world[:, :3], 3)]
    return found[np.lexsort(found.T)]


@pytest.mark.parametrize("seed", range(3))
def test_a_mask_of_an_oblique_series_lies_where_it_was(tmp_path, seed):
    volume = series(tmp_path / "ct", right_handed(seed))
    path = write_labels(tmp_path / "mask.dcm", mask(), volume, NAMES, model="fast", automatic=True)
    assert is_segmentation(path) and not (tmp_path / "mask.dcm.labels.json").exists()
    assert np.array_equal(read_labels(path, like=volume), mask())
    assert read_label_names(path) == NAMES
    alone = read_segmentation(path)
    assert alone.labels.shape[0] == 2  # slices with nothing on them are not in the file
    assert np.allclose(places(alone.labels, alone.geometry), places(mask(), volume.geometry), atol=0.01)
    theirs = hd.seg.segread(path).get_volume(combine_segments=True)
    ras = np.diag([-1.0, -1, 1, 1]) @ theirs.affine
    seen = places(np.array([0, 2, 5])[theirs.array], Geometry(theirs.array.shape, ras))
    assert np.allclose(seen, places(mask(), volume.geometry), atol=0.01)


def test_what_it_says_about_images_classes_and_model(tmp_path, caplog):
    volume = series(tmp_path / "ct", right_handed(0))
    with caplog.at_level(logging.DEBUG):
        write_labels(tmp_path / "mask.dcm", mask(), volume, NAMES, model="fast", automatic=True)
    found, image = dcmread(tmp_path / "mask.dcm"), dcmread(tmp_path / "ct" / "0.dcm")
    (referenced,) = found.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == image.SeriesInstanceUID
    assert len(referenced.ReferencedInstanceSequence) == SHAPE[0]
    assert (found.StudyInstanceUID, found.PatientName) == (image.StudyInstanceUID, image.PatientName)
    assert found.FrameOfReferenceUID == "1.2.3.4" and found.SeriesNumber == 1001
    kidney, stone = found.SegmentSequence
    assert (kidney.SegmentLabel, kidney.SegmentAlgorithmType) == ("Left kidney", "AUTOMATIC")
    (kind,) = kidney.SegmentedPropertyTypeCodeSequence
    (side,) = kind.SegmentedPropertyTypeModifierCodeSequence
    assert (kind.CodeValue, kind.CodingSchemeDesignator, side.CodeMeaning) == ("64033007", "SCT", "Left")
    (unknown,) = stone.SegmentedPropertyTypeCodeSequence
    assert (unknown.CodingSchemeDesignator, unknown.CodeMeaning) == ("99MEDKD", "Stone")
    assert stone.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "fast"
    assert "Invented" not in caplog.text


def test_uneven_slices_are_found_by_their_place(tmp_path):
    volume = series(tmp_path / "ct", right_handed(1), skip=(1,))
    labels = mask((SHAPE[0] - 1, *SHAPE[1:]))
    path = write_labels(tmp_path / "mask.dcm", labels, volume)
    assert np.array_equal(read_labels(path, like=volume), labels)
    assert read_label_names(path) == {2: "Class 2", 5: "Class 5"}


def test_it_lies_on_the_same_image_in_another_format(tmp_path):
    volume = series(tmp_path / "ct", right_handed(2))
    path = write_labels(tmp_path / "mask.dcm", mask(), volume)
    turn = np.diag([-1.0, 1, -1, 1])
    turn[:3, 3] = [SHAPE[0] - 1, 0, SHAPE[2] - 1]
    data = np.asarray(volume.data)[::-1, :, ::-1]
    turned = Volume(data, Geometry(SHAPE, volume.geometry.affine @ turn), "CT", volume.window, "turned")
    assert np.array_equal(read_labels(path, like=turned), mask()[::-1, :, ::-1])


def test_the_mask_of_another_patient_is_refused(tmp_path):
    path = write_labels(tmp_path / "mask.dcm", mask(), series(tmp_path / "ct", right_handed(0)))
    with pytest.raises(GeometryMismatch, match="elsewhere"):
        read_labels(path, like=series(tmp_path / "other", right_handed(1)))
    with pytest.raises(GeometryMismatch, match="pixels a slice"):
        read_labels(path, like=Volume.from_array(np.zeros((4, 9, 9), np.uint8)))
    with pytest.raises(UnreadableFile, match="segmentation"):
        read_volume(path)


@pytest.mark.filterwarnings("ignore:Invalid value for VR TM")  # the damaged time is what is tested
def test_one_image_without_a_place_and_an_empty_mask(tmp_path):
    dataset = make(values()[0], SOPClassUID="1.2.840.10008.5.1.4.1.1.1", Modality="CR", StudyTime="14:04")
    volume = read_volume(save(dataset, tmp_path / "cr.dcm"))
    labels = np.zeros(volume.shape, np.uint8)
    for value in (0, 1):
        labels[0, 1, 1] = value
        path = write_labels(tmp_path / "mask.dcm", labels, volume, {1: "lung"})
        assert np.array_equal(read_labels(path, like=volume), labels)
        assert hd.seg.segread(path).number_of_segments == 1


def test_what_cannot_be_is_a_sentence_and_leaves_nothing(tmp_path):
    picture = Volume.from_array(np.zeros((4, 5), np.uint8))
    with pytest.raises(StorageError, match="refers to DICOM images"):
        write_labels(tmp_path / "mask.dcm", np.ones((1, 4, 5), np.uint8), picture)
    volume = series(tmp_path / "ct", right_handed(0))
    with pytest.raises(StorageError, match="at least one class"):
        write_labels(tmp_path / "mask.dcm", np.zeros(SHAPE, np.uint8), volume)
    placeless = [save(make(values()[i]), tmp_path / "ct" / f"{i}.dcm").parent for i in range(SHAPE[0])]
    with pytest.raises(StorageError, match="do not say where they lie"):
        write_labels(tmp_path / "mask.dcm", mask(), read_volume(placeless[0]))
    assert [path.name for path in tmp_path.iterdir()] == ["ct"]


def test_every_code_that_ships_is_one_of_the_standard():
    known = {code for word in concepts["SCT"].values() for code in word}
    for name, coded in codes.load().items():
        assert name == name.lower()
        assert {coded.type.value, coded.category_code.value} <= known, name


def test_codes_of_the_user_come_first_and_damaged_ones_are_told():
    codes.user_table().write_text(
        json.dumps({"Liver": {"type": {"value": "X1", "scheme": "99HOSP", "meaning": "Our liver"}}})
    )
    table = codes.load()
    assert codes.find("LIVER", table).type.scheme == "99HOSP"
    assert codes.find("right_lung", table).type.meaning == "Lung"
    codes.user_table().write_text('{"liver": {"type": {"value": ""}}}')
    with pytest.raises(InvalidSetting, match=r"segment_codes.json cannot be taken: liver, type, value"):
        codes.load()


@pytest.mark.parametrize(
    ("file", "image"),
    [
        ("dcmqi_ct_seg/seg/liver.dcm", "dcmqi_ct_seg/series"),
        ("highdicom_files/seg_image_ct_binary.dcm", None),
        ("highdicom_files/seg_image_ct_binary_single_frame.dcm", "highdicom_files/ct_image.dcm"),
        ("highdicom_files/seg_image_ct_true_fractional.dcm", None),
    ],
)
def test_segmentations_of_others_are_read(data, file, image):
    path = data / "dicom" / file
    found = read_segmentation(path)
    theirs = hd.seg.segread(path)
    assert found.labels.any() and set(found.names) == set(theirs.segment_numbers)
    if image is not None:
        volume = read_volume(data / "dicom" / image)
        on_image = read_labels(path, like=volume)
        assert on_image.shape == volume.shape
        seen, alone = places(on_image, volume.geometry), places(found.labels, found.geometry)
        assert len(seen) == len(alone) and np.allclose(seen.mean(axis=0), alone.mean(axis=0), atol=0.01)
