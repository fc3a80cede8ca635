"""The panel's progress bar: thin, and still where nothing is known yet."""

from __future__ import annotations

from qtpy.QtWidgets import QProgressBar, QWidget

_PARTS = 1000
_HEIGHT = 10


class ProgressBar(QProgressBar):
    """Shows a share of what there is to do.

    Qt's own bar runs back and forth while the amount is unknown. Each of its frames has the whole window put
    together anew, the image with it, which without a GPU takes a tenth of a second of a processor that the
    work itself needs. This one is empty until something is known.

    Parameters
    ----------
    name : str
        Accessible name.
    """

    def __init__(self, name: str = "Progress", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setTextVisible(False)
        self.setFixedHeight(_HEIGHT)
        self.setRange(0, _PARTS)
        self.setValue(0)

    def show_share(self, done: float, total: float) -> None:
        """Show `done` of `total`; a total of 0 is not known yet."""
        self.setValue(round(_PARTS * min(done / total, 1)) if total > 0 else 0)
