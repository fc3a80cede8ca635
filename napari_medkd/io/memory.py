"""A check before allocating: a damaged or hostile header may claim any size."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Sequence

_ASSUMED = 8 * 2**30  # where the system does not say: the memory of an ordinary laptop
_MAX_SHARE = 0.5  # reading, scaling and showing hold about two copies


def check_size(name: str, shape: Sequence[int], itemsize: int) -> None:
    """Raise `UnreadableFile` where an image has no voxels or would not fit into memory.

    Parameters
    ----------
    name : str
        What the message calls the file.
    shape : sequence of int
        Voxels along every axis, channels included.
    itemsize : int
        Bytes a value.
    """
    size = "×".join(map(str, shape))
    if any(int(n) <= 0 for n in shape):
        raise UnreadableFile(f'"{name}" has no pixels: its header says {size}.', "The file is damaged.")
    needed = float(np.prod([float(n) for n in shape])) * itemsize
    limit = _physical_memory() * _MAX_SHARE
    if needed > limit:
        raise UnreadableFile(
            f'"{name}" says that it holds {size} values, {needed / 2**30:.3g} GB; '
            f"at most {limit / 2**30:.3g} GB can be opened on this computer.",
            "Crop or downsample it, or check whether the file is damaged.",
        )


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not a POSIX system
        return _ASSUMED
