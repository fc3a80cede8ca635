"""Lines stay whole, whatever happened to the one before."""

from __future__ import annotations

import errno

import pytest

from napari_medkd.runs.lines import LineFile


def test_a_torn_line_is_ended_by_the_next(tmp_path):
    path = tmp_path / "rows"
    path.write_bytes(b"one\ntw")
    lines = LineFile(path)
    lines.append([b"three", b"four"])
    lines.append([b"five"])
    lines.close()
    lines.close()
    assert lines.closed and path.read_bytes() == b"one\ntw\nthree\nfour\nfive\n"


def test_a_disk_that_takes_a_part_of_a_line_is_full(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "rows"
    lines = LineFile(path)
    lines.append([b"one"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (7, hard))  # the system writes so far, and says how far
    try:
        with pytest.raises(OSError, match="space") as full:
            lines.append([b"a longer one"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.value.errno == errno.ENOSPC
    lines.append([b"two"])
    assert path.read_bytes() == b"one\na l\ntwo\n"
    lines.close()
