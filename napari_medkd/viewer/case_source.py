"""Cases as the Cases tab asks for them: folders, reports of batches, and which image to correct first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from napari_medkd.learning.case_log import CaseLog
    from napari_medkd.learning.cases import Case, CaseFolder
    from napari_medkd.widgets.cases import Tell


class CasesHere:
    """Fulfils `widgets.CaseSource` with this computer's files; imports happen in the tab's thread."""

    def in_folder(self, folder: Path, progress: Callable[[int, int], None]) -> CaseFolder:
        """Return the images of a folder."""
        from napari_medkd.learning import cases

        return cases.in_folder(folder, lambda count: progress(count, 0))

    def in_report(self, path: Path, progress: Callable[[int, int], None]) -> CaseFolder:
        """Return the images of a batch's report."""
        from napari_medkd.learning import cases

        return cases.in_report(path, lambda count: progress(count, 0))

    def log(self, folder: Path) -> CaseLog:
        """Return how far the cases of a folder are."""
        from napari_medkd.learning.case_log import CaseLog

        return CaseLog(folder)

    def rank(
        self,
        cases: Sequence[Case],
        tell: Tell,
        progress: Callable[[int, int], None],
        seen: Collection[str],
    ) -> None:
        """Look at images and tell of each how useful its correction would be to the model in use.

        It has a runtime of its own, so that the one that answers clicks is never waited for.
        """
        from napari_medkd.inference import load_segmenter
        from napari_medkd.learning import ranking

        segmenter = load_segmenter(settings.Settings.load().default_model, in_child=True)
        try:
            ranking.rank(cases, segmenter, tell, progress, seen)
        finally:
            segmenter.close()
