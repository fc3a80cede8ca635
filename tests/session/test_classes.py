from __future__ import annotations

import pytest

from napari_medkd.errors import UnknownName
from napari_medkd.session.classes import PALETTE, ClassTable
from napari_medkd.session.state import InvalidClass


@pytest.fixture
def table():
    return ClassTable.fresh()


def test_a_fresh_result_has_one_class(table):
    (only,) = table.classes
    assert (only.value, only.name, only.locked, table.active) == (1, "object 1", False, 1)


def test_existing_values_become_classes():
    table = ClassTable.fresh([7, 2])
    assert [(found.value, found.name) for found in table.classes] == [(2, "object 2"), (7, "object 7")]
    assert table.active == 2


def test_colours_are_distinct_as_long_as_there_are_enough(table):
    for number in range(2, len(PALETTE) + 1):
        table = table.adding(f"class {number}")
    assert len({found.colour for found in table.classes}) == len(PALETTE) == len(set(PALETTE))
    assert table.adding("one more").classes[-1].colour == PALETTE[0]


def test_a_value_is_taken_once(table):
    with pytest.raises(InvalidClass, match="belongs to object 1"):
        table.adding("other", 1)
    assert table.adding("far", 40).adding("next").classes[-1].value == 41


def test_a_name_is_taken_once(table):
    with pytest.raises(InvalidClass, match='a class "object 1" already'):
        table.adding(" object 1 ")
    with pytest.raises(InvalidClass, match="already"):
        table.adding("liver").changing(1, name="liver")
    assert table.changing(1, name="object 1", locked=True)[1].locked


@pytest.mark.parametrize(("field", "bad"), [("colour", "red"), ("name", ""), ("value", 0), ("value", 70000)])
def test_nonsense_is_refused_with_what_is_right(table, field, bad):
    fields = {"name": "liver", "value": 2, "colour": "#00ff00"} | {field: bad}
    with pytest.raises(InvalidClass, match=field) as caught:
        table.adding(**fields)
    assert "#e69f00" in caught.value.hint


def test_colours_may_be_given_in_capitals(table):
    assert table.changing(1, colour="#ABCDEF")[1].colour == "#abcdef"


def test_an_unknown_value_lists_those_known(table):
    with pytest.raises(UnknownName, match="1 \\(object 1\\)"):
        table[3]


def test_the_last_class_stays_and_the_active_one_is_replaced(table):
    with pytest.raises(InvalidClass, match="only class"):
        table.removing(1)
    table = table.adding("liver").activating(2)
    assert table.removing(2).active == 1
    assert table.removing(1).active == 2


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("nucleus", [], "nucleus 2"),
        ("nucleus 2", [], "nucleus 3"),
        ("nucleus", ["nucleus 2", "nucleus 3"], "nucleus 4"),
        ("T1", [], "T2"),
        ("7", [], "8"),
    ],
)
def test_the_next_instance_counts_on(table, name, others, expected):
    table = table.changing(1, name=name)
    for other in others:
        table = table.adding(other)
    assert table.next_name() == expected
