"""Stored values made plain: native types, finite numbers, 8-bit colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plain(data: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return values of a type that every later step handles, and sentences on what was changed.

    Native byte order; integers of at most 32 bits; float32 without NaN or infinity; complex numbers become
    their magnitude.
    """
    notes: list[str] = []
    if np.iscomplexobj(data):
        data = np.abs(data)
        notes.append("The values are complex numbers; their magnitude is shown.")
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    if data.dtype == np.bool_:
        data = data.astype(np.uint8)
    elif data.dtype.kind in "iu":
        data = narrowed(data) if data.dtype.itemsize > 4 else data
    else:
        data, sentence = _finite(data)
        notes += [sentence] if sentence else []
    return np.ascontiguousarray(data), tuple(notes)


def narrowed(data: NDArray[Any]) -> NDArray[Any]:
    """Return integers in the smallest of int16, uint16, int32 that holds them, else float32."""
    low, high = (int(data.min()), int(data.max())) if data.size else (0, 0)
    for kind in (np.int16, np.uint16, np.int32):
        info = np.iinfo(kind)
        if info.min <= low and high <= info.max:
            return data.astype(kind)
    return data.astype(np.float32)


def rescaled(raw: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Return ``raw * slope + intercept``; integers stay integers where slope and intercept are whole."""
    if slope == 1 and intercept == 0:
        return raw
    if raw.dtype.kind in "iu" and float(slope).is_integer() and float(intercept).is_integer():
        return narrowed(raw.astype(np.int64) * int(slope) + int(intercept))
    return (raw.astype(np.float64) * slope + intercept).astype(np.float32)


def eight_bit_colour(data: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring (…, 3 or 4) colours to (…, 3) uint8; a fourth value is opacity, shown on black.

    Wider integers lose as many low bits as the brightest value has above eight. An image that is transparent
    everywhere keeps its colours.
    """
    if data.dtype.kind in "iu" and data.dtype != np.uint8:
        data = (np.clip(data, 0, None) >> max(int(data.max()).bit_length() - 8, 0)).astype(np.uint8)
    elif data.dtype != np.uint8:
        low, high = (
            (0.0, 1.0) if data.min() >= 0 and data.max() <= 1 else (float(data.min()), float(data.max()))
        )
        data = ((data - low) * (255.0 / max(high - low, 1e-12)) + 0.5).astype(np.uint8)
    if data.shape[-1] == 4:
        opacity, data = data[..., 3:], data[..., :3]
        if opacity.any() and not (opacity == 255).all():
            data = ((data.astype(np.uint16) * opacity + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(data)


def grey_if_grey(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Drop the last axis of (…, 3) colours whose three values are equal everywhere."""
    same = (colour[..., :1] == colour).all()
    return np.ascontiguousarray(colour[..., 0]) if same else colour


def _finite(data: NDArray[Any]) -> tuple[NDArray[np.float32], str]:
    """Return float32 values with the odd ones set to the smallest (NaN, -inf) or largest finite value."""
    with np.errstate(over="ignore"):
        values = data.astype(np.float32, copy=False)
    finite = np.isfinite(values)
    bad = values.size - int(np.count_nonzero(finite))
    if not bad:
        return values, ""
    inside = values[finite]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
    sentence = f"{bad} values are not finite numbers; they are shown as the darkest or brightest value."
    return np.nan_to_num(values, nan=low, neginf=low, posinf=high), sentence
