from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless, generate_uid

from napari_medkd.core.geometry import Geometry
from napari_medkd.errors import MissingExtra, UnreadableFile
from napari_medkd.io import is_readable, read_volume, write_labels
from tests.io.dicom_files import make, placed, save, write_series
from tests.io.grids import SHAPE, labels, oblique, sheared, values

LPS = np.diag([-1.0, -1, 1, 1])
REVERSED = np.eye(4)[[2, 1, 0, 3]]


def lps(affine: np.ndarray) -> np.ndarray:
    """Our (z, y, x) → RAS as DICOM's (x, y, z) → LPS, slices along their normal's own side."""
    return LPS @ affine @ REVERSED


def right_handed(seed: int) -> np.ndarray:
    """An oblique grid whose slices follow the normal, as the sorting of a reader has it."""
    affine = oblique(seed)
    columns = lps(affine)[:3, :3]
    if np.linalg.det(columns) < 0:
        affine[:3, 0] *= -1
    return affine


@pytest.mark.parametrize("seed", range(6))
def test_a_shuffled_oblique_series_lies_where_it_was(tmp_path, seed):
    affine = right_handed(seed)
    write_series(tmp_path / "series", values(), lps(affine))
    volume = read_volume(tmp_path / "series")
    assert np.array_equal(volume.data, values())
    assert volume.geometry.same_grid(Geometry(SHAPE, affine), tolerance_mm=1e-4)
    assert (volume.modality, volume.name, volume.notes) == ("CT", "series", ())


def test_slices_stored_against_the_normal_are_sorted_along_it(tmp_path):
    affine = right_handed(0)
    reversed_affine = affine @ np.array([[-1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    write_series(tmp_path / "series", values(), lps(reversed_affine))
    volume = read_volume(tmp_path / "series")
    assert np.array_equal(volume.data, values()[::-1])
    assert volume.geometry.same_grid(Geometry(SHAPE, affine), tolerance_mm=1e-4)


def test_a_mask_of_a_series_saved_as_nifti_lies_on_it(tmp_path):
    write_series(tmp_path / "series", values(), lps(right_handed(1)))
    volume = read_volume(tmp_path / "series")
    mask = read_volume(write_labels(tmp_path / "mask.nii.gz", labels(), volume))
    assert mask.geometry.same_grid(volume.geometry, tolerance_mm=1e-3)


def test_a_missing_slice_is_told(tmp_path):
    data = np.arange(8 * 35).reshape(8, 5, 7).astype(np.int16)
    write_series(tmp_path / "series", data, lps(right_handed(0)), skip=(3,))
    volume = read_volume(tmp_path / "series")
    assert volume.shape == (7, 5, 7)
    assert "not evenly spaced (3.3 to 6.6 mm; missing as it seems: 1)" in volume.notes[0]


def test_a_tilted_gantry_is_told_and_kept(tmp_path):
    write_series(tmp_path / "series", values(), lps(sheared()))
    volume = read_volume(tmp_path / "series")
    assert volume.geometry.same_grid(Geometry(SHAPE, sheared()), tolerance_mm=1e-4)
    assert "shifted by 16.7°" in volume.notes[0]


def test_copies_are_left_out_but_equal_uids_alone_are_no_copies(tmp_path):
    affine = lps(right_handed(0))
    for index, pixels in enumerate(values()):
        dataset = make(pixels, **placed(affine, index), SOPInstanceUID="1.2.3")
        save(dataset, tmp_path / f"{index}.dcm")
        save(dataset, tmp_path / f"copy {index}.dcm")
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.data, values())
    assert volume.notes == ("Copies of slices left out: 4.",)


def test_time_points_at_the_same_places_are_frames(tmp_path):
    affine = lps(right_handed(0))
    for time in range(3):
        for index, pixels in enumerate(values()):
            tags = {**placed(affine, index), "AcquisitionNumber": time + 1}
            save(make(pixels + np.int16(1000 * time), **tags), tmp_path / f"{index}-{time}")
    for frame in range(3):
        volume = read_volume(tmp_path, frame=frame)
        assert np.array_equal(volume.data, values() + 1000 * frame)
    assert "Frame 2 of 0 to 2" in volume.notes[0]


def test_the_largest_series_is_taken_and_the_others_are_listed(tmp_path):
    write_series(tmp_path / "a", values(), lps(right_handed(0)))
    scout = make(values()[0], **placed(lps(right_handed(1)), 0))
    scout.SeriesInstanceUID, scout.SeriesNumber, scout.SeriesDescription = generate_uid(), 9, "Scout"
    save(scout, tmp_path / "scout.dcm")
    volume = read_volume(tmp_path)
    assert volume.shape == SHAPE
    assert "Series 1 of 2 is shown. There are 1: CT, 4 images; 2: CT Scout, 1 image." in volume.notes[0]
    for wanted in ("2", scout.SeriesInstanceUID):
        assert read_volume(tmp_path, series=wanted).shape == (1, 5, 7)
    with pytest.raises(UnreadableFile, match="no series 3"):
        read_volume(tmp_path, series="3")


def test_a_localiser_inside_a_series_is_a_choice_of_its_own(tmp_path):
    write_series(tmp_path, values(), lps(right_handed(0)))
    save(make(values()[0], **placed(lps(right_handed(1)), 0)), tmp_path / "localiser")
    volume = read_volume(tmp_path)
    assert volume.shape == SHAPE and "2: CT, 1 image" in volume.notes[0]


def test_a_single_file_is_that_file_alone(tmp_path):
    write_series(tmp_path, values(), lps(right_handed(0)))
    volume = read_volume(sorted(tmp_path.iterdir())[0])
    assert volume.shape == (1, 5, 7)
    assert volume.geometry.spacing == pytest.approx((3.3, 0.9, 0.4))


def test_damaged_files_and_other_objects_beside_a_series_do_not_matter(tmp_path):
    write_series(tmp_path, values(), lps(right_handed(0)))
    (tmp_path / "damaged.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\2\0\0\0")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "preview.png").write_bytes(b"nothing")
    report = make(values()[0])
    del report.PixelData
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    save(report, tmp_path / "report.dcm")
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.data, values())
    assert volume.notes == ("Damaged files left out: 1.",)


