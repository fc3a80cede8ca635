"""The Qt panel: it shows a session and asks; it holds no state and knows no napari."""

from napari_medkd.widgets.dialogs import Asker
from napari_medkd.widgets.keys import GESTURES, KEYS, Gesture, Key, key_for, tooltip_for
from napari_medkd.widgets.library import ModelLibrary, ModelRow
from napari_medkd.widgets.models_panel import ModelsPanel
from napari_medkd.widgets.panel import MedkdPanel
from napari_medkd.widgets.segment_panel import TOOLS, SegmentPanel

__all__ = [
    "GESTURES",
    "KEYS",
    "TOOLS",
    "Asker",
    "Gesture",
    "Key",
    "MedkdPanel",
    "ModelLibrary",
    "ModelRow",
    "ModelsPanel",
    "SegmentPanel",
    "key_for",
    "tooltip_for",
]
