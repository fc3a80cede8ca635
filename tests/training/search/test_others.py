"""Networks that a search trained beside its model: one that cannot be written does not end the run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import nn

from napari_medkd.errors import ModelUnavailable
from src_training.search.others import keep_other
from tests.training.made_teacher import CARD


def test_a_copy_is_written_under_a_name_of_its_own(monkeypatch):
    written: dict[str, Any] = {}

    def export(model: Any, card: Any, config: Any, context: Any, figures: Any, name: str) -> None:
        written.update(card=card, figures=figures, name=name)
        with torch.no_grad():
            model.weight.zero_()  # an export rounds weights; the network that goes on must not feel it

    student = nn.Linear(1, 1)
    before = student.weight.detach().clone()
    monkeypatch.setattr("src_training.search.others.export", export)
    place = keep_other(
        cast("Any", student), CARD, "EfficientViT-B1", cast("Any", None), cast("Any", None), {"iou": 0.5}
    )
    assert place == written["name"] == "others/efficientvit-b1" and written["figures"] == {"iou": 0.5}
    assert written["card"].id == f"{CARD.id}-efficientvit-b1" and "EfficientViT-B1" in written["card"].title
    assert torch.equal(student.weight, before)


def test_one_that_cannot_be_written_is_a_warning(monkeypatch):
    warned: list[tuple[str, str]] = []

    def export(*_: Any) -> None:
        raise ModelUnavailable("It answers otherwise.", "Use torch.")

    monkeypatch.setattr("src_training.search.others.export", export)
    context = SimpleNamespace(warn=lambda message, hint: warned.append((message, hint)))
    student = cast("Any", nn.Linear(1, 1))
    assert keep_other(student, CARD, "random 1", cast("Any", None), cast("Any", context), {}) == ""
    assert warned == [("random 1 was trained but is not kept: It answers otherwise.", "Use torch.")]
