"""Hidden layers of the encoders that there are, all in one layout."""

from __future__ import annotations

import pytest
import torch

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.encoders import create_encoder
from src_training.hidden import Taps, blocks, places
from tests.training.made_teacher import CARD


def encoder(name: str) -> torch.nn.Module:
    options = {
        "tiny_vit": CARD.architecture.encoder_options,
        "sam_vit": {"image_size": 64, "width": 32, "depth": 4, "heads": 2, "window": 2},
    }
    torch.manual_seed(0)
    return create_encoder(name, **options[name]).eval()


def test_pairs_are_evenly_spread_and_end_with_the_last_block():
    assert places(12, 4) == (3, 6, 9, 12) and places(6, 4) == (2, 3, 4, 6) and places(4, 4) == (1, 2, 3, 4)
    with pytest.raises(InvalidSetting, match="3 blocks"):
        places(3, 4)


@pytest.mark.parametrize(("name", "widths"), [("tiny_vit", (16, 24)), ("sam_vit", (32, 32))])
def test_maps_have_their_channels_first(name, widths):
    network = encoder(name)
    image = torch.rand(2, 3, 64, 64)
    with Taps(network, 2) as taps, torch.no_grad():
        embedding = network(image)
        caught = taps.take()
        assert not taps.take()
    assert taps.widths == widths
    assert [tuple(maps.shape[:2]) for maps in caught] == [(2, width) for width in widths]
    assert all(maps.shape[2] == maps.shape[3] for maps in caught) and caught[-1].shape[2] == 4
    with torch.no_grad():
        assert torch.equal(network(image), embedding)
    assert not taps.take()  # it listens only while it is entered


def test_what_is_caught_is_what_the_next_part_is_given():
    network = encoder("sam_vit")
    with Taps(network, 4) as taps, torch.no_grad():
        embedding = network(torch.rand(1, 3, 64, 64))
        last = taps.take()[-1]
        assert torch.allclose(network.neck(last), embedding, atol=1e-6)


def test_an_encoder_without_blocks_is_a_sentence():
    with pytest.raises(InvalidSetting, match="Conv2d"):
        blocks(torch.nn.Conv2d(3, 8, 3))
