"""Objects through volumes: slices prompt their neighbours, or are filled in between."""

from napari_medkd.inference.volumetric.handover import SURE, HandOver, seen_of
from napari_medkd.inference.volumetric.propagation import (
    Ask,
    Ended,
    Found,
    interpolate,
    propagate,
)
from napari_medkd.inference.volumetric.rules import Rules, Why
from napari_medkd.inference.volumetric.stretches import Reach, Stretch, stretches

__all__ = [
    "Ask",
    "Ended",
    "Found",
    "SURE",
    "HandOver",
    "Reach",
    "Rules",
    "Stretch",
    "Why",
    "interpolate",
    "propagate",
    "seen_of",
    "stretches",
]
