"""Who looks: the session's own model where it works by itself, else ours, else the own one everywhere."""

from __future__ import annotations

import pytest

from napari_medkd.widgets.looker_chooser import LookerChooser
from tests.doubles import ThresholdSegmenter
from tests.seeing import Seeing

OURS, OTHER = Seeing(id="medkd-auto").card, Seeing(id="another").card
CLICKED = ThresholdSegmenter(id="clicked").card


@pytest.fixture
def chooser(session, qtbot) -> LookerChooser:
    chooser = LookerChooser(session)
    qtbot.addWidget(chooser)
    return chooser


def test_ours_looks_where_it_is_installed(chooser):
    assert chooser.model_id == "" and chooser.currentText() == "Everything, with Threshold"
    chooser.set_models([OTHER, CLICKED])
    assert chooser.model_id == "" and chooser.card.id == "threshold"
    chooser.set_models([OTHER, CLICKED, OURS])
    assert chooser.model_id == "medkd-auto" and chooser.card is OURS
    assert [chooser.itemData(place) for place in range(chooser.count())] == ["medkd-auto", "another", ""]


def test_what_was_chosen_stays_until_it_is_gone(chooser, session):
    chooser.set_models([OURS, OTHER])
    chooser.setCurrentIndex(1)
    chooser.activated.emit(1)
    session.set_segmenter(ThresholdSegmenter(id="next"))
    assert chooser.model_id == "another"
    chooser.set_models([OURS])
    assert chooser.model_id == "medkd-auto"


def test_a_model_of_the_session_that_works_by_itself_looks(chooser, session):
    chooser.set_models([OURS])
    session.set_segmenter(Seeing(id="mine"))
    assert chooser.model_id == "mine" and chooser.findData("") < 0
    session.set_segmenter(None)
    assert chooser.model_id == "medkd-auto" and chooser.findText("Everything") >= 0


def test_the_one_of_the_settings_looks_and_a_new_one_there_wins_over_what_was_chosen(chooser):
    chooser.set_models([OURS, OTHER], "another")
    assert chooser.model_id == "another" and chooser.itemData(0) == "another"
    chooser.setCurrentIndex(1)
    chooser.activated.emit(1)
    chooser.set_models([OURS, OTHER], "another")
    assert chooser.model_id == "medkd-auto"
    learnt = Seeing(id="medkd-auto-r1").card
    chooser.set_models([OURS, OTHER, learnt], "medkd-auto-r1")
    assert chooser.model_id == "medkd-auto-r1"
    chooser.set_models([OURS], "medkd-auto-r1")
    assert chooser.model_id == "medkd-auto", "it was removed"
