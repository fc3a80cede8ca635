"""The orders in which cases are offered."""

from pathlib import Path

from napari_medkd.learning.case_log import CaseNote
from napari_medkd.learning.cases import Case
from napari_medkd.widgets.case_rows import DOUBTFUL, CaseModel, CaseRow


def row(name, **more):
    return CaseRow(Case(name, (Path(name),), f"{name}.png", **more), CaseNote(case=name))


def test_what_no_mask_could_be_made_of_comes_after_what_is_doubtful(qapp):
    model = CaseModel()
    rows = [row("broken", problem="It is empty."), row("sure", confidence=0.9), row("unsure", confidence=0.2)]
    model.show(rows, DOUBTFUL)
    assert [one.case.name for one in model.rows] == ["unsure", "sure", "broken"]
