"""What a comparison says, in a word and in sentences."""

import pytest

from napari_medkd.errors import UnreadableFile
from napari_medkd.runs.comparison import FILE, Change, Comparison, Interval, Latency, SetComparison


def change(before, after, low, high):
    def interval(mean, low=None, high=None):
        return Interval(mean=mean, low=low, high=high)

    return Change(before=interval(before), after=interval(after), change=interval(after - before, low, high))


def comparison(own=None, replay=None):
    sets = [
        SetComparison(name=kind, kind=kind, cases=4, objects=9, figures={"dice@1": found})
        for kind, found in (("corrections", own), ("replay", replay))
        if found is not None
    ]
    speed = Latency(encode=0.02, answer=0.01)
    return Comparison(
        before="old", after="new", cap=10, sets=sets, latency_before=speed, latency_after=speed,
        worst=[], seconds=3.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "verdict", "words"),
    [
        (0.1, 0.3, "better", "better."),
        (-0.3, -0.1, "worse", "worse."),
        (-0.1, 0.3, "unclear", "chance"),
        (None, None, "unclear", "chance"),
    ],
)
def test_the_verdict_goes_by_the_interval(low, high, verdict, words):
    found = comparison(change(0.5, 0.7, low, high))
    assert found.verdict == verdict
    assert words in found.sentences[0] and "0.700 instead of 0.500" in found.sentences[0]


def test_without_held_out_cases_nothing_is_claimed():
    found = comparison(replay=change(0.8, 0.8, -0.01, 0.01))
    assert found.verdict == "unmeasured" and "no held-out cases" in found.sentences[0]


@pytest.mark.parametrize(("after", "forgets"), [(0.795, False), (0.785, True), (0.9, False)])
def test_more_than_a_point_lost_is_forgotten(after, forgets):
    found = comparison(replay=change(0.8, after, None, None))
    assert found.forgets is forgets and ("it forgets" in found.sentences[1]) is forgets
    assert ("within the 0.01" in found.sentences[1]) is (after == 0.795)


@pytest.mark.parametrize(
    ("mean", "carotid", "words"),
    [
        (0.8, 0.88, ": nothing is forgotten."),
        (0.8, 0.79, ": nothing is forgotten on average, but carotid goes from 0.900 to 0.790."),
        (0.795, 0.79, "that it may lose on average, but carotid goes from 0.900 to 0.790."),
        (0.7, 0.79, "keep the old one for those. Worst: carotid goes from 0.900 to 0.790."),
    ],
)
def test_a_kind_that_lost_much_is_named_beside_a_mean_that_hides_it(mean, carotid, words):
    found = comparison(change(0.5, 0.7, 0.1, 0.3), change(0.8, mean, None, None))
    parts = {"nuclei": change(0.7, 0.75, None, None), "carotid": change(0.9, carotid, None, None)}
    replay = found.sets[1].model_copy(update={"parts": parts})
    said = found.model_copy(update={"sets": [found.sets[0], replay]}).sentences[1]
    assert said.endswith(words)


def test_a_model_that_kept_nothing_is_said_to_be_as_before():
    (said,) = comparison(change(0.5, 0.5, 0.0, 0.0), change(0.8, 0.8, 0.0, 0.0)).sentences
    assert "as the old one does" in said
    assert len(comparison(change(0.5, 0.5, 0.0, 0.0), change(0.8, 0.9, 0.0, 0.1)).sentences) == 2


def test_a_file_is_read_back_and_a_damaged_one_is_said(tmp_path):
    assert Comparison.load(tmp_path) is None
    found = comparison(change(0.5, 0.7, 0.1, 0.3))
    (tmp_path / FILE).write_text(found.model_dump_json())
    assert Comparison.load(tmp_path) == found
    (tmp_path / FILE).write_text("{")
    with pytest.raises(UnreadableFile, match=FILE):
        Comparison.load(tmp_path)
