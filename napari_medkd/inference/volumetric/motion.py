"""How an object moves from one slice to the next: its outline carried along by what the grey values do.

Slices of an organ that lies aslant show it a few pixels further on each. A box that stays where it was would
lose it, so the outline moves first, by the optical flow between the two slices, and then prompts the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_medkd.inference.volumetric.handover import main_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.inference.volumetric.appearance import Appearance

    Mask = NDArray[np.bool_]

_AROUND = 12  # pixels of the surroundings that the flow is made of, at the resolution of `_LARGEST`
_LARGEST = 128  # pixels of the longer side of what is looked at: larger objects are looked at more coarsely
_RADIUS, _WARPS = 2, 5  # of the flow: a window of 5 pixels, as small as a slim organ
_LOOK = 0.5  # weight of a pixel's look beside the outlines: log odds of 2 are worth a pixel
_FAR = 4.0  # pixels from the outline beyond which nothing is more inside or outside


def carried(before: NDArray[np.uint8], after: NDArray[np.uint8], mask: Mask) -> NDArray[np.float32]:
    """Return where an object of slice `before` is on slice `after`, as a signed distance to its outline.

    Parameters
    ----------
    before, after : ndarray (rows, columns, 1 or 3) uint8
        Neighbouring slices as the model sees them.
    mask : ndarray (rows, columns) bool
        The object on the first; not empty.

    Returns
    -------
    ndarray (rows, columns) float32
        Pixels from the outline, positive inside, between -4 and 4.
    """
    from skimage.registration import optical_flow_ilk  # half a second to import: when something is followed

    field = np.full(mask.shape, -_FAR, np.float32)
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    step = max(1.0, max(part.stop - part.start for part in box) / _LARGEST)
    spare = int(np.ceil(_AROUND * step))
    area = tuple(slice(max(part.start - spare, 0), part.stop + spare) for part in box)
    one, other = (_grey(image[area], step) for image in (before, after))
    rows, columns = np.mgrid[: one.shape[0], : one.shape[1]].astype(np.float32)
    flow = optical_flow_ilk(other, one, radius=_RADIUS, num_warp=_WARPS, gaussian=True)  # type: ignore[no-untyped-call]
    inside = _signed(_resized(mask[area].astype(np.float32), one.shape) > 0.5)
    moved = ndimage.map_coordinates(inside, [rows + flow[0], columns + flow[1]], order=1, mode="nearest")
    field[area] = np.clip(step * _resized(moved, mask[area].shape), -_FAR, _FAR)
    return field


def expected(outline: NDArray[np.float32], image: NDArray[np.uint8], look: Appearance) -> Mask:
    """Return where to ask for the object: where it was `carried` to, a pixel less or more where it looks so.

    A tight box says how large the object is, and what comes back is about as large: here one that tapers off,
    or grows, may begin to.

    Parameters
    ----------
    outline : ndarray (rows, columns) float32
        From `carried`.
    image : ndarray (rows, columns, 1 or 3) uint8
        The slice.
    look : Appearance
        What the object looks like.
    """
    place = np.zeros(outline.shape, np.bool_)
    near = outline > -_FAR
    if near.any():
        (box,) = ndimage.find_objects(near.astype(np.uint8))
        place[box] = outline[box] + _LOOK * look.evidence(image[box]) > 0
    return place


def joined(outline: NDArray[np.float32], answer: Mask, image: NDArray[np.uint8], look: Appearance) -> Mask:
    """Return the object from where it was `carried` to, what the model answers, and how it looks.

    Signed distances to both outlines are added, and half of the log odds of each pixel's look: far from both
    outlines all are sure, and what only one of them sees falls to whoever is surer. So an object that tapers
    off loses what looks like its surroundings. Nothing where the model found nothing.

    Parameters
    ----------
    outline : ndarray (rows, columns) float32
        From `carried`.
    answer : ndarray (rows, columns) bool
        The model's.
    image : ndarray (rows, columns, 1 or 3) uint8
        The slice.
    look : Appearance
        What the object looks like.
    """
    found = np.zeros_like(answer)
    if not answer.any():
        return found
    (box,) = ndimage.find_objects((answer | (outline > -_FAR)).astype(np.uint8))
    votes = np.clip(_signed(answer[box]), -_FAR, _FAR) + outline[box] + _LOOK * look.evidence(image[box])
    found[box] = main_parts(votes > 0) > 0
    return found


def _grey(image: NDArray[np.uint8], step: float) -> NDArray[np.float32]:
    """Return the brightness of an area, 0 to 1, coarser by `step`."""
    grey = image.mean(axis=2, dtype=np.float32) / np.float32(255)
    shape = tuple(max(1, round(side / step)) for side in grey.shape)
    if step > 1:
        grey = ndimage.gaussian_filter(grey, step / 2)
    return _resized(grey, (shape[0], shape[1]))


def _resized(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return values on a grid of another size over the same area, by linear interpolation."""
    if values.shape == shape:
        return values
    places = [(np.arange(new) + 0.5) * old / new - 0.5 for new, old in zip(shape, values.shape, strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(values, grid, order=1, mode="nearest"), np.float32)


def _signed(mask: Mask) -> NDArray[np.float32]:
    """Return the distance to the outline in pixels, positive inside."""
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    return np.asarray(inside - outside, np.float32)
