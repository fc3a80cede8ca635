"""What a search keeps, and the page that is made of it."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from napari_medkd.errors import UnreadableFile
from src_training.search.derive import top
from src_training.search.drawing import Chart, Line, Mark
from src_training.search.found import (
    FOUND,
    FRONT,
    TRAJECTORY,
    Found,
    Front,
    Point,
    Priced,
    keep,
    kept,
    read_trajectory,
)
from src_training.search.page import PAGE, write_page
from tests.training.search.made_space import COSTS, SPACE, scores


def test_a_step_that_was_done_again_counts_once_and_a_torn_line_not_at_all(tmp_path):
    notes = [
        json.dumps({"step": step, "alpha": {"s": [value]}})
        for step, value in ((1, 0.5), (10, 0.6), (10, 0.7))
    ]
    (tmp_path / TRAJECTORY).write_text("\n".join([*notes, '{"step": 20, "al']), encoding="utf-8")
    assert read_trajectory(tmp_path) == {1: {"s": [0.5]}, 10: {"s": [0.7]}}
    assert read_trajectory(tmp_path / "nowhere") == {}


def test_a_point_takes_the_place_of_its_namesake():
    front = Front()
    for iou in (0.5, 0.6):
        front = front.with_point(Point(name="found", kind="found", milliseconds=2, parameters=9, iou=iou))
    assert [point.iou for point in front.points] == [0.6]


def test_a_broken_file_is_a_sentence(tmp_path):
    assert kept(tmp_path, FRONT, Front) is None
    (tmp_path / FRONT).write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableFile, match=r"front\.json"):
        kept(tmp_path, FRONT, Front)


def test_a_chart_puts_points_where_they_belong():
    chart = Chart("A < B", "ms", "IoU", (0, 10), (0, 1), (146, 156))
    chart.line(Line("all", [0, 10], [0, 1], 0))
    chart.mark(Mark("half", 5, 0.5, 1))
    chart.mark(Mark("wanted", 5, None, 2))
    root = ElementTree.fromstring(chart.svg())
    line, circle = root.find("polyline"), root.find("circle")
    assert line is not None and line.get("points") == "46.0,122.0 132.0,22.0"
    assert circle is not None and (circle.get("cx"), circle.get("cy")) == ("89.0", "72.0")
    assert next(text.text for text in root.findall("text")) == "A < B"


def test_the_page_says_what_was_found_and_what_was_not_trained(tmp_path):
    choice = top(SPACE, scores())
    plan = SPACE.plan(choice)
    keep(
        tmp_path,
        FOUND,
        Found(how="search", encoder=plan, choice=choice, predicted=9, measured=10, target=10, tries=2),
    )
    priced = Priced(
        unit="ms", widths="tiny", costs=COSTS, shared=1, target=10, measured_on="A & B, 2 threads"
    )
    write_page(tmp_path, SPACE, priced, {"encoder_ms": 10.25})
    bare = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert (
        "10.25" in bare
        and "0 → 2: mb3_e4" in bare
        and "A &amp; B" in bare
        and "Accuracy and time" not in bare
    )
    points = (
        Point(name="found", kind="found", milliseconds=10, parameters=10**6, iou=0.7),
        Point(name="RepViT", kind="known", milliseconds=20, parameters=10**7),
    )
    keep(tmp_path, FRONT, Front(points=points))
    even = {slot.name: [1 / len(slot.candidates)] * len(slot.candidates) for slot in SPACE.slots}
    lines = [json.dumps({"step": step, "alpha": even}) for step in (1, 10)]
    (tmp_path / TRAJECTORY).write_text("\n".join(lines), encoding="utf-8")
    write_page(tmp_path, SPACE, priced, {})
    whole = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "not trained" in whole and "rivals=2" in whole and whole.count("<polyline") > 20
