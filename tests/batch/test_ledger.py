import subprocess
import sys
from pathlib import Path

import pytest

from napari_medkd.batch.ledger import FILE, FOLDER, Ledger, read_rows
from napari_medkd.batch.row import Class, Row
from napari_medkd.errors import StorageError

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from napari_medkd.batch.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def row(name="a.png", status="done", **more):
    return Row(name=name, key="k", run="r", status=status, output=name, **more)


def test_the_last_line_about_an_image_counts(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.append([row(status="begun"), row("b.png", "failed")])
        ledger.append([row(confidence=0.5, classes=(Class(label=1, name="x", voxels=3, size=3),))])
        entries = ledger.entries()
        assert {name: entry.status for name, entry in entries.items()} == {"a.png": "done", "b.png": "failed"}
        assert entries["a.png"].confidence == 0.5
        assert ledger.row(entries["a.png"]).classes[0].voxels == 3
    assert {one.name: one.status for one in read_rows(tmp_path)} == {"a.png": "done", "b.png": "failed"}


def test_a_torn_line_is_passed_over_and_ended(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.append([row()])
    path = tmp_path / FOLDER / FILE
    path.write_bytes(path.read_bytes() + b'{"schema_version":1,"name":"b.p')
    with Ledger(tmp_path) as ledger:
        assert list(ledger.entries()) == ["a.png"]
        ledger.append([row("c.png")])
        assert list(ledger.entries()) == ["a.png", "c.png"]
        assert ledger.row(ledger.entries()["c.png"]).name == "c.png"


def test_one_batch_at_a_time_writes_to_a_folder(tmp_path):
    command = [sys.executable, "-c", HOLDER, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StorageError, match="Another batch"):
            Ledger(tmp_path)
        holder.kill()
    Ledger(tmp_path).close()


def test_what_a_killed_writer_left_is_swept_away(tmp_path):
    (tmp_path / "sub").mkdir()
    half = tmp_path / "sub" / f".{'0a' * 16}.nii.gz"
    half.write_bytes(b"half")
    kept = [tmp_path / ".hidden", tmp_path / "sub" / "mask.png"]
    for path in kept:
        path.write_bytes(b"")
    with Ledger(tmp_path) as ledger:
        ledger.sweep()
    assert not half.exists() and all(path.exists() for path in kept)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="could not be written"):
        Ledger(tmp_path / "file")


def test_a_folder_without_a_batch_has_no_rows(tmp_path):
    assert read_rows(tmp_path) == []
