"""The window that a DICOM file asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.window import Window, guess_window
from napari_medkd.io.dicom.pixels import inversion_sum, is_inverted
from napari_medkd.io.dicom.slices import lookup

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORTH_IT = 0.25  # a window whose use is less shows an image nearly black, white or flat


def window_of(dataset: Any, index: int, data: NDArray[Any], modality: str) -> Window:
    """Return the first VOI window of a frame if the values make use of it, else a guess."""
    voi = None if data.ndim == 4 else (_linear(dataset, index) or _lookup_table(dataset))
    if voi is not None and is_inverted(dataset):
        total = inversion_sum(dataset, index)
        voi = Window(total - voi.high, total - voi.low, voi.name)
    if voi is not None and _used_share(voi, data) >= _WORTH_IT:
        return voi
    return guess_window(data, modality)


def _used_share(window: Window, data: NDArray[Any]) -> float:
    """Return how much of the window's width the values span; little where they were rescaled or cropped."""
    low, high = max(window.low, float(data.min())), min(window.high, float(data.max()))
    return (high - low) / max(window.high - window.low, 1e-12)


def _linear(dataset: Any, index: int) -> Window | None:
    """Return centre and width as the standard's linear function means them (PS3.3 C.11.2.1.2)."""
    group = "FrameVOILUTSequence"
    centre, width = (_first(lookup(dataset, index, group, key)) for key in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or width <= 0:
        return None
    name = str(_first_text(lookup(dataset, index, group, "WindowCenterWidthExplanation")) or "DICOM")
    if str(lookup(dataset, index, group, "VOILUTFunction") or "LINEAR") == "LINEAR" and width > 1:
        return Window(centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2, name)
    return Window.from_level(centre, width, name)


def _lookup_table(dataset: Any) -> Window | None:
    """Return the range of values that a VOI table maps; its curve is taken as straight."""
    tables = dataset.get("VOILUTSequence") or []
    if not tables or tables[0].get("LUTDescriptor") is None:
        return None
    entries, first, _ = (int(value) for value in tables[0].LUTDescriptor)
    return Window(float(first), float(first + (entries or 2**16) - 1), "DICOM")


def _first(value: Any) -> float | None:
    try:
        number = float(value[0] if isinstance(value, (list, tuple)) or hasattr(value, "append") else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def _first_text(value: Any) -> Any:
    return value if isinstance(value, str) or value is None else next(iter(value), None)
