"""What was collected, counted by the database: by class and by case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from napari_medkd.corrections.schema import case_part, correction
from napari_medkd.corrections.split import Part, check

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from napari_medkd.corrections.query import Query


class Means(BaseModel):
    """How far the model's answers were from what the user accepted, and what that cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objects: int = Field(description="Corrections: accepted objects on a slice.")
    dice_first: float | None = Field(
        description="Mean Dice of the model's first answer with the accepted mask; null where none is known."
    )
    dice: float | None = Field(
        description="Mean Dice of its last answer, before any painting; null where there was none."
    )
    clicks: float = Field(description="Mean number of marks an object.")
    seconds: float | None = Field(description="Mean seconds an object; null where none is known.")


class ClassSummary(Means):
    """What was collected of one class."""

    label: str = Field(description="Name of the class.")
    modality: str = Field(
        "",
        description="What kind of image it was corrected in: CT, MR, US, …; RGB or GRAY for pictures; of "
        "several the last by name.",
    )
    cases: int = Field(description="Cases that it was corrected on.")


class CaseSummary(Means):
    """What was collected of one case."""

    case: str = Field(description="Pseudonym of the case.")
    part: Part = Field(description="What the case is for.")
    images: int = Field(description="Slices that were corrected.")


def count(connection: Connection, query: Query) -> int:
    """Return how many records there are."""
    return int(connection.scalar(_of(query, func.count())) or 0)


def by_class(connection: Connection, query: Query) -> list[ClassSummary]:
    """Sum up by class, in the order of their names."""
    label = correction.c.label
    cases = func.count(correction.c.case_name.distinct()).label("cases")
    modality = func.max(correction.c.modality).label("modality")
    rows = connection.execute(_of(query, label, modality, cases, *_means()).group_by(label).order_by(label))
    return [ClassSummary(**row) for row in rows.mappings()]


def by_case(connection: Connection, query: Query) -> list[CaseSummary]:
    """Sum up by case, in the order in which cases came."""
    case, part, number = case_part.c.name.label("case"), case_part.c.part, case_part.c.number
    where = (correction.c.case_name, correction.c.source, correction.c.axis, correction.c.slice)
    slices = _of(query, *where).distinct().subquery()
    counted = select(slices.c.case_name, func.count()).group_by(slices.c.case_name)
    images = {row[0]: int(row[1]) for row in connection.execute(counted)}
    grouped = _of(query, case, part, *_means()).group_by(case_part.c.name, part, number).order_by(number)
    return [
        CaseSummary(**(dict(row) | {"part": check(row["part"]), "images": images[row["case"]]}))
        for row in connection.execute(grouped).mappings()
    ]


def _of(query: Query, *columns: Any) -> Select[Any]:
    return select(*columns).select_from(correction.join(case_part)).where(query.condition())


def _means() -> tuple[Any, ...]:
    return (
        func.count().label("objects"),
        func.avg(correction.c.dice_first).label("dice_first"),
        func.avg(correction.c.dice).label("dice"),
        func.avg(correction.c.clicks).label("clicks"),
        func.avg(correction.c.seconds).label("seconds"),
    )
