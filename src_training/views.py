"""Views of a picture: square crops of every scale around its objects, as the network would look at them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from src_training.pictures import Picture

_SMALLEST_SHARE, _LARGEST_SHARE = 0.1, 0.9  # of the view's side that the object's longer side takes
_WHOLE = 0.3  # share of views that show the whole picture, as the first look at a slice does
_TINY = 0.04  # of the whole picture: an object smaller than this is only learnt from close by
_CLOSEST = 48  # pixels of the picture that a view shows at least
_INSIDE = 0.6  # share of an object that must be in the view, to be asked for
# A neighbour that is made up: about what the next slice but one of a body is to a slice.
_GROWN = 0.15  # logarithm of its size, at most
_SHEARED = 0.08
_SHIFTED = 0.06  # of the object's longer side
# A view that is warped: as another hand would have held the camera or the probe.
_TILTED = np.pi / 9  # radians, at most
_STRETCHED = 0.18  # logarithm of each side's scale, at most
_VISIBLE = 12.0  # pixels of the target map that an object must cover, to be asked for


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One crop at the network's size.

    Parameters
    ----------
    image : Tensor (3, S, S) float
        Grey values of 0 to 255; outside the picture 0.
    inside : Tensor (1, S, S) float
        1 where the picture is.
    targets : Tensor (objects, h, h) float
        How much of each cell belongs to each object, 0 to 1.
    beside : Tensor (objects, h, h) float, optional
        The same of the objects on a neighbouring slice.
    """

    image: Tensor
    inside: Tensor
    targets: Tensor
    beside: Tensor | None = None


def draw_view(
    picture: Picture, rng: Generator, size: int, side: int, limit: int, whole: bool = False
) -> View:
    """Draw an object, a scale and a place, and return that view with up to `limit` of its objects.

    Parameters
    ----------
    size, side : int
        Sides of the network's input and of its answer.
    whole : bool
        Whether every view shows the whole picture.
    """
    chosen = int(rng.integers(1, picture.count + 1))
    where = (0, 0, max(picture.objects.shape)) if whole else _around(picture, chosen, rng)
    return cut(picture, where, _visible(picture, where, chosen, rng, limit, side), size, side)


def draw_beside(picture: Picture, rng: Generator, size: int, side: int, limit: int) -> View | None:
    """Draw a view as `draw_view` does, placed by where objects are on a neighbouring slice.

    That is all that is known of them when they are followed through a volume. A picture that is no slice of a
    volume has a neighbour made up: one of its objects, moved a little. None where nothing of them is left to
    see on this slice.
    """
    there = replace(picture, objects=_neighbour(picture, rng))
    numbers = np.unique(there.objects)[1:]
    if not numbers.size:
        return None
    where = _around(there, chosen := int(rng.choice(numbers)), rng)
    found = _visible(there, where, chosen, rng, limit, side)
    view = cut(picture, where, found, size, side)
    kept = view.targets.sum((1, 2)) >= _VISIBLE
    beside = _shares(there, where, found, side)
    return replace(view, targets=view.targets[kept], beside=beside[kept]) if kept.any() else None


def cut(picture: Picture, where: tuple[int, int, int], objects: list[int], size: int, side: int) -> View:
    """Return the view at (top, left) of `extent` pixels a side; what is beyond the picture is 0."""
    top, left, extent = where
    rows, columns = slice(top, top + extent), slice(left, left + extent)
    image = torch.from_numpy(picture.image[rows, columns]).permute(2, 0, 1).float()
    padding = (0, extent - image.shape[2], 0, extent - image.shape[1])
    inside = functional.pad(torch.ones(1, *image.shape[1:]), padding)
    image = functional.pad(image, padding)
    targets = _shares(picture, where, objects, side)
    scaled = functional.interpolate(
        torch.cat([image, inside])[None], (size, size), mode="bilinear", align_corners=False, antialias=True
    )[0]
    return View(scaled[:3].clamp(0, 255), (scaled[3:] > 0.5).float(), targets)


