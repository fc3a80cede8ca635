"""What the Cases tab asks of whoever knows folders and ranks their images: a small protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from napari_medkd.learning.case_log import CaseLog
    from napari_medkd.learning.cases import Case, CaseFolder

    # name of a case, its usefulness (None where it cannot be read), and a sentence on it
    Tell = Callable[[str, float | None, str], None]


class CaseSource(Protocol):
    """Finds cases, keeps how far they are, and says which to correct first.

    Every method is called in a thread of its own: it must touch no Qt. `progress(done, total)` may be called
    as often as one likes; an exception raised by it (the user cancelled) must be let through.
    """

    def in_folder(self, folder: Path, progress: Callable[[int, int], None]) -> CaseFolder:
        """Return the images of a folder."""
        ...

    def in_report(self, path: Path, progress: Callable[[int, int], None]) -> CaseFolder:
        """Return the images of a batch's report."""
        ...

    def log(self, folder: Path) -> CaseLog:
        """Return how far the cases of a folder are."""
        ...

    def rank(
        self,
        cases: Sequence[Case],
        tell: Tell,
        progress: Callable[[int, int], None],
        seen: Collection[str],
    ) -> None:
        """Look at images and tell of each how useful its correction would be, as often as that changes.

        Those whose names are `seen` were corrected already: what looks like them is of less use.
        """
        ...
