import nibabel
import numpy as np
import pytest

SECRETS = ("Doe^Jane", "SECRET-ID-77", "19700102", "Some Hospital")


def test_a_picture_has_no_spacing_or_orientation(medkd, picture):
    report = medkd("info", picture, "--json").json
    assert report["schema_version"] == 1
    assert (report["shape"], report["channels"], report["dtype"]) == ([1, 41, 57], 1, "uint8")
    assert report["spacing_mm"] is None and report["orientation"] is None and report["affine"] is None


def test_a_volume_says_where_it_lies(medkd, tmp_path):
    path = tmp_path / "scan.nii"
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6), np.int16), np.diag([0.7, 0.8, 3, 1])), path)
    report = medkd("info", path, "--json").json
    assert report["shape"] == [6, 5, 4]
    assert report["spacing_mm"] == pytest.approx([3, 0.8, 0.7])
    assert report["orientation"] == "SAR" and not report["oblique"]
    outcome = medkd("info", path)
    assert "6 × 5 × 4" in outcome.out and "3 × 0.8 × 0.7 mm" in outcome.out


def write_dicom(path):
    pydicom = pytest.importorskip("pydicom")
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.PatientBirthDate, data.InstitutionName = SECRETS
    data.Modality, data.SeriesInstanceUID = "CT", pydicom.uid.generate_uid()
    data.SeriesDescription = f"of {SECRETS[0]}"
    data.Rows, data.Columns, data.SamplesPerPixel = 6, 8, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.PixelSpacing, data.ImageOrientationPatient = [0.5, 0.5], [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient, data.SliceThickness = [0, 0, 0], 2
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = np.arange(48, dtype=np.int16).tobytes()
    data.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_info_names_no_patient(medkd, tmp_path, options):
    write_dicom(tmp_path / "image.dcm")
    outcome = medkd("--debug", "info", tmp_path / "image.dcm", *options)
    assert outcome.code == 0, outcome.err
    assert "CT" in outcome.out
    for secret in SECRETS:
        assert secret not in outcome.out + outcome.err


def test_a_missing_file_is_a_sentence(medkd, tmp_path):
    outcome = medkd("info", tmp_path / "nothing.nii.gz")
    assert outcome.code == 2 and "nothing.nii.gz" in outcome.err
