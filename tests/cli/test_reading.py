"""Only our own sentences reach the screen."""

import logging
import os
import subprocess
import sys

import pytest

from napari_medkd.cli.reading import quiet_decoders


def test_what_a_decoder_writes_itself_is_not_seen(capfd):
    with quiet_decoders():
        os.write(2, b"TIFFFillStrip: Read error on strip 0\n")
    os.write(2, b"our own\n")
    assert capfd.readouterr().err == "our own\n"


def test_standard_error_comes_back_after_an_error(capfd):
    with pytest.raises(ValueError, match="wrong"), quiet_decoders():
        raise ValueError("wrong")
    os.write(2, b"here again\n")
    assert capfd.readouterr().err == "here again\n"


def test_debug_shows_all_of_it(capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    with quiet_decoders():
        os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"


def test_a_damaged_tiff_is_one_sentence(tmp_path):
    """tifffile logs an error for each tag that it does not understand."""
    path = tmp_path / "torn.tif"
    entries = b"".join(bytes([1, tag, 0, 99, 1, 0, 0, 0, 0, 0, 0, 0]) for tag in range(8))
    path.write_bytes(b"II*\0\x08\0\0\0" + bytes([8, 0]) + entries + bytes(4))
    command = [sys.executable, "-m", "napari_medkd", "info", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("medkd: ") and len(done.stderr.splitlines()) <= 2
