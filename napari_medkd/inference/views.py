"""A slice's pixels and the crops of it that were encoded, for a model that looks closer at small objects."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.inference.zoom import Crop

KEPT = 4  # crops of a slice: the object in hand and those beside it


class Views:
    """Keeps the features of the crops used last; safe to use from several threads.

    Parameters
    ----------
    image : ndarray (rows, columns, 1 or 3) uint8
        The slice as the model sees it; not to be written to.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image
        self._kept: OrderedDict[Crop, Any] = OrderedDict()
        self._mirrored: tuple[Crop, Any] | None = None
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Memory of the slice, without the crops."""
        return self.image.nbytes

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

    def mirrored(self, crop: Crop) -> Any:
        """Return the features of a crop's mirror image; None where they are not kept."""
        kept = self._mirrored
        return kept[1] if kept is not None and kept[0] == crop else None

    def put_mirrored(self, crop: Crop, features: Any) -> None:
        """Keep the features of one crop's mirror image, in place of another's."""
        self._mirrored = crop, features
