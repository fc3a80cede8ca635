"""The eight ways in which a camera or scanner may have stored a picture (EXIF and TIFF orientation)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def upright(data: NDArray[Any], orientation: int, rows_axis: int) -> NDArray[Any]:
    """Return pictures turned upright.

    Parameters
    ----------
    data : ndarray
        Rows lie along `rows_axis`, columns along the next axis.
    orientation : int
        The tag's value, 1 to 8; 1 and anything unknown changes nothing.
    rows_axis : int
        Axis of the rows.
    """
    rows, columns = rows_axis, rows_axis + 1
    if orientation in (5, 6, 7, 8):  # the stored rows are the picture's columns
        data = np.swapaxes(data, rows, columns)
    if orientation in (3, 4, 7, 8):
        data = np.flip(data, rows)
    if orientation in (2, 3, 6, 7):
        data = np.flip(data, columns)
    return data
