"""Batches of pictures are cut and moved with everything that belongs to a picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from src_training.picture_batch import PictureBatch


@dataclass(frozen=True, slots=True, eq=False)
class Some(PictureBatch):
    images: Tensor
    layers: tuple[Tensor, ...]
    step: int


def batch(count: int) -> Some:
    images = torch.arange(count * 12.0).reshape(count, 3, 2, 2)
    return Some(images, (torch.arange(count), 10 * torch.arange(count)), 7)


def test_pieces_keep_pictures_and_what_belongs_to_them_together() -> None:
    whole = batch(5)
    pieces = whole.pieces(3)
    assert [piece.weight for piece in pieces] == [2, 2, 1] and whole.weight == 5
    assert torch.equal(torch.cat([piece.images for piece in pieces]), whole.images)
    assert [piece.layers[1].tolist() for piece in pieces] == [[0, 10], [20, 30], [40]]
    assert all(piece.step == 7 for piece in pieces)


def test_no_more_pieces_than_pictures() -> None:
    assert len(batch(2).pieces(4)) == 2


def test_on_a_device_pictures_are_channels_last_and_the_rest_is_moved() -> None:
    moved = batch(2).to(torch.device("meta"))
    assert moved.images.is_contiguous(memory_format=torch.channels_last)
    assert {moved.images.device.type, *(layer.device.type for layer in moved.layers)} == {"meta"}
    assert moved.step == 7
