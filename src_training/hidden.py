"""What a transformer's blocks give while it runs: the hidden layers that a student is aligned with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_anything.modeling import ImageEncoderViT
from torch import nn

from napari_medkd.errors import InvalidSetting

if TYPE_CHECKING:
    from torch import Tensor


def places(depth: int, count: int) -> tuple[int, ...]:
    """Return after which of `depth` blocks to look, the first one being 1: `count` of them, evenly spread."""
    if depth < count:
        raise InvalidSetting(
            f"{count} hidden layers are to be aligned, and a network has {depth} blocks.",
            "Choose fewer pairs, or a deeper network.",
        )
    return tuple(round(depth * number / count) for number in range(1, count + 1))


def blocks(encoder: nn.Module) -> list[nn.Module]:
    """Return the blocks of an image encoder in the order in which it runs them."""
    found = [
        block
        for name, part in encoder.named_modules()
        if name.rpartition(".")[2] == "blocks" and isinstance(part, nn.ModuleList | nn.Sequential)
        for block in part
    ]
    if not found:
        raise InvalidSetting(
            f"The image encoder {type(encoder).__name__} has no blocks to be aligned with.",
            "Choose a SAM ViT, MedSAM, LiteMedSAM, MobileSAM or TinySAM as the teacher.",
        )
    return found


def width(block: nn.Module) -> int:
    """Return the channels that a block gives: its last parameter is a bias or a norm of its output."""
    return int(list(block.parameters())[-1].shape[0])


class Taps:
    """Catches what `count` blocks of an encoder give, for as long as it is entered.

    Parameters
    ----------
    encoder : nn.Module
        SAM's ViT, a TinyViT, or another whose blocks give maps.
    count : int
        How many of its blocks, evenly spread, the last one among them.

    Attributes
    ----------
    widths : tuple of int
        Channels of each.
    """

    def __init__(self, encoder: nn.Module, count: int) -> None:
        every = blocks(encoder)
        self._chosen = [every[place - 1] for place in places(len(every), count)]
        self.widths = tuple(width(block) for block in self._chosen)
        self._last = isinstance(encoder, ImageEncoderViT)  # the channels come last in its blocks
        self._caught: list[Tensor] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> Taps:
        self._hooks = [block.register_forward_hook(self._catch) for block in self._chosen]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def take(self) -> list[Tensor]:
        """Return what was caught since the last time: (B, C, rows, columns) of each block."""
        caught, self._caught = self._caught, []
        return [maps.permute(0, 3, 1, 2) if self._last else maps for maps in caught]

    def _catch(self, _module: nn.Module, _given: Any, maps: Tensor) -> None:
        self._caught.append(maps)
