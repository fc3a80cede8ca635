"""Where the figures of a report go on a page."""

import pytest

from benchmarks.tables import ON_RECIPES, RECIPES, fill


def test_a_table_replaces_the_one_that_stood_in_its_place():
    page = "before\n<!-- costs -->\nold\n<!-- /costs -->\nafter"
    assert fill(page, "costs", r"| \1 |") == "before\n<!-- costs -->\n| \\1 |\n<!-- /costs -->\nafter"


def test_figures_without_a_place_are_not_dropped_silently():
    with pytest.raises(ValueError, match="figures of costs"):
        fill("a page without it", "costs", "| 1 |")


@pytest.mark.parametrize("report", sorted(ON_RECIPES))
def test_each_report_has_its_place_on_the_page_of_its_recipe(report):
    recipe, place, _ = ON_RECIPES[report]
    assert f"<!-- {place} -->" in (RECIPES / f"{recipe}.in.md").read_text(encoding="utf-8")
