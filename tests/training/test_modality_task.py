"""Views of several kinds, what is learnt from them, and how the router is taught."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medkd.models.card import Target
from napari_medkd.models.modality.router import Router
from src_training.clicks import OUTSIDE, PADDING, Conversation
from src_training.draws import Draws
from src_training.kinds import Kinds
from src_training.losses.masks import hard_dice
from src_training.pictures import Picture
from src_training.scenes import Scene
from src_training.tasks.modality import ModalityTask, ModalityValidation, _presence
from src_training.tasks.modality_views import Framing, ModalityStream
from tests.models.decoders.test_modality import KINDS, make_card, make_model

TARGETS = tuple(Target(name="thing", modality=kind) for kind in KINDS)
BOTH = Kinds(TARGETS, {"eyes": 0, "breasts": 1})


def scene(name: str, number: int = 0) -> Scene:
    """A picture whose left side is brighter, with the target in its upper left."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, :40] = 200
    objects = np.zeros((60, 80), np.uint16)
    objects[5:25, 5:30] = 1
    return Scene(Picture(name, f"{number}", image, objects), f"{name}{number}", labelled=True)


def stream(**options: object) -> ModalityStream:
    scenes = [scene("eyes"), scene("breasts")]
    return ModalityStream(scenes, BOTH, make_card(finer=True), 32, Draws(4, seed=7), **options)


def test_batches_depend_on_seed_and_step_alone_and_come_in_pieces():
    batches = stream()(0)
    next(batches)
    second, again = next(batches), next(stream()(1))
    assert torch.equal(second.images, again.images) and torch.equal(second.kinds, again.kinds)
    assert second.images.shape == (4, 3, 32, 32) and second.shares.shape == (4, 1, 32, 32)
    parts = second.pieces(3)
    assert [part.weight for part in parts] == [2, 1, 1]
    assert torch.equal(torch.cat([part.kinds for part in parts]), second.kinds)


def test_a_network_without_finer_maps_is_shown_targets_on_its_own_grid():
    coarse = ModalityStream([scene("eyes")], BOTH, make_card(), 32, Draws(2, seed=7))
    assert next(coarse(0)).shares.shape == (2, 1, 8, 8)


def test_upright_kinds_are_mirrored_but_never_stand_on_their_heads():
    upper = [
        float(view.shares[..., :16, :].sum() - view.shares[..., 16:, :].sum())
        for _, view in zip(range(12), stream(upright=KINDS)(0), strict=False)
    ]
    assert min(upper) > 0
    sides = [
        float(view.shares[..., :16].sum() - view.shares[..., 16:].sum())
        for _, view in zip(range(12), stream()(0), strict=False)
    ]
    assert min(sides) < 0 < max(sides)


def test_views_show_as_much_of_the_picture_as_was_asked():
    def seen(**asked: float) -> list[float]:
        batches = zip(range(8), stream(framing=Framing(**asked))(0), strict=False)
        return [share for _, batch in batches for share in batch.shares.mean((1, 2, 3)).tolist()]

    whole, close = seen(whole=1, closest=0.5), seen(whole=0, closest=0.25)
    assert max(whole) == pytest.approx(min(whole), abs=1e-3)  # nothing but the whole picture
    assert len({round(share, 3) for share in close}) > 16
    far = seen(whole=1, farthest=1.5)
    assert max(far) <= max(whole) and min(far) >= min(whole) / 1.5**2 - 2e-3 and np.ptp(far) > 0.01
    warped = seen(whole=1, warped=1)
    assert max(warped) - min(warped) > 0.01  # tilted, stretched, and so no longer all alike


def test_thin_things_are_never_warped():
    thin = tuple(target.model_copy(update={"joined": True}) for target in TARGETS)
    kinds = Kinds(thin, BOTH.of_set)

    def shares(warped: float) -> torch.Tensor:
        framing = Framing(whole=1, warped=warped)
        scenes, card = [scene("eyes"), scene("breasts")], make_card(finer=True)
        return ModalityStream(scenes, kinds, card, 32, Draws(4, seed=7), framing=framing).batch(0).shares

    def areas(warped: float) -> list[float]:
        return sorted(shares(warped).sum((1, 2, 3)).tolist())

    assert areas(1.0) == pytest.approx(areas(0.0))


