"""What has been collected to learn from, and whether it is enough to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.corrections import places
from napari_medkd.corrections.query import Query
from napari_medkd.corrections.split import PARTS, Part
from napari_medkd.corrections.summary import CaseSummary, ClassSummary
from napari_medkd.models.provenance import provenance_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.corrections.store import CorrectionStore


class Collected(BaseModel):
    """What there is to learn from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objects: int = Field(description="Corrections that stand.")
    images: int = Field(description="Slices that they lie on.")
    cases: int = Field(description="Cases that these are of.")
    fresh: int = Field(description="Corrections that the model has not learnt from.")
    waiting: int = Field(description="Corrections on their way to the store.")
    parts: dict[Part, int] = Field(description="What cases are for → how many.")
    by_class: list[ClassSummary] = Field(description="A row a class.")
    by_case: list[CaseSummary] = Field(description="A row a case, in the order in which they came.")

    @property
    def obstacle(self) -> str:
        """Why a run cannot be started, in a sentence; empty where it can."""
        if not self.objects:
            return "Nothing has been collected yet: turn collecting on, and correct some images."
        if not self.parts["training"]:
            return (
                "All cases so far are held out to measure on. Correct another image: of the next ones most "
                "are learnt from."
            )
        return ""

    @property
    def remark(self) -> str:
        """What a run could not do well yet, in a sentence; empty where nothing is missing."""
        if not self.parts["held-out"]:
            return "No case is held out yet, so nothing will show whether it helped; the third case will be."
        if not self.parts["validation"]:
            return "No case is for choosing by yet; of the first five cases one will be."
        return ""


def collected(model: str = "", labels: Sequence[str] = (), store: CorrectionStore | None = None) -> Collected:
    """Sum up what has been collected; some milliseconds, or a question to a team's server.

    Parameters
    ----------
    model : str
        Id of the model that would learn: what it has learnt from is not `fresh`. Empty counts everything.
    labels : sequence of str
        Only these classes; empty takes all.
    store : CorrectionStore, optional
        The user's own by default.
    """
    if store is None:
        with places.open_store() as opened:
            places.outbox().deliver(opened)
            return collected(model, labels, opened)
    query = Query(labels=tuple(labels))
    by_case = store.by_case(query)
    known = provenance_of(model).corrections if model else {}
    count = store.count(query)
    learnt = store.count(Query(ids=tuple(known), labels=tuple(labels))) if known else 0
    return Collected(
        objects=count,
        images=sum(case.images for case in by_case),
        cases=len(by_case),
        fresh=count - learnt,
        waiting=len(places.outbox()),
        parts={part: sum(case.part == part for case in by_case) for part in PARTS},
        by_class=store.by_class(query),
        by_case=by_case,
    )
