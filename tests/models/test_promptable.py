from __future__ import annotations

import pytest
import torch
from segment_anything.modeling import MaskDecoder

from napari_medkd.models.card import Architecture, Preprocessing
from napari_medkd.models.promptable import PromptableModel, build_model

TINY = {"image_size": 64, "width": 32, "depth": 1, "heads": 2}


def tiny(masks="three", grid=4, frame=64):
    torch.manual_seed(0)
    architecture = Architecture(encoder="sam_vit", encoder_options=TINY, grid=grid, masks=masks)
    return build_model(architecture, Preprocessing(size=64, prompt_size=frame))


@pytest.fixture(scope="module")
def model() -> PromptableModel:
    return tiny()


def ask_sam(model, features, points=None, boxes=None, masks=None, multimask=False):
    """What segment-anything itself answers with the same weights."""
    sparse, dense = model.prompt_encoder(points=points, boxes=boxes, masks=masks)
    decoder = model.mask_decoder
    assert isinstance(decoder, MaskDecoder)
    whole = MaskDecoder.forward  # what ours inherits; its own forward takes features of several sizes
    return whole(decoder, features[0], model.prompt_encoder.get_dense_pe(), sparse, dense, multimask)


POINTS = torch.tensor([[[10.0, 20.0], [40.5, 3.0]]])
LABELS = torch.tensor([[1, 0]])
BOX = torch.tensor([[5.0, 6.0, 50.0, 40.0]])
PAD, PAD_LABEL = torch.zeros(1, 1, 2), torch.tensor([[-1]])
CORNERS, CORNER_LABELS = BOX.reshape(1, 2, 2), torch.tensor([[2, 3]])


@pytest.mark.parametrize(
    ("tokens", "labels", "prompt"),
    [
        (torch.cat([POINTS, PAD], 1), torch.cat([LABELS, PAD_LABEL], 1), {"points": (POINTS, LABELS)}),
        (CORNERS, CORNER_LABELS, {"boxes": BOX}),
        (
            torch.cat([POINTS, CORNERS], 1),
            torch.cat([LABELS, CORNER_LABELS], 1),
            {"points": (POINTS, LABELS), "boxes": BOX},
        ),
    ],
    ids=["points", "box", "points and box"],
)
@pytest.mark.parametrize("with_mask", [False, True])
def test_tokens_are_what_sams_prompt_encoder_makes_of_points_and_boxes(
    model, tokens, labels, prompt, with_mask
):
    mask = torch.randn(1, 1, 16, 16) if with_mask else None
    with torch.inference_mode():
        features = model.encode(torch.randn(1, 3, 64, 64))
        logits, scores = model.decode(features, tokens, labels, mask)
        single, single_score = ask_sam(model, features, **prompt, masks=mask)
        several, several_scores = ask_sam(model, features, **prompt, masks=mask, multimask=True)
    torch.testing.assert_close(logits, torch.cat([single, several], 1))
    torch.testing.assert_close(scores, torch.cat([single_score, several_scores], 1))


def test_several_prompts_are_answered_at_once(model):
    with torch.inference_mode():
        features = model.encode(torch.randn(1, 3, 64, 64))
        boxes = torch.tensor([[[5.0, 6.0], [50.0, 40.0]], [[1.0, 1.0], [9.0, 9.0]]])
        labels = CORNER_LABELS.expand(2, 2)
        together, _ = model.decode(features, boxes, labels)
        alone, _ = model.decode(features, boxes[1:], labels[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("masks", "count"), [("one", 1), ("three", 4)])
def test_the_card_says_how_many_masks(masks, count):
    model = tiny(masks=masks)
    with torch.inference_mode():
        logits, scores = model.decode(torch.randn(1, 256, 4, 4), CORNERS, CORNER_LABELS)
    assert logits.shape == (1, count, 16, 16) and scores.shape == (1, count)


@pytest.mark.parametrize("grid", [3, 8])
def test_any_grid_will_do(grid):
    model = tiny(grid=grid)
    with torch.inference_mode():
        logits, _ = model.decode(torch.randn(1, 256, grid, grid), CORNERS, CORNER_LABELS)
    assert logits.shape == (1, 4, 4 * grid, 4 * grid)


def test_prompts_live_in_the_prompt_frame():
    near, far = tiny(frame=64), tiny(frame=128)
    with torch.inference_mode():
        features = torch.randn(1, 256, 4, 4)
        expected, _ = near.decode(features, CORNERS, CORNER_LABELS)
        # half a pixel of a frame twice as large is half as much
        found, _ = far.decode(features, (CORNERS + 0.5) * 2 - 0.5, CORNER_LABELS)
    torch.testing.assert_close(found, expected)


def test_gradients_reach_encoder_and_decoder(model):
    logits, scores = model.decode(model.encode(torch.randn(1, 3, 64, 64)), CORNERS, CORNER_LABELS)
    (logits.mean() + scores.mean()).backward()
    assert model.image_encoder.neck[0].weight.grad.abs().sum() > 0
    assert model.mask_decoder.iou_token.weight.grad.abs().sum() > 0
    assert model.prompt_encoder.point_embeddings[2].weight.grad.abs().sum() > 0
    model.zero_grad(set_to_none=True)
