"""How far a folder was worked through outlives windows, crashes and torn lines, and names nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_medkd.errors import StorageError
from napari_medkd.learning.case_log import CaseLog

if TYPE_CHECKING:
    from pathlib import Path


def file_of(home: Path) -> Path:
    (path,) = (home / "cases").iterdir()
    return path


def test_states_and_times_are_there_again(tmp_path):
    log = CaseLog(tmp_path)
    assert log.of("a.png").state == "new"
    log.note("a.png", "open", 20)
    log.note("a.png", "done", 12.5)
    log.note("b.png", "failed", reason="It is cut off.")
    again = CaseLog(tmp_path)
    assert (again.of("a.png").state, again.of("a.png").seconds) == ("done", 32.5)
    assert again.of("b.png").reason == "It is cut off."
    assert CaseLog(tmp_path / "other").of("a.png").state == "new"


def test_a_torn_line_loses_itself_only(tmp_path, medkd_home):
    log = CaseLog(tmp_path)
    log.note("a.png", "done")
    with file_of(medkd_home).open("ab") as file:
        file.write(b'{"case": "1')
    CaseLog(tmp_path).note("b.png", "skipped")
    again = CaseLog(tmp_path)
    assert (again.of("a.png").state, again.of("b.png").state) == ("done", "skipped")


def test_no_name_of_a_file_or_folder_is_written(tmp_path, medkd_home):
    CaseLog(tmp_path / "ward-7").note("miller.dcm", "done")
    path = file_of(medkd_home)
    assert "miller" not in path.read_text() and "ward" not in path.name + path.read_text()


def test_a_disk_that_cannot_be_written_is_a_sentence(tmp_path, medkd_home):
    (medkd_home / "cases").write_text("in the way")
    log = CaseLog(tmp_path)
    with pytest.raises(StorageError, match="could not be written down"):
        log.note("a.png", "done")
    assert log.of("a.png").state == "new"
