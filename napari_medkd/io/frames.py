"""Which one of several images in a file is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Sequence


def choose_frame(
    name: str, count: int, frame: int | None, what: str = "frame"
) -> tuple[int, tuple[str, ...]]:
    """Return the number of the frame to read, from 0, and a sentence where there was a choice."""
    if frame is not None and not 0 <= frame < count:
        raise UnreadableFile(
            f'"{name}" has no {what} {frame}; its {what}s are numbered from 0 to {count - 1}.',
            "Choose one of them.",
        )
    chosen = frame or 0
    if count == 1:
        return 0, ()
    return chosen, (f"{what.capitalize()} {chosen} of 0 to {count - 1} is shown; another can be chosen.",)


def unravel(frame: int, extra_shape: Sequence[int]) -> tuple[int, ...]:
    """Turn the number of a frame into indices along the extra axes, the first axis running fastest."""
    return tuple(int(i) for i in np.unravel_index(frame, tuple(extra_shape), order="F"))
