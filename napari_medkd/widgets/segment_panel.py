"""The Segment tab: from an image to a saved mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.errors import MedkdError
    from napari_medkd.models.card import ModelCard
    from napari_medkd.session.session import Session
    from napari_medkd.session.state import OverlapConflict, OverlapRule, Pending
    from napari_medkd.session.journal import Recovery
    from napari_medkd.widgets.dialogs import Asker

TOOLS = ("move", "point", "box", "scribble", "lasso", "paint", "erase", "delete")


class SegmentPanel(QWidget):
    """Shows one session and asks what to do in it; the viewer owns layers, files and models.

    Parameters
    ----------
    session : Session
        What is shown; the panel keeps no copy of its state.
    asker : Asker or None
        Who answers questions; dialogs where None.
    parent : QWidget or None
        Qt parent.
    """

    image_chosen = Signal(str)  # a name given by set_images
    model_chosen = Signal(str)  # id of a card given by set_models
    models_requested = Signal()  # the user wants the Models tab
    tool_chosen = Signal(str)  # one of TOOLS; only after a user's choice, not after set_tool
    brush_size_changed = Signal(int)  # pixels; only after a user's choice
    window_dragged = Signal(float, float)  # low, high while the slider moves; session.set_window follows
    save_requested = Signal()  # ask for a path, then session.save(path)
    files_requested = Signal()  # "Where are my files?"
    error_raised = Signal(object)  # MedkdError of an action of this panel; shown here already, for the log

    def __init__(
        self, session: Session, *, asker: Asker | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)

    # --- what the viewer fills in ---
    def set_images(self, names: Sequence[str], current: str | None = None) -> None: ...
    def set_models(self, cards: Sequence[ModelCard]) -> None: ...
    def set_tool(self, tool: str) -> None: ...
    @property
    def tool(self) -> str: ...
    def set_brush_size(self, pixels: int) -> None: ...
    def set_badge(self, text: str, tooltip: str = "") -> None: ...
    def show_error(self, error: MedkdError) -> None: ...
    def show_notice(self, sentence: str) -> None: ...

    # --- what keys and buttons do alike ---
    def perform(self, action: str) -> bool:
        """Do an action of `keys.KEYS`; False where it is the viewer's (hover, delete_object, help)."""

    # --- questions ---
    def ask_pending(self, sentence: str) -> Pending: ...
    def ask_overlap(self, conflict: OverlapConflict) -> OverlapRule | None: ...
    def ask_resume(self, recovery: Recovery) -> bool: ...
