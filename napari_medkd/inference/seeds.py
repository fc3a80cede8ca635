"""Where to ask a model that needs a prompt: on spots that stand out from what is around them, on a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_medkd.inference import resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIDE = 240  # of the small picture in which spots of unknown size are looked for
_SIZES = (1.5, 3.0, 6.0)  # radii of theirs, in its pixels
_FINEST = 1.5  # pixels of a picture that a spot's radius must have to be told from noise
_SHARES = (0.2, 0.35)  # of an object's length: the radii of spots in it that stand out most
_WIDER = 1.6  # how much wider the surroundings are blurred: close to the Laplacian of a Gaussian
_FAINT = 0.08  # of the strongest spot's contrast: weaker ones are texture


def grid(shape: tuple[int, int], along: int) -> NDArray[np.float64]:
    """Return the centres of square cells, `along` of them on the longer side: (N, 2) row, column."""
    step = max(shape) / along
    counts = [max(1, round(side / step)) for side in shape]
    rows, columns = (
        (np.arange(count) + 0.5) * side / count - 0.5 for count, side in zip(counts, shape, strict=True)
    )
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)


def spots(image: NDArray[np.uint8], length: float | None = None) -> NDArray[np.float64]:
    """Return the middles of spots brighter or darker than their surroundings, the most striking first.

    Parameters
    ----------
    image : ndarray (rows, columns, 1 or 3) uint8
        The slice as the model sees it.
    length : float, optional
        How long the objects are, in pixels; unknown where None.

    Returns
    -------
    points : ndarray (N, 2)
        (row, column) in pixels of the slice.
    """
    side = _SIDE if length is None else max(image.shape) * _FINEST / (_SHARES[0] * length)
    small = _small(image, side)
    scale = np.array(image.shape[:2]) / small.shape
    sizes = _SIZES if length is None else tuple(share * length / scale.max() for share in _SHARES)
    found = []
    for size in sizes:
        near, far = (ndimage.gaussian_filter(small, width) for width in (size, _WIDER * size))
        contrast = np.abs(near - far)
        is_peak = contrast == ndimage.maximum_filter(contrast, 2 * round(size) + 1)
        places = zip(*np.nonzero(is_peak & (contrast > 0)), strict=True)
        found += [(float(contrast[place]), size, place) for place in places]
    if not found:
        return np.zeros((0, 2))
    found.sort(key=lambda one: -one[0])
    kept = _apart([one for one in found if one[0] >= _FAINT * found[0][0]])
    return (np.array(kept, np.float64).reshape(-1, 2) + 0.5) * scale - 0.5


def _small(image: NDArray[np.uint8], side: float) -> NDArray[np.float32]:
    """Return the channel that varies most, its longest side brought down to `side` where it is longer."""
    channel = image[..., int(np.argmax(image.reshape(-1, image.shape[-1]).std(axis=0)))]
    scale = min(1.0, side / max(channel.shape))
    rows, columns = (max(1, round(length * scale)) for length in channel.shape)
    if (rows, columns) == channel.shape:
        return channel.astype(np.float32)
    return resample.resize(
        channel, resample.area(channel.shape[0], rows), resample.area(channel.shape[1], columns)
    )


def _apart(found: list[tuple[float, float, tuple[int, int]]]) -> list[tuple[int, int]]:
    """Return the places of spots that are not those of a stronger one seen at another size."""
    places = np.array([place for *_, place in found]).reshape(-1, 2)
    sizes = np.array([size for _, size, _ in found])
    left = np.ones(len(found), np.bool_)
    kept = []
    for number, place in enumerate(places):
        if left[number]:
            kept.append((int(place[0]), int(place[1])))
            away = np.hypot(*(places - place).T)
            left &= away >= np.minimum(sizes, sizes[number]) + 0.5
    return kept
