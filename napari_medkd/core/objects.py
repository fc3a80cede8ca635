"""What counts as one object of a mask: an instance, a connected part, a label of a slice, or all of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Geometry

Kind = Literal["instances", "components", "labels", "whole"]

LIMIT, SMALLEST = 3, 50
_CLEARLY_THICKER = 1.2  # slices this much further apart than the other voxels were acquired as slices
# Targets that are one object however many parts they fall into: their parts have no meaning of their own.
_NETS = re.compile(r"\b(vessels?|vascular|neurites?|membranes?|thin structures?)\b", re.IGNORECASE)
_TOUCHING = np.ones((3, 3), np.bool_)  # pixels that meet at a corner are one part


def objects(
    labels: NDArray[Any], kind: Kind, limit: int | None = LIMIT, smallest: int = SMALLEST
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the objects of one slice with their names, the largest first.

    Parameters
    ----------
    labels : ndarray (rows, columns)
        What is not zero belongs to an object.
    kind : str
        ``instances`` and ``labels``: every value is an object; ``components``: every connected part of a
        value is one; ``whole``: all pixels are one object, as with a tree of vessels.
    limit : int or None
        At most so many; None takes all.
    smallest : int
        Objects of fewer pixels are left out.
    """
    if kind == "whole":
        whole = labels > 0
        return [("1", whole)] if whole.sum() >= max(1, smallest) else []
    parts = _components(labels) if kind == "components" else labels
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    order = [int(value) for value in np.argsort(-sizes, kind="stable") if sizes[value] >= max(1, smallest)]
    boxes = ndimage.find_objects(parts)
    return [
        (str(rank if kind == "components" else value), _only(parts, value, boxes[value - 1]))
        for rank, value in enumerate(order[:limit], start=1)
    ]


def is_net(target: str) -> bool:
    """Tell by its name whether a target is a net, of which all of a slice is one object: retinal vessels."""
    return _NETS.search(target) is not None


def slice_axis(geometry: Geometry) -> int:
    """Return the axis that a volume was acquired along: the one clearly thicker, else the file's last."""
    spacing = np.asarray(geometry.spacing)
    apart, next_apart = np.sort(spacing)[[-1, -2]]
    return int(spacing.argmax()) if apart > _CLEARLY_THICKER * next_apart else 0


def _components(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Number the connected parts of every value; parts of two values are never one."""
    numbered = np.zeros(labels.shape, np.int32)
    count = 0
    for value in np.unique(labels[labels > 0]):
        parts, found = ndimage.label(labels == value, _TOUCHING)
        numbered[parts > 0] = parts[parts > 0] + count
        count += found
    return numbered


def _only(parts: NDArray[Any], value: int, box: Sequence[slice]) -> NDArray[np.bool_]:
    mask = np.zeros(parts.shape, np.bool_)
    mask[tuple(box)] = parts[tuple(box)] == value
    return mask
