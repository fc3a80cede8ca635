from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.prompts import Prompt
from napari_medkd.errors import InvalidPrompt, UnreadableFile
from src_training.data import ImageMaskFolder
from src_training.evaluation import EvaluationReport, Question, evaluate
from tests.doubles import ThresholdSegmenter


class Proposing(ThresholdSegmenter):
    """Finds the bright halves of a slice, one after the other."""

    def __init__(self):
        super().__init__(capabilities=frozenset({"auto"}))

    def propose(self, embedding, modality=""):
        from napari_medkd.core.prompts import Box

        rows, columns = embedding.features.shape
        boxes = (Box(0, 0, rows - 1, columns // 2), Box(0, columns // 2, rows - 1, columns - 1))
        return [self.predict(embedding, Prompt(embedding.plane, box=box)) for box in boxes]


def run(folder, prompts="box", segmenter=None, limit=None, **options):
    return evaluate(
        segmenter or ThresholdSegmenter(),
        [ImageMaskFolder(folder, "test")],
        Question(prompts, **options),
        limit,
    )


def test_clicks_are_heeded_as_in_a_session(discs):
    class Deaf(ThresholdSegmenter):
        """Answers every click with the object under the first one."""

        def predict(self, embedding, prompt, previous=None, *, quick=False):
            first = Prompt(prompt.plane, points=prompt.points[:1])
            return replace(super().predict(embedding, first, previous, quick=quick), prompt=prompt)

    third = run(discs, "click", Deaf(), cap=6).rows[2]
    assert len(set(third.clicks.dice)) == 6, "by itself it would answer the same six times"


def test_boxes_are_answered_object_by_object(discs):
    segmenter = ThresholdSegmenter()
    report = run(discs, segmenter=segmenter)
    assert [(row.case, row.object) for row in report.rows] == [("a", "1"), ("a", "2"), ("b", "1")]
    assert len(segmenter.embedded) == 2, "a slice is encoded once, and not where nothing is asked"
    assert [row.model.dice for row in report.rows[:2]] == [1.0, 1.0]
    third = report.rows[2]
    assert third.pixels == 253 and third.unit == "px" and third.clicks is None
    box = segmenter.asked[2].box
    assert (box.top, box.left, box.bottom, box.right) == (21, 31, 39, 49)
    assert third.model.dice < 1 and third.filled_box.dice == pytest.approx(2 * 253 / (253 + 361))
    assert third.ellipse.dice > 0.92 and third.model.iou == pytest.approx(
        third.model.dice / (2 - third.model.dice)
    )
    one = report.sets["discs"]
    assert (one.cases, one.empty, one.objects, one.split) == (3, 1, 3, "test")
    assert one.figures["dice"].n == 3 and one.figures["dice"].cases == 2
    assert one.figures["dice"].mean == pytest.approx(np.mean([row.model.dice for row in report.rows]))
    assert one.figures["filled_box.dice"].mean < one.figures["dice"].mean
    assert "noc85" not in one.figures and one.failures == {}


def test_clicks_go_on_until_nothing_is_left_to_gain(discs):
    segmenter = ThresholdSegmenter()
    report = run(discs, "click", segmenter, cap=7)
    perfect, _, never = (row.clicks for row in report.rows)
    assert perfect.dice == [1.0] and perfect.noc == {80: 1, 85: 1, 90: 1}
    assert not any(perfect.failed.values())
    assert len(never.dice) == 7 and never.failed == {80: True, 85: True, 90: True}
    assert never.noc == {80: 7, 85: 7, 90: 7}
    one = report.sets["discs"]
    assert one.failures == {80: 1, 85: 1, 90: 1}
    assert one.figures["noc85"].mean == pytest.approx((1 + 1 + 7) / 3)
    assert one.figures["dice@3"].median == 1.0
    assert report.rows[2].model.dice == never.dice[0] == pytest.approx(2 * 253 / (253 + 441), abs=0.01)


def test_what_the_user_saw_is_given_back(discs):
    segmenter = ThresholdSegmenter()
    figures = run(discs, "click", segmenter, cap=3).sets["discs"].figures
    assert "dice@3" in figures and "dice@5" not in figures, "five clicks were never given"
    last = segmenter.previous[-3:]
    assert last[0] is None and last[1] is not None and last[2] is not None
    assert [len(prompt.points) for prompt in segmenter.asked[-3:]] == [1, 2, 3]
    blind = ThresholdSegmenter(capabilities=frozenset({"point"}))
    run(discs, "click", blind, cap=3)
    assert all(seen is None for seen in blind.previous)


def test_noise_is_the_same_whatever_else_is_asked(discs):
    everything, alone = ThresholdSegmenter(), ThresholdSegmenter()
    noisy = run(discs, "box", everything, noisy=True, seed=3)
    evaluate(alone, [ImageMaskFolder(discs, "one")], Question(noisy=True, seed=3))
    assert alone.asked == everything.asked[-1:]
    exact = ThresholdSegmenter()
    run(discs, "box", exact)
    assert exact.asked[-1] != alone.asked[0] and noisy.noisy
    other = ThresholdSegmenter()
    run(discs, "box", other, noisy=True, seed=4)
    assert other.asked != everything.asked


def test_noisy_clicks_stay_on_the_error(discs):
    segmenter = ThresholdSegmenter()
    report = run(discs, "click", segmenter, noisy=True, cap=2)
    assert all(row.clicks.dice for row in report.rows)
    assert [prompt.points[0].positive for prompt in segmenter.asked] == [True] * len(segmenter.asked)


def test_volumes_are_asked_slice_by_slice_in_millimetres(volumes):
    segmenter = ThresholdSegmenter(threshold=255)
    report = evaluate(segmenter, [ImageMaskFolder(volumes)], Question())
    assert [(row.axis, row.slice, row.object) for row in report.rows] == [(0, k, "1") for k in (1, 2, 3)]
    assert {row.unit for row in report.rows} == {"mm"} and len(segmenter.embedded) == 3
    figures = report.sets["volumes"].figures
    assert figures["dice"].low is None and figures["dice"].cases == 1, "one volume tells nothing about others"
    empty = evaluate(ThresholdSegmenter(threshold=999), [ImageMaskFolder(volumes)], Question())
    assert {row.model.hd95 for row in empty.rows} == {math.hypot(15, 16)}
    assert {row.model.dice for row in empty.rows} == {0.0}


def test_a_model_without_points_is_called_box_only(discs):
    report = run(discs, "click", ThresholdSegmenter(capabilities=frozenset({"box"})))
    assert report.unanswered == "box only" and report.rows == [] and report.sets["discs"].objects == 0


def test_auto_compares_the_whole_mask_even_an_empty_one(discs):
    report = run(discs, "auto", Proposing())
    assert [(row.case, row.object) for row in report.rows] == [("a", "all"), ("b", "all"), ("c", "all")]
    assert report.rows[0].model.dice > 0.95 and report.rows[2].model.dice == 1.0
    assert report.answer_seconds is not None
    with pytest.raises(InvalidPrompt, match="without a prompt"):
        run(discs, "auto", ThresholdSegmenter(capabilities=frozenset({"box"})))


def test_a_report_is_read_back_from_its_file(discs):
    report = run(discs, "click", limit=1)
    text = report.model_dump_json()
    assert EvaluationReport.model_validate_json(text) == report
    assert "NaN" not in text and json.loads(text)["sets"]["discs"]["figures"]["dice"]["low"] is None
    assert report.sets["discs"].cases == 1


def test_progress_counts_cases_and_an_empty_split_is_refused(discs):
    seen = []
    evaluate(
        ThresholdSegmenter(),
        [ImageMaskFolder(discs)],
        Question(),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(UnreadableFile, match="no cases"):
        evaluate(ThresholdSegmenter(), [ImageMaskFolder(discs, "val")], Question())