def test_a_set_is_drawn_as_often_as_was_asked():
    often = stream(often={"breasts": 50.0})
    drawn = torch.cat([batch.kinds for _, batch in zip(range(20), often(0), strict=False)])
    assert int((drawn == 1).sum()) > 70  # of 80; by themselves the two sets are alike


def test_a_network_keeps_its_statistics_and_learns_where_it_is_asked_to():
    batch = next(stream()(0))
    for kept in (True, False):
        task = ModalityTask(make_model(make_card(finer=True)), seed=1, kept=kept)
        before = {name: value.clone() for name, value in task.model.named_buffers() if "running_" in name}
        task.train()(batch)["loss"].backward()
        after = dict(task.model.named_buffers())
        assert all(torch.equal(value, after[name]) for name, value in before.items()) is kept
        weight = next(part for name, part in task.named_parameters() if "trunk.backbone" in name)
        assert weight.grad is not None and weight.grad.any()


def test_every_part_learns_and_a_click_counts_where_it_is_asked():
    task = ModalityTask(make_model(make_card(finer=True)), seed=1, corrections=1.0)
    batch = next(stream()(0))
    figures = task.train()(batch)
    assert {"loss", "masks", "presence", "router", "patches", "corrected", "dice"} == set(figures)
    figures["loss"].backward()
    still = {name for name, value in task.named_parameters() if value.grad is None or not value.grad.any()}
    learning = (
        "trunk.backbone",
        "router",
        "controller",
        "generator",
        "queries",
        "upscaling",
        "mask_downscaling",
    )
    for part in learning:
        assert any(part in name and name not in still for name, _ in task.named_parameters()), part
    assert "corrected" not in ModalityTask(task.model, seed=1)(batch)


def test_the_router_remembers_how_kinds_look_and_learns_another_from_that():
    torch.manual_seed(0)
    router = Router(4, 2)
    looks = torch.randn(2, 8)
    for _ in range(200):
        for row, look in zip(router.rows, looks, strict=True):
            row.remember(look + 0.1 * torch.randn(6, 8))
    assert torch.allclose(torch.stack([row.mean for row in router.rows]), looks, atol=0.1)
    chance = torch.Generator().manual_seed(3)
    drawn = router.rows[0].recall(64, chance)
    assert (drawn.mean(0) - looks[0]).abs().max() < 0.1 and drawn.std(0).max() < 0.3


def test_presence_is_not_asked_for_where_hardly_anything_is_seen():
    shares = torch.zeros(3, 1, 40, 40)
    shares[1, 0, 0, 0] = 1  # less than a thousandth of the view
    shares[2, 0, :20] = 1
    wrong = torch.tensor([[9.0], [9.0], [-9.0]])
    assert float(_presence(wrong, shares)) == pytest.approx(9, abs=0.01)
    assert float(_presence(wrong[1:2], shares[1:2])) == 0


def test_nothing_found_where_nothing_is_counts_in_full():
    odds, shares = torch.full((2, 1, 4, 4), -1.0), torch.zeros(2, 1, 4, 4)
    shares[1, 0, 0] = 1
    assert hard_dice(odds, shares).tolist() == [1, 0]


def test_validation_takes_as_many_of_each_kind_and_asks_the_router():
    scenes = [scene("eyes", number) for number in range(5)] + [scene("breasts")]
    validation = ModalityValidation(scenes, BOTH, make_card(finer=True), 2, limit=3)
    assert [batch.kinds.tolist() for batch in validation.batches()] == [[0, 0], [0, 1]]
    figures = validation(ModalityTask(make_model(make_card(finer=True)).eval()))
    assert figures["score"] == pytest.approx(sum(figures[f"held_out_{kind}"] for kind in KINDS) / 2)
    assert figures["held_out_router"] in (0.25, 0.75, 0, 1)


def test_a_first_word_may_be_a_correction():
    truth, mask = np.zeros((2, 16, 16), bool), np.zeros((2, 16, 16), bool)
    mask[0, 4:9, 4:9] = True  # found what is not there; the other answer is right
    tokens = Conversation(truth, np.random.default_rng(0), answered=mask).tokens(16)
    assert tokens.labels.tolist() == [[OUTSIDE, PADDING], [PADDING, PADDING]]
    assert 3 < float(tokens.coordinates[0, 0, 0]) < 9
