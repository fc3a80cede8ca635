"""The words of an object in the volume, for whoever shows them."""

from napari_medkd.inference.volumetric import Ended, Reach, Rules, Why
from napari_medkd.session.propagating import Progress

__all__ = ["Ended", "Progress", "Reach", "Rules", "Why"]