def stretched(picture: Picture) -> Picture:
    """Return a picture whose shorter side is drawn out to the longer, as some models were trained to see."""
    side = max(picture.objects.shape)
    if picture.objects.shape == (side, side):
        return picture
    maps = torch.from_numpy(picture.image).permute(2, 0, 1)[None].float()
    image = functional.interpolate(maps, (side, side), mode="bilinear", align_corners=False)
    rows, columns = ((np.arange(side) * length) // side for length in picture.objects.shape)
    return replace(
        picture,
        image=image[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy(),
        objects=picture.objects[np.ix_(rows, columns)],
    )


def turned(view: View, rng: Generator) -> View:
    """Flip and turn a view by quarters, target and image alike."""
    quarters, flip = int(rng.integers(4)), bool(rng.integers(2))

    def turn(maps: Tensor) -> Tensor:
        maps = torch.rot90(maps, quarters, (1, 2))
        return maps.flip(2) if flip else maps

    beside = None if view.beside is None else turn(view.beside)
    return View(turn(view.image), turn(view.inside), turn(view.targets), beside)


def warped(view: View, rng: Generator) -> View:
    """Tilt, stretch and slant a view a little about its middle, target and image alike."""
    angle = rng.uniform(-_TILTED, _TILTED)
    tilt = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slant = np.array([[1, rng.uniform(-_SHEARED, _SHEARED)], [0, 1]])
    matrix = np.diag(np.exp(rng.uniform(-_STRETCHED, _STRETCHED, 2))) @ tilt @ slant
    affine = torch.from_numpy(np.column_stack([matrix, np.zeros(2)]).astype(np.float32))[None]

    def warp(maps: Tensor) -> Tensor:
        grid = functional.affine_grid(affine, [1, *maps.shape], align_corners=False)
        return functional.grid_sample(maps[None], grid, mode="bilinear", align_corners=False)[0]

    beside = None if view.beside is None else warp(view.beside)
    return View(warp(view.image), (warp(view.inside) > 0.5).float(), warp(view.targets), beside)


def _shares(picture: Picture, where: tuple[int, int, int], objects: list[int], side: int) -> Tensor:
    """Return how much of each cell of a view belongs to each object, (objects, side, side)."""
    top, left, extent = where
    labels = picture.objects[top : top + extent, left : left + extent].astype(np.int32)
    masks = torch.zeros(len(objects), *labels.shape)
    for index, number in enumerate(objects):
        masks[index] = torch.from_numpy(labels == number)
    padding = (0, extent - labels.shape[1], 0, extent - labels.shape[0])
    return functional.adaptive_avg_pool2d(functional.pad(masks, padding), side)


def _neighbour(picture: Picture, rng: Generator) -> NDArray[np.uint16]:
    """Draw where the objects are on another slice, under their numbers."""
    if picture.beside:
        return picture.beside[int(rng.integers(len(picture.beside)))].renumbered()
    return _moved(picture.objects, int(rng.integers(1, picture.count + 1)), rng)


def _moved(objects: NDArray[np.uint16], chosen: int, rng: Generator) -> NDArray[np.uint16]:
    """Return one of the objects alone, shifted, scaled and sheared."""
    alone = np.where(objects == chosen, objects, 0)
    places = np.argwhere(alone)
    side = float(np.ptp(places, axis=0).max()) + 1
    matrix = np.exp(rng.uniform(-_GROWN, _GROWN)) * np.eye(2) + rng.uniform(-_SHEARED, _SHEARED, (2, 2))
    middle = places.mean(0)
    offset = middle - matrix @ middle + rng.uniform(-_SHIFTED, _SHIFTED, 2) * side
    moved: NDArray[np.uint16] = ndimage.affine_transform(alone, matrix, offset, order=0)
    return moved


def _around(picture: Picture, chosen: int, rng: Generator) -> tuple[int, int, int]:
    """Draw (top, left, side) of a view of an object."""
    rows, columns = np.nonzero(picture.objects == chosen)
    low = np.array([rows.min(), columns.min()])
    high = np.array([rows.max(), columns.max()]) + 1
    return _place(np.array(picture.objects.shape), low, high, rng)


def _place(shape: np.ndarray, low: np.ndarray, high: np.ndarray, rng: Generator) -> tuple[int, int, int]:
    """Draw (top, left, side) of a view around an object's box, in pixels of the picture."""
    longest = int(shape.max())
    side = float((high - low).max())
    if rng.random() < _WHOLE and side >= _TINY * longest:
        return 0, 0, longest
    share = np.exp(rng.uniform(np.log(_SMALLEST_SHARE), np.log(_LARGEST_SHARE)))
    extent = round(min(max(side / share, side + 2, _CLOSEST), longest))
    # The object lies wholly in the view where it can, and the view in the picture where it can.
    first = np.clip(high - extent, 0, None)
    last = np.maximum(np.minimum(low, np.maximum(shape - extent, 0)), first)
    top, left = (int(rng.integers(a, b + 1)) for a, b in zip(first, last, strict=True))
    return top, left, extent


def _visible(
    picture: Picture, where: tuple[int, int, int], chosen: int, rng: Generator, limit: int, side: int
) -> list[int]:
    """Return `chosen` and others that are mostly in the view, in a drawn order."""
    top, left, extent = where
    labels = picture.objects[top : top + extent, left : left + extent]
    here = np.bincount(labels.ravel(), minlength=picture.count + 1)
    all_of_it = np.bincount(picture.objects.ravel(), minlength=picture.count + 1)
    seen = (here >= _INSIDE * all_of_it) & (here * (side / extent) ** 2 >= _VISIBLE)
    seen[0] = seen[chosen] = False
    others = rng.permutation(np.flatnonzero(seen))[: limit - 1]
    return [chosen, *(int(number) for number in others)]
