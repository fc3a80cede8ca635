from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from napari_medkd.core.registry import Registry
from napari_medkd.errors import UnreadableFile
from napari_medkd.io import formats, is_readable, read_volume, suffixes
from napari_medkd.io.file_format import Format, register, stem_of, suffix_of


@pytest.mark.parametrize("name", ["a.PNG", "a.nii.gz", "a.NII", "a.b.tif", "a.dcm", "a.mha", "a.nhdr"])
def test_known_endings_are_readable(tmp_path, name):
    assert is_readable(tmp_path / name)


@pytest.mark.parametrize("name", ["a.txt", "a.gz", "nii.gz.zip", "png", ".png"])
def test_other_endings_are_not(tmp_path, name):
    (tmp_path / name).write_text("hello")
    assert not is_readable(tmp_path / name)


def test_dicom_is_known_by_its_mark_whatever_the_name(tmp_path):
    (tmp_path / "IM.1.2").write_bytes(b"\0" * 128 + b"DICM")
    assert is_readable(tmp_path / "IM.1.2") and is_readable(tmp_path)


def test_the_longest_ending_counts(tmp_path):
    assert suffix_of(tmp_path / "scan.v2.NII.gz") == ".nii.gz"
    assert stem_of(tmp_path / "scan.v2.NII.gz") == "scan.v2"
    assert stem_of(tmp_path / "CT.1.2.840") == "CT.1.2.840"


def test_every_ending_has_a_reader():
    assert {".png", ".jpg", ".tif", ".nii.gz", ".nrrd", ".mha", ".dcm"} <= set(suffixes())
    assert all(suffix in formats[suffix].suffixes for suffix in suffixes())


def test_a_format_is_one_registration(monkeypatch, tmp_path):
    """What the guide for contributors says: a module with a reader and one line that registers it."""
    table: Registry[Format] = Registry("file format")
    monkeypatch.setattr("napari_medkd.io.file_format.formats", table)
    register(Format("toy", (".toy", ".toys"), lambda path, *, frame, series: None))
    assert list(table) == [".toy", ".toys"] and table[".toy"] is table[".toys"]


def test_a_missing_file(tmp_path):
    with pytest.raises(UnreadableFile, match="no file or folder"):
        read_volume(tmp_path / "a.png")


def test_an_empty_file(tmp_path):
    (tmp_path / "a.nii.gz").touch()
    with pytest.raises(UnreadableFile, match=r'"a\.nii\.gz" is empty'):
        read_volume(tmp_path / "a.nii.gz")


def test_an_unknown_kind_lists_the_known_ones(tmp_path):
    (tmp_path / "a.docx").write_text("hello")
    with pytest.raises(UnreadableFile, match=r"Known endings: .*\.nii\.gz"):
        read_volume(tmp_path / "a.docx")


@pytest.mark.parametrize("suffix", list(formats))
def test_rubbish_of_every_ending_is_a_sentence(tmp_path, suffix):
    rubbish = np.random.default_rng(0).integers(0, 256, 3000).astype(np.uint8).tobytes()
    (tmp_path / f"a{suffix}").write_bytes(rubbish)
    with pytest.raises(UnreadableFile) as caught:
        read_volume(tmp_path / f"a{suffix}")
    assert "a" + suffix in caught.value.message and str(tmp_path) not in str(caught.value)
    assert caught.value.message.endswith(".") and caught.value.hint


def test_series_belong_to_dicom(tmp_path):
    Image.new("L", (3, 3)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableFile, match="no folder of DICOM series"):
        read_volume(tmp_path / "a.png", series="2")


def test_too_little_memory_is_a_sentence(tmp_path, monkeypatch):
    Image.new("L", (300, 300)).save(tmp_path / "a.png")
    monkeypatch.setattr(os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 20)
    with pytest.raises(UnreadableFile, match="can be opened on this computer"):
        read_volume(tmp_path / "a.png")


def test_a_decoder_out_of_memory_is_a_sentence(tmp_path, monkeypatch):
    def greedy(*_args: object, **_kwargs: object) -> None:
        raise MemoryError

    Image.new("L", (3, 3)).save(tmp_path / "a.png")
    monkeypatch.setattr("napari_medkd.io.raster.read_pixels", greedy)
    with pytest.raises(UnreadableFile, match="not enough free memory"):
        read_volume(tmp_path / "a.png")
