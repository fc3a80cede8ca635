"""Intensity windows: which stored values become black and white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# (level, width) in Hounsfield units, as commonly used in radiology reporting.
CT_PRESETS: dict[str, tuple[float, float]] = {
    "Soft tissue": (40.0, 400.0),
    "Liver": (60.0, 160.0),
    "Lung": (-600.0, 1500.0),
    "Bone": (400.0, 1800.0),
    "Brain": (40.0, 80.0),
    "Mediastinum": (50.0, 350.0),
}
_SAMPLE = 2_000_000  # voxels looked at for percentiles: enough for a stable 0.5 % tail, quick on any volume
_MANY = 2**17  # values above which looking them up in a table of all is quicker than to compute each


@dataclass(frozen=True, slots=True)
class Window:
    """The range of stored values shown from black (`low`) to white (`high`); `name` says where it is from."""

    low: float
    high: float
    name: str = ""

    @classmethod
    def from_level(cls, level: float, width: float, name: str = "") -> Window:
        """Build from level and width, as CT and DICOM give them."""
        width = max(float(width), 1e-6)
        return cls(level - width / 2, level + width / 2, name)

    def to_uint8(self, data: NDArray[Any]) -> NDArray[np.uint8]:
        """Map stored values to 0…255, clipped; NaN becomes 0."""
        data = np.asarray(data)
        if data.dtype.kind in "iu" and data.dtype.itemsize <= 2 and data.size > _MANY:
            limits = np.iinfo(data.dtype)
            table = self._mapped(np.arange(limits.min, limits.max + 1))
            mapped: NDArray[np.uint8] = table[data if limits.min == 0 else data.astype(np.int32) - limits.min]
            return mapped
        return self._mapped(data)

    def _mapped(self, data: NDArray[Any]) -> NDArray[np.uint8]:
        """Map each value by itself."""
        span = max(self.high - self.low, 1e-12)
        scaled = (np.nan_to_num(data.astype(np.float32), nan=self.low) - self.low) * np.float32(255.0 / span)
        grey: NDArray[np.uint8] = np.clip(scaled + 0.5, 0, 255).astype(np.uint8)
        return grey


def guess_window(data: NDArray[Any], modality: str) -> Window:
    """Guess the window of an image from its kind and values.

    CT gets the soft-tissue preset; 8-bit data its full range; anything else the 0.5 to 99.5 percentiles of
    its non-zero finite values (the rule of MedSAM's preprocessing).
    """
    if modality == "CT":
        return Window.from_level(*CT_PRESETS["Soft tissue"], name="Soft tissue")
    if data.dtype == np.bool_:
        return Window(0.0, 1.0, "Full range")
    if data.dtype == np.uint8:
        return Window(0.0, 255.0, "Full range")
    flat = np.asarray(data).reshape(-1)
    flat = flat[:: max(1, flat.size // _SAMPLE)]
    values = flat[np.isfinite(flat) & (flat != 0)]
    if values.size == 0:
        return Window(0.0, 1.0, "Full range")
    low, high = (float(v) for v in np.percentile(values.astype(np.float64), [0.5, 99.5]))
    if high <= low:
        low, high = float(min(low, 0.0)), float(max(high, low + 1.0))
    return Window(low, high, "0.5–99.5 %")
