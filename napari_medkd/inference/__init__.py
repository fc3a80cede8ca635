"""From an image and a prompt to a mask in image space, whatever runs the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medkd.inference.load import load_segmenter

__all__ = ["load_segmenter"]


def __getattr__(name: str) -> Any:
    """Import `load_segmenter` when it is first asked for: it brings scipy and scikit-image."""
    if name == "load_segmenter":
        from napari_medkd.inference.load import load_segmenter

        return load_segmenter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
