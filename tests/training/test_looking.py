"""What a model that learns is looked at by: figures kind by kind, and previews."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from src_training.looking import Look, Pool, Previews
from src_training.tasks.rehearsal import RehearsalTask
from tests.training.test_rehearsal import CARD, pictures, student  # noqa: F401 - a fixture


@pytest.fixture
def task(student):  # noqa: F811
    return RehearsalTask(student, student, 1.0, frame=64, rounds=1, seed=0).eval()


@pytest.fixture
def previews(tmp_path):
    told = []
    context = SimpleNamespace(folder=tmp_path, write=told.append)
    shown = Previews(pictures("own", 2, 0), CARD, context, "learning")
    return SimpleNamespace(shown=shown, told=told, folder=tmp_path)


def test_each_kind_has_its_figures_and_counts_alike(task, previews):
    def pool(name, seed):
        return Pool(name, pictures(name, 2, seed), CARD, 2, 1, 1, still=True)

    look = Look(pool("held_out", 0), [pool("replay_a", 1), pool("replay_b", 2)], previews.shown)
    found = look.measured(task)
    score = found.pop("score")
    assert set(found) == {
        f"{pool}_{when}_iou" for pool in ("held_out", "replay_a", "replay_b") for when in ("first", "last")
    }
    own, kept = (
        [value for name, value in found.items() if name.startswith(part)] for part in ("held_out", "replay")
    )
    assert score == pytest.approx((np.mean(own) + np.mean(kept)) / 2)
    assert look.measured(task)["score"] == score, "the same views at every look"
    alone = Look(pool("held_out", 0), [], previews.shown).measured(task)
    assert alone["score"] == pytest.approx(np.mean(own))


def test_a_preview_shows_the_pictures_without_what_they_were_padded_with(task, previews):
    previews.shown.draw(task, 20)
    (event,) = previews.told
    with Image.open(previews.folder / event.path) as drawn:
        width, height = drawn.size
    assert height in (53, 54), "50 rows of 60 columns, brought to 64"
    assert width > 2 * 64
