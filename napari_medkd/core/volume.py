"""An image and where it lies: what readers give and everything else takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.window import Window, guess_window

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_HASHED_BYTES = 16 * 2**20


@dataclass(frozen=True, eq=False)
class Volume:
    """An image with its geometry; a photograph is a volume of one slice.

    Parameters
    ----------
    data : array (z, y, x) or (z, y, x, 3)
        Stored values: numpy, or anything sliced like it (dask, a file), in the units of the modality (HU).
    geometry : Geometry
        Where the voxels lie.
    modality : str
        Upper-case DICOM-like code: CT, MR, US, XR, … or ``"RGB"`` and ``"GRAY"`` for pictures.
    window : Window
        Which values become black and white; guessed where the file says nothing.
    name : str
        What the user knows it by: the file's or folder's name without its ending.
    source : Path or None
        Where it was read from.
    header : mapping
        What only its own format understands, kept so that a mask can be written to match. Never logged.
    notes : tuple of str
        Sentences for the user about what was chosen in reading: "frame 1 of 12 is shown".
    """

    data: Any
    geometry: Geometry
    modality: str
    window: Window
    name: str
    source: Path | None = None
    header: Mapping[str, Any] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if tuple(self.data.shape[:3]) != self.geometry.shape or self.data.ndim not in (3, 4):
            raise ValueError(f"data {self.data.shape} does not fit geometry {self.geometry.shape}")

    @classmethod
    def from_array(
        cls, data: NDArray[Any], *, geometry: Geometry | None = None, modality: str = "", name: str = "image"
    ) -> Volume:
        """Wrap an array (y, x) or (z, y, x); a last axis of 3 uint8 values holds red, green and blue."""
        is_rgb = data.ndim >= 3 and data.shape[-1] == 3 and data.dtype == np.uint8
        spatial = data.shape[:-1] if is_rgb else data.shape
        if len(spatial) == 2:
            data = data[np.newaxis]
        modality = modality or ("RGB" if is_rgb else "GRAY")
        geometry = geometry or Geometry.image(data.shape[:3])
        return cls(data, geometry, modality, guess_window(data, modality), name)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) voxels."""
        return self.geometry.shape

    @property
    def is_rgb(self) -> bool:
        """True where the last axis holds red, green and blue."""
        return bool(self.data.ndim == 4)

    def slice(self, plane: Plane) -> NDArray[Any]:
        """Return the stored values of one slice, (rows, columns) or (rows, columns, 3)."""
        plane.check(self.shape)
        return np.asarray(self.data[plane.slicing()])

    def part(self, plane: Plane, rows: builtins.slice, columns: builtins.slice) -> NDArray[Any]:
        """Return the stored values of a part of one slice; of an image on the disk no more is read."""
        plane.check(self.shape)
        index: list[Any] = list(plane.slicing())
        for axis, piece in zip(plane.in_plane, (rows, columns), strict=True):
            index[axis] = piece
        return np.asarray(self.data[tuple(index)])

    def slice_uint8(self, plane: Plane) -> NDArray[np.uint8]:
        """Return a slice through the window, (rows, columns, 3) uint8: what models and overlays see."""
        seen = self.slice_seen(plane)
        return seen if seen.shape[2] == 3 else np.repeat(seen, 3, axis=2)

    def slice_seen(self, plane: Plane) -> NDArray[np.uint8]:
        """Return the same with one channel where the image is grey, (rows, columns, 1 or 3) uint8."""
        values = self.slice(plane)
        seen = values if self.is_rgb and values.dtype == np.uint8 else self.window.to_uint8(values)
        return seen if seen.ndim == 3 else seen[..., np.newaxis]

    def with_window(self, window: Window) -> Volume:
        """Return the same image seen through another window."""
        seen = replace(self, window=window)
        if "content_id" in vars(self):  # the same voxels: no need to digest them again
            vars(seen)["content_id"] = self.content_id
        return seen

    @cached_property
    def content_id(self) -> str:
        """A digest of shape, type, position and values that names the image without naming the patient.

        At most 16 MB of evenly spread slices are read, so that a large volume costs a moment.
        """
        digest = hashlib.blake2b(digest_size=16)
        digest.update(f"{tuple(self.data.shape)}{self.data.dtype}".encode())
        digest.update(np.round(self.geometry.affine, 4).tobytes())
        per_slice = max(1, int(np.prod(self.data.shape[1:])) * self.data.dtype.itemsize)
        count = int(np.clip(_HASHED_BYTES // per_slice, 1, self.shape[0]))
        for index in np.unique(np.linspace(0, self.shape[0] - 1, count).astype(int)):
            digest.update(np.ascontiguousarray(self.data[int(index)]).tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        size = "×".join(map(str, self.data.shape))
        spacing = "×".join(f"{mm:.3g}" for mm in self.geometry.spacing)
        is_measured = self.geometry.from_file or self.geometry.spacing != (1.0, 1.0, 1.0)
        unit = "mm" if is_measured else "px"
        return f"Volume({self.name}: {size} {self.data.dtype}, {spacing} {unit}, {self.modality})"
