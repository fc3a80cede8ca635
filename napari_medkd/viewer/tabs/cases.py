"""The Cases tab in the viewer: a case becomes an image layer, its labels a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.errors import MedkdError
from napari_medkd.viewer.asking import Kept, release
from napari_medkd.viewer.case_source import CasesHere
from napari_medkd.viewer.hooks import layer_data
from napari_medkd.widgets.cases_panel import CasesPanel
from napari_medkd.widgets.errand import Errand
from napari_medkd.widgets.links import Links

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.learning.cases import Case
    from napari_medkd.viewer.dock import MedkdDock
    from napari_medkd.viewer.layer_set import LayerSet


class CasesTab:
    """Stands between the Cases tab and a dock.

    Parameters
    ----------
    dock : MedkdDock
        Opens images and holds the session.
    """

    def __init__(self, dock: MedkdDock) -> None:
        self._dock = dock
        self._image: Image | None = None
        self._asked: Case | None = None
        self.page = CasesPanel(CasesHere())
        self._reading = Errand(self._on_failed, self.page)
        self.page.open_requested.connect(self._on_open)
        self.page.done_requested.connect(self._on_done)
        self._links = Links(self.page)
        self._links.connect(dock.workspace.opened, self._on_opened)
        for signal in (dock.session.prompt_changed, dock.session.plane_changed, dock.session.labels_changed):
            self._links.connect(signal, self._on_activity)

    def close(self) -> None:
        """Keep the time that was spent on the open case."""
        self._links.close()
        self.page.pause()

    def _on_open(self, case: Case) -> None:
        """Read a case in a thread: a large one takes seconds."""
        self._asked = case
        self._reading.start(lambda: _read(case, self.page.open_case.masks), self._show)

    def _on_failed(self, error: MedkdError) -> None:
        if self._asked is not None:
            self.page.show_failed(self._asked, error)

    def _show(self, found: tuple[Case, Volume, NDArray[np.uint16] | None]) -> None:
        """Put what was read into the viewer, in the place of the case before."""
        case, volume, labels = found
        data, options, _ = layer_data(volume)
        before, viewer = self._image, self._dock.viewer
        image = viewer.add_image(data, **options)
        if not self._dock.open_image(image, labels):
            viewer.layers.remove(image)  # the user keeps the proposal on the one before
            return
        self._image = image
        if before is not None and before in viewer.layers:
            viewer.layers.remove(before)
        viewer.reset_view()
        self.page.show_opened(case)

    def _on_opened(self, layers: LayerSet | None) -> None:
        if self._dock.workspace.image is not self._image and self.page.open_case.case is not None:
            self.page.pause()  # another image was opened by hand
            self.page.open_case.show_case(None)

    def _on_activity(self, *_: object) -> None:
        self.page.open_case.stopwatch.touch()

    def _on_done(self, case: Case) -> None:
        session, asker = self._dock.session, self._dock.workspace.asker
        try:
            if session.proposal is not None:
                release(session, asker, asker.ask_pending("The proposal is not committed."))
            target = self.page.open_case.target
            if target is not None and session.labels is not None and session.labels.any():
                session.save(target)
        except Kept:
            return
        except MedkdError as error:
            self.page.show_error(error)
            return
        self.page.finish("done")


def _read(case: Case, masks: Path | None) -> tuple[Case, Volume, NDArray[np.uint16] | None]:
    """Read a case and its labels: those that were saved before, else those that a batch made."""
    from napari_medkd.io import read_labels
    from napari_medkd.learning.cases import read

    volume = read(case)
    saved = masks / case.mask if masks is not None else None
    known = saved if saved is not None and saved.exists() else case.made
    if known is None or not known.exists():
        return case, volume, None
    return case, volume, read_labels(known, volume)
