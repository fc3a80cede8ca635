"""What batches of whole pictures share: every tensor has a row for each picture."""

from __future__ import annotations

from dataclasses import fields, replace
from operator import itemgetter
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
        return [self._each(itemgetter(slice(int(part[0]), int(part[-1]) + 1))) for part in parts]

    def to(self, device: torch.device) -> Self:
        """Return it on a device, pictures in the order of pixels in which convolutions are fastest."""
        images = self.images.to(device, memory_format=torch.channels_last)
        return replace(self._each(lambda rows: rows.to(device)), images=images)  # type: ignore[type-var]

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Return a copy in which every tensor is changed."""

        def changed(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(changed, value))
            return change(value) if isinstance(value, Tensor) else value

        every = {one.name: changed(getattr(self, one.name)) for one in fields(self)}  # type: ignore[arg-type]
        return type(self)(**every)
