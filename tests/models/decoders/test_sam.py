"""SAM's decoder: the published forward, and prompts on an image each."""

from __future__ import annotations

import torch

from napari_medkd.models.decoders import create_decoder


def inputs(images: int) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    position, dense = (torch.randn(1, 32, 4, 4, generator=chance) for _ in range(2))
    sparse = torch.randn(3, 2, 32, generator=chance)
    return [torch.randn(images, 32, 4, 4, generator=chance)], position, sparse, dense


def test_it_answers_as_segment_anything_does():
    torch.manual_seed(0)
    decoder = create_decoder("sam", dim=32, mlp_dim=16).eval()
    features, position, sparse, dense = inputs(1)
    with torch.no_grad():
        ours = decoder(features, position, sparse, dense)
        theirs = decoder.predict_masks(features[0], position, sparse, dense)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_each_prompt_may_have_an_image_of_its_own():
    torch.manual_seed(0)
    decoder = create_decoder("sam", dim=32, mlp_dim=16).eval()
    features, position, sparse, dense = inputs(3)
    with torch.no_grad():
        logits, scores = decoder(features, position, sparse, dense)
        for number in range(3):
            one = slice(number, number + 1)
            alone = decoder([features[0][one]], position, sparse[one], dense)
            assert torch.allclose(logits[one], alone[0], atol=1e-5)
            assert torch.allclose(scores[one], alone[1], atol=1e-5)
