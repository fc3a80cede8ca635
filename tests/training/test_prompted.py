"""One prompt, one mask: the loss, the prompts, and what stays as it is."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from napari_medkd.models.promptable import build_model
from src_training.batches import ViewStream
from src_training.draws import Draws
from src_training.losses.masks import soft_dice_loss, weighted_mask_loss
from src_training.tasks.prompted import PromptedTask
from tests.training.test_batches import CARD
from tests.training.test_views import picture

STUDENT = CARD.model_copy(
    update={
        "architecture": CARD.architecture.model_copy(
            update={
                "decoder": "sam",
                "decoder_options": {"mlp_dim": 32},
                "logits_per_cell": 4,
                "masks": "one",
                "encoder_options": {"backbone": "mobilenetv4_conv_small_035", "finer": False, "width": 16},
            }
        )
    }
)


def task(**options: object) -> PromptedTask:
    torch.manual_seed(0)
    student = build_model(STUDENT.architecture, STUDENT.preprocessing)
    return PromptedTask(student, 64, 3, soft_dice_loss, **options)  # type: ignore[arg-type]


def batch():
    return ViewStream([([picture(90, 90)], 1.0)], STUDENT, Draws(3, seed=0), 2).batch(0)


def test_the_loss_is_that_of_each_objects_own_prompt():
    asking = task(boxes=1.0).eval()
    views = batch()
    asked: list[torch.Tensor] = []
    decode = asking.student.decode

    def listening(features, coordinates, labels, mask=None):
        asked.append(labels)
        answer = decode(features, coordinates, labels, mask)
        asked.append(answer[0])
        return answer

    asking.student.decode = listening  # type: ignore[method-assign]
    figures = asking(views)
    labels, logits = asked
    assert labels.tolist() == [[2, 3]] * len(views.targets)  # boxes, and nothing else
    assert logits.shape[:2] == (len(views.targets), 1)
    by_hand = soft_dice_loss(logits[:, 0], views.targets).mean()
    assert figures["masks"].item() == pytest.approx(by_hand.item())
    assert figures["loss"].item() == pytest.approx((figures["masks"] + figures["score_error"]).item())


def test_points_are_asked_with_where_boxes_are_not():
    asking, labels = task(boxes=0.0).eval(), []
    decode = asking.student.decode
    asking.student.decode = lambda *said: (labels.append(said[2]), decode(*said))[1]  # type: ignore
    asking(batch())
    assert labels[0].tolist() == [[1, -1]] * len(labels[0])


def test_a_frozen_encoder_keeps_its_weights_and_its_statistics():
    asking = task().train()
    asking.student.requires_grad_(False)
    asking.student.mask_decoder.requires_grad_(True)
    before = {name: value.clone() for name, value in asking.student.image_encoder.state_dict().items()}
    asking(batch())["loss"].backward()
    after = asking.student.image_encoder.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    learning = asking.student.mask_decoder.transformer.layers[0].self_attn.q_proj.weight
    assert learning.grad is not None and learning.grad.abs().sum() > 0


def test_an_encoder_that_learns_sees_its_own_statistics():
    asking = task(still=False).train()
    before = {name: value.clone() for name, value in asking.student.image_encoder.state_dict().items()}
    asking(batch())["loss"].backward()
    after = asking.student.image_encoder.state_dict()
    assert any(not torch.equal(value, after[name]) for name, value in before.items())
    weight = next(asking.student.image_encoder.parameters())
    assert weight.grad is not None and weight.grad.abs().sum() > 0


def test_the_weighted_loss_is_that_of_samed():
    logits, target = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    entropy, dice = torch.log(torch.tensor(2.0)).item(), 1 - (2 * 8 + 1) / (8 + 16 + 1)
    assert weighted_mask_loss(logits, target).item() == pytest.approx(0.2 * entropy + 0.8 * dice)
    only = partial(weighted_mask_loss, dice=1.0)
    assert torch.equal(only(logits, target), soft_dice_loss(logits, target))
