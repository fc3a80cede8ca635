"""What the user does to layers behind our back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.session.state import Pending, State


@pytest.fixture
def told(monkeypatch):
    sentences: list[str] = []
    monkeypatch.setattr("napari_medkd.viewer.watch.tell", sentences.append)
    return sentences


def names(desk):
    return [layer.name for layer in desk.viewer.layers]


def with_proposal(desk, picture):
    image = desk.open(picture)
    desk.mouse().drag([(3, 8), (17, 22)])
    return image


@pytest.mark.parametrize("kind", ["labels", "proposal", "scribble", "boxes", "points"])
def test_a_layer_of_ours_is_put_back_in_its_place(desk, picture, told, kind):
    with_proposal(desk, picture)
    before = names(desk)
    desk.viewer.layers.remove(f"scan – {kind}")
    desk.run_later()
    assert names(desk) == before
    assert "was put back" in told[0]
    assert desk.mask.sum() == 100
    desk.session.commit()
    assert desk.layer("labels").data.sum() == 100


def test_all_of_ours_deleted_at_once_come_back(desk, picture, told):
    with_proposal(desk, picture)
    before = names(desk)
    desk.viewer.layers.selection = set(desk.workspace.layers.all)
    desk.viewer.layers.remove_selected()
    desk.run_later()
    assert names(desk) == before and len(told) == 1


def test_removing_the_image_closes_it_and_keeps_unsaved_labels(desk, picture, told):
    image = with_proposal(desk, picture)
    desk.session.commit()
    desk.viewer.layers.remove(image)
    desk.run_later()
    assert names(desk) == ["scan – labels"]
    assert desk.layer("labels").data.sum() == 100
    assert desk.session.state is State.NO_IMAGE
    desk.layer("labels").brush_size = 3
    desk.layer("labels").paint((30, 30), 1)  # an ordinary layer now: nobody is told, nothing fails


def test_removing_the_image_with_empty_labels_takes_everything(desk, picture, told):
    desk.viewer.layers.remove(desk.open(picture))
    desk.run_later()
    assert names(desk) == []


def test_removing_the_image_with_a_proposal_asks(desk, picture, told):
    image = with_proposal(desk, picture)
    before = names(desk)
    desk.viewer.layers.remove(image)
    desk.run_later()
    assert len(desk.answers.asked) == 1
    assert names(desk) == before and desk.workspace.image is image
    assert desk.mask.sum() == 100 and "put back" in told[0]
    desk.answers.pending = Pending.DISCARD
    desk.viewer.layers.remove(image)
    desk.run_later()
    assert names(desk) == []


def test_deleting_everything_closes(desk, picture, told):
    with_proposal(desk, picture)
    desk.answers.pending = Pending.DISCARD
    desk.viewer.layers.clear()
    desk.run_later()
    assert names(desk) == [] and desk.session.state is State.NO_IMAGE


def test_other_data_in_the_image_are_opened_again(desk, picture, told):
    image = desk.open(picture)
    image.data = np.roll(picture, 3, axis=0)
    desk.run_later()
    desk.mouse().drag([(3, 8), (22, 22)])
    assert desk.mask[8:18, 10:20].all()


def test_hiding_the_image_loses_nothing(desk, picture, told):
    image = with_proposal(desk, picture)
    image.visible = False
    desk.run_later()
    assert desk.mask.sum() == 100


def test_the_image_that_is_dropped_or_selected_is_opened(desk, picture, told):
    image = desk.viewer.add_image(picture, name="scan")
    desk.run_later()
    assert desk.workspace.image is image
    other = desk.viewer.add_image(picture[:20], name="other")
    desk.run_later()
    assert desk.workspace.image is other and "scan – labels" not in desk.viewer.layers
    desk.viewer.layers.selection.active = image
    desk.run_later()
    assert desk.workspace.image is image


def test_selecting_another_image_leaves_a_proposal_alone(desk, picture, told):
    image = with_proposal(desk, picture)
    desk.viewer.add_image(picture[:20], name="other")
    desk.run_later()
    assert desk.workspace.image is image and desk.mask.sum() == 100
    assert "other is not opened" in told[0] and desk.answers.asked == []
