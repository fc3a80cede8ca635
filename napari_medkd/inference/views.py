"""A slice's pixels and the crops of it that were encoded, for a model that looks closer at small objects."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.inference.zoom import Crop

KEPT = 4  # crops of a slice: the object in hand and those beside it


class Views:
    """Keeps the features of the crops used last; safe to use from several threads.

    Parameters
    ----------
    image : ndarray (rows, columns, 3) uint8
        The slice as the model sees it.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        grey = (image[..., :1] == image).all()
        self._image = image[..., :1].copy() if grey else image  # a third of the memory
        self._kept: OrderedDict[Crop, Any] = OrderedDict()
        self._lock = Lock()

    @property
    def image(self) -> NDArray[np.uint8]:
        """The slice, (rows, columns, 3) uint8; not to be written to."""
        return np.broadcast_to(self._image, (*self._image.shape[:2], 3))

    @property
    def nbytes(self) -> int:
        """Memory of the slice, without the crops."""
        return self._image.nbytes

    def crops(self) -> list[Crop]:
        """Return the crops that are at hand, the one used last first."""
        with self._lock:
            return list(reversed(self._kept))

    def get(self, crop: Crop) -> Any:
        """Return the features of a crop, counted as used now; None where they are not kept."""
        with self._lock:
            if crop in self._kept:
                self._kept.move_to_end(crop)
            return self._kept.get(crop)

    def put(self, crop: Crop, features: Any) -> None:
        """Keep the features of a crop; those used least recently go."""
        with self._lock:
            self._kept[crop] = features
            self._kept.move_to_end(crop)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
