"""What batches of pictures share: they are split, weighed and moved with all that belongs to a picture."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


class PictureBatch:
    """A base for frozen dataclasses of tensors (B, …), of tuples of such, and of what all pictures share.

    One field is `images`, (B, C, S, S).
    """

    __slots__ = ()

    images: Tensor

    @property
    def weight(self) -> int:
        """What a piece counts for in the mean over a batch: its pictures."""
        return len(self.images)

    def pieces(self, count: int) -> list[Self]:
        """Split into `count` smaller batches, where it has as many pictures."""
        parts = np.array_split(np.arange(len(self.images)), min(count, len(self.images)))
        return [self._piece(slice(int(part[0]), int(part[-1]) + 1)) for part in parts]

    def to(self, device: torch.device) -> Self:
        """Return it on a device, pictures in the order of pixels in which convolutions are fastest."""

        def moved(name: str, rows: Tensor) -> Tensor:
            order = torch.channels_last if name == "images" else torch.preserve_format
            return rows.to(device, memory_format=order)

        return self._each(moved)

    def _piece(self, rows: slice) -> Self:
        """Return some of the pictures with what belongs to them."""
        return self._each(lambda _, values: values[rows])

    def _each(self, change: Callable[[str, Tensor], Tensor]) -> Self:
        """Return a copy in which every tensor is changed by what it is called and holds."""

        def changed(name: str, value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(changed(name, one) for one in value)
            return change(name, value) if isinstance(value, Tensor) else value

        names = [one.name for one in fields(self)]  # type: ignore[arg-type]
        return type(self)(**{name: changed(name, getattr(self, name)) for name in names})
