"""Cases of a folder, and those of a batch's report with what the batch said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from napari_medkd import runs
from napari_medkd.batch.ledger import Ledger
from napari_medkd.batch.row import Row
from napari_medkd.errors import UnreadableFile
from napari_medkd.learning import cases

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for name in ("b.png", "a.png", "sub/c.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 9), 90, np.uint8)).save(path)
    (folder / "notes.txt").write_text("no image")
    return folder


def batch_of(folder: Path, target: Path) -> None:
    """Leave what a batch leaves."""
    runs.RunSpec(recipe="batch", options={"source": str(folder)}).save(runs.home() / "batch-1")
    with Ledger(target) as ledger:
        rows = (
            Row(name="a.png", key="1", run="batch-1", status="done", output="a.png", confidence=0.9),
            Row(name="b.png", key="2", run="batch-1", status="failed", reason="It is cut off."),
            Row(name="sub/c.png", key="3", run="batch-1", status="done", output="sub/c.png", confidence=0.2),
            Row(name="gone.png", key="4", run="batch-1", status="done", output="gone.png", confidence=0.1),
        )
        ledger.append(rows)


def test_a_folder_gives_its_images_by_name(folder):
    found = cases.in_folder(folder)
    assert [case.name for case in found.cases] == ["a.png", "b.png", "sub/c.png"]
    assert found.masks == folder.with_name("images-masks")
    assert cases.read(found.cases[2]).shape == (1, 8, 9)


def test_a_folder_without_an_image_is_a_sentence(tmp_path):
    with pytest.raises(UnreadableFile, match="no image in the folder"):
        cases.in_folder(tmp_path)


def test_a_report_gives_confidence_masks_and_failures(folder, tmp_path):
    target = tmp_path / "masks"
    batch_of(folder, target)
    found = cases.in_report(target / "report.csv")
    by_name = {case.name: case for case in found.cases}
    assert set(by_name) == {"a.png", "b.png", "sub/c.png"}  # one is not there any more
    assert by_name["sub/c.png"].confidence == 0.2
    assert by_name["sub/c.png"].made == target / "sub/c.png"
    assert by_name["b.png"].problem == "It is cut off." and by_name["b.png"].made is None
    assert found.masks == tmp_path / "masks-corrected"


def test_a_folder_that_is_no_report_is_a_sentence(folder):
    with pytest.raises(UnreadableFile, match="no report of a batch"):
        cases.in_report(folder)


def test_a_report_whose_images_moved_says_so(folder, tmp_path):
    batch_of(folder, tmp_path / "masks")
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UnreadableFile, match="not there any more"):
        cases.in_report(tmp_path / "masks")