@pytest.mark.parametrize(
    ("sop_class", "words"),
    [
        ("1.2.840.10008.5.1.4.1.1.66.4", "a segmentation"),
        ("1.2.840.10008.5.1.4.1.1.481.2", "a radiotherapy dose"),
        ("1.2.840.10008.5.1.4.1.1.481.3", "a radiotherapy structure set"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "a structured report"),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", "a waveform"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "an embedded document"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, sop_class, words):
    path = save(make(values()[0], SOPClassUID=sop_class), tmp_path / "a.dcm")
    with pytest.raises(UnreadableFile, match=f"not an image but {words}"):
        read_volume(path)
    with pytest.raises(UnreadableFile, match=f"no DICOM image, only 1 × {words}"):
        read_volume(tmp_path)


def test_a_folder_without_dicom(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    assert not is_readable(tmp_path)
    with pytest.raises(UnreadableFile, match="holds no DICOM image"):
        read_volume(tmp_path)


@pytest.mark.parametrize(("slope", "intercept", "dtype"), [(1, -1024, "int16"), (0.5, 3, "float32")])
def test_rescaling(tmp_path, slope, intercept, dtype):
    path = save(make(values()[0], RescaleSlope=slope, RescaleIntercept=intercept), tmp_path / "a.dcm")
    volume = read_volume(path)
    assert volume.data.dtype == dtype
    assert np.allclose(volume.data[0], values()[0] * float(slope) + intercept)


def test_each_slice_has_its_own_slope(tmp_path):
    for index, pixels in enumerate(values()):
        tags = {**placed(lps(right_handed(0)), index), "RescaleSlope": 0.5 + index, "RescaleIntercept": 0}
        save(make(pixels, Modality="PT", **tags), tmp_path / f"{index}")
    slopes = 0.5 + np.arange(4)[:, None, None]
    assert np.allclose(read_volume(tmp_path).data, values() * slopes)


def test_the_file_s_window_wins_and_is_the_standard_s_linear_function(tmp_path):
    path = save(make(values()[0], WindowCenter=["-50", "7"], WindowWidth=["41", "9"]), tmp_path / "a.dcm")
    window = read_volume(path).window
    assert (window.low, window.high, window.name) == (-70.5, -30.5, "DICOM")


@pytest.mark.parametrize(
    "tags", [{"WindowCenter": 5000, "WindowWidth": 10}, {"WindowCenter": 0, "WindowWidth": 0}]
)
def test_a_window_that_shows_nothing_gives_way_to_a_guess(tmp_path, tags):
    assert read_volume(save(make(values()[0], **tags), tmp_path / "a.dcm")).window.name == "Soft tissue"


def test_monochrome1_is_inverted_with_its_window(tmp_path):
    pixels = (np.arange(35).reshape(5, 7) * 100).astype(np.uint16)
    tags = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 1000.5, "WindowWidth": 1001}
    volume = read_volume(save(make(pixels, BitsStored=12, HighBit=11, **tags), tmp_path / "a.dcm"))
    assert np.array_equal(volume.data[0], 4095 - pixels.astype(int))
    assert (volume.window.low, volume.window.high) == (4095 - 1500, 4095 - 500)
    assert "MONOCHROME1" in volume.notes[0]


def test_colours(tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (5, 7, 3)).astype(np.uint8)
    volume = read_volume(save(make(colour, Modality="ES"), tmp_path / "a.dcm"))
    assert volume.is_rgb and np.array_equal(volume.data[0], colour) and volume.modality == "ES"


def test_a_palette(tmp_path):
    indices = (np.arange(35).reshape(5, 7) % 4).astype(np.uint8)
    dataset = make(indices, PhotometricInterpretation="PALETTE COLOR")
    tables = {"Red": [0, 0xFFFF, 0, 0x8000], "Green": [0, 0, 0x8000, 0x8000], "Blue": [0, 0, 0, 0xFFFF]}
    for name, table in tables.items():
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(dataset, f"{name}PaletteColorLookupTableData", np.array(table, "<u2").tobytes())
    volume = read_volume(save(dataset, tmp_path / "a.dcm"))
    expected = np.stack([np.array(table) >> 8 for table in tables.values()], -1)[indices]
    assert np.array_equal(volume.data[0], expected)


def enhanced(data: np.ndarray, affine: np.ndarray, order: list[int]) -> Dataset:
    """An enhanced multi-frame object whose frames are stored in `order`."""
    frames = []
    for index in order:
        tags = placed(affine, index)
        frame, position, measures = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = tags["ImagePositionPatient"]
        measures.PixelSpacing, measures.SliceThickness = tags["PixelSpacing"], tags["SliceThickness"]
        rescale = Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = 1, -100
        frame.PlanePositionSequence, frame.PixelMeasuresSequence = Sequence([position]), Sequence([measures])
        frame.PixelValueTransformationSequence = Sequence([rescale])
        frames.append(frame)
    orientation, shared = Dataset(), Dataset()
    orientation.ImageOrientationPatient = placed(affine, 0)["ImageOrientationPatient"]
    shared.PlaneOrientationSequence = Sequence([orientation])
    return make(
        data[order],
        PerFrameFunctionalGroupsSequence=Sequence(frames),
        SharedFunctionalGroupsSequence=Sequence([shared]),
    )


def test_enhanced_frames_are_placed_by_their_functional_groups(tmp_path):
    affine = right_handed(2)
    path = save(enhanced(values(), lps(affine), [2, 0, 3, 1]), tmp_path / "a.dcm")
    volume = read_volume(path)
    assert np.array_equal(volume.data, values() - 100)
    assert volume.geometry.same_grid(Geometry(SHAPE, affine), tolerance_mm=1e-4)


def test_frames_without_places_follow_each_other(tmp_path):
    path = save(make(values("uint8"), Modality="US"), tmp_path / "a.dcm")
    volume = read_volume(path)
    assert np.array_equal(volume.data, values("uint8")) and not volume.geometry.from_file
    assert "4 images have no positions" in volume.notes[0]
    assert np.array_equal(read_volume(path, frame=2).data, values("uint8")[2:3])


def test_ultrasound_regions_give_the_size_of_a_pixel(tmp_path):
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    path = save(make(values("uint8")[0], SequenceOfUltrasoundRegions=Sequence([region])), tmp_path / "a.dcm")
    assert read_volume(path).geometry.spacing == pytest.approx((1.0, 0.3, 0.2))


def test_tiles_of_a_slide_are_one_picture(tmp_path):
    whole = np.arange(6 * 10).reshape(6, 10).astype(np.uint8)
    padded = np.pad(whole, ((0, 2), (0, 2)))
    tiles = np.stack([padded[r : r + 4, c : c + 4] for r in (0, 4) for c in (0, 4, 8)])
    dataset = make(tiles, TotalPixelMatrixRows=6, TotalPixelMatrixColumns=10, Modality="SM")
    volume = read_volume(save(dataset, tmp_path / "a.dcm"))
    assert np.array_equal(volume.data[0], whole) and "6 tiles" in volume.notes[0]
    assert np.array_equal(read_volume(tmp_path).data[0], whole)


def test_rle(tmp_path):
    dataset = make(values()[0])
    dataset.compress(RLELossless)
    assert np.array_equal(read_volume(save(dataset, tmp_path / "a.dcm")).data[0], values()[0])


@pytest.mark.parametrize("junk", [b"", b" "])
def test_no_preamble_no_meta_no_ending(tmp_path, junk):
    dataset = make(values()[0], **placed(lps(right_handed(0)), 0), SpecificCharacterSet="ISO_IR 100")
    del dataset.file_meta
    path = tmp_path / "IM_0001"
    dataset.save_as(path, implicit_vr=False, little_endian=True, enforce_file_format=False)
    content = path.read_bytes()
    path.write_bytes(junk + (content[132:] if content[128:132] == b"DICM" else content))
    assert is_readable(path)
    assert np.array_equal(read_volume(path).data[0], values()[0])


@pytest.mark.parametrize("is_compressed", [False, True])
def test_cut_off(tmp_path, is_compressed):
    dataset = make(values()[0])
    if is_compressed:
        dataset.compress(RLELossless)
    path = save(dataset, tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableFile, match="cut off or damaged"):
        read_volume(path)


def test_a_header_without_pixels(tmp_path):
    dataset = make(values()[0])
    del dataset.PixelData
    with pytest.raises(UnreadableFile, match="no pixel data"):
        read_volume(save(dataset, tmp_path / "a.dcm"))


def test_an_absurd_size_is_refused_before_allocating(tmp_path):
    path = save(make(values()[0], NumberOfFrames=2_000_000_000), tmp_path / "a.dcm")
    with pytest.raises(UnreadableFile):
        read_volume(path)


def test_a_series_of_a_single_file_cannot_be_chosen(tmp_path):
    path = save(make(values()[0]), tmp_path / "a.dcm")
    with pytest.raises(UnreadableFile, match="single file"):
        read_volume(path, series="2")


def test_without_pydicom_the_line_to_install_it_is_said(tmp_path, monkeypatch):
    path = save(make(values()[0]), tmp_path / "a.dcm")
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    for target in (path, tmp_path):
        with pytest.raises(MissingExtra, match=r"napari-medkd\[dicom\]"):
            read_volume(target)


def test_nothing_of_the_patient_is_kept(tmp_path):
    volume = read_volume(save(make(values()[0]), tmp_path / "a.dcm"))
    assert "Nobody" not in repr(volume) + str(volume.notes) + str(dict(volume.header))
