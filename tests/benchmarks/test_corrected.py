"""The benchmark of clicks on what was found: the panel's way of asking, and how the page says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks import corrected
from napari_medkd.core.geometry import Plane
from napari_medkd.core.volume import Volume
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.card import Target
from src_training.data import ImageMaskFolder
from tests.batch.made import BrightRuntime, bright_card
from tests.doubles import ThresholdSegmenter
from tests.seeing import Seeing
from tests.training.made import make_set

if TYPE_CHECKING:
    from pathlib import Path


def test_clicks_are_given_to_a_model_as_the_panel_gives_them() -> None:
    picture = np.zeros((1, 48, 64), np.uint8)
    picture[0, 4:20, 4:20] = 250
    picture[0, 28:44, 40:56] = 100
    truth = picture[0] > 50
    clicked = ThresholdSegmenter(60)
    finder = Seeing(targets=(Target(name="vessel", joined=True),))
    volume = Volume.from_array(picture)
    dices, heeded = corrected.corrected(volume, Plane(0, 0), truth, finder, clicked)
    assert not clicked.asked, "a tree is changed where the click is"
    assert dices[0] < 0.7 < dices[1] and all(heeded) and len(dices) == corrected.CLICKS + 1
    alone = ThresholdSegmenter(60)
    corrected.corrected(volume, Plane(0, 0), truth, Seeing(), alone)
    assert not alone.previous[0].joined


def test_clicks_of_a_set_are_counted(tmp_path: Path) -> None:
    folder = ImageMaskFolder(make_set(tmp_path / "made", count=3))
    finder = SamSegmenter(bright_card(Target(name="nucleus")), BrightRuntime())
    found = corrected.of_set(folder, finder, ThresholdSegmenter())
    assert found["cases"] == 3 and len(found["dice"]) == corrected.CLICKS + 1
    assert 0 <= found["heeded"] <= found["clicks"] <= 3 * corrected.CLICKS


def test_the_page_says_what_clicks_do() -> None:
    own = {"dice": [{"mean": 0.1 * n, "low": 0, "high": 1} for n in range(4)], "cases": 5, "clicks": 15}
    sets = {"busi": {"itself": own | {"heeded": 15}, "clicked": own | {"heeded": 9}}}
    text = corrected.page({"model": "medkd-auto", "clicked": "medkd-fast", "split": "test", "sets": sets})
    assert "| busi (5) | 0.000 [0.000, 1.000] | 0.100 [0.000, 1.000] | 0.300" in text
    assert "15 of 15" in text and "9 of 15" in text and "medkd-fast, 1 click" in text
