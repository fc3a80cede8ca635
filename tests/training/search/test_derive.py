"""From scores to an encoder that costs what it may."""

from __future__ import annotations

import pytest

from napari_medkd.errors import InvalidSetting, UnknownName
from src_training.search.derive import Fitting, top
from src_training.search.settle import check_reachable, settle
from src_training.search.space import Space
from tests.training.search.made_space import COSTS, OPERATIONS, SPACE, scores


def test_the_best_operation_of_each_slot_is_kept():
    choice = top(SPACE, scores(s2_0_1="none", s4_0_1="skip"))
    assert choice["s3_0_2"] == ("mb3_e4",) and choice["s2_0_1"] == () and choice["s3_down"] == ("conv3",)
    plan = SPACE.plan(choice)
    assert plan.stages[2].edges == () and plan.stages[4].edges == ()  # a lone skip is nothing
    assert [(edge.source, edge.target) for edge in plan.stages[3].edges] == [(0, 1), (0, 2), (1, 2)]
    assert top(SPACE, scores(), k=2)["s2_0_1"] == ("mb3_e4", "ds3")


def test_what_leads_nowhere_is_left_out_and_costs_nothing():
    choice = top(SPACE, scores(s3_1_2="none"))
    assert [(edge.source, edge.target) for edge in SPACE.plan(choice).stages[3].edges] == [(0, 1)]
    fitting = Fitting(SPACE, scores(), COSTS, shared=5)
    # Steps down 5 × 2, three MBConv (one of them in stage 3), the neck 5; the dead slot s3_0_1 is free.
    assert fitting.cost(choice) == 10 + 9 + 5


@pytest.mark.parametrize("target", [12, 14.5, 18, 20])
def test_it_is_made_cheaper_until_it_fits_and_no_cheaper_than_asked(target):
    fitting = Fitting(SPACE, scores(), COSTS)
    fitted = fitting.fit(top(SPACE, scores()), target, target - 2)
    assert target - 2 <= fitting.cost(fitted) <= target


def test_it_gives_up_first_what_is_liked_least():
    liked = scores()
    liked["s2_0_1"]["ds3"] = -0.01  # hardly worse than the best there
    fitting = Fitting(SPACE, liked, COSTS)
    fitted = fitting.fit(top(SPACE, liked), fitting.cost(top(SPACE, liked)) - 1)
    assert fitted["s2_0_1"] == ("ds3",) and fitted["s4_0_1"] == ("mb3_e4",)


def test_room_is_used_where_there_is_some():
    fitting = Fitting(SPACE, scores("none"), COSTS)
    bare = top(SPACE, scores("none"))
    assert fitting.cost(bare) == 10
    assert 17 <= fitting.cost(fitting.fit(bare, 20, 17)) <= 20


def test_a_promise_is_measured_and_corrected_until_it_holds():
    fitting = Fitting(SPACE, scores(), COSTS)
    told: list[tuple[float, float]] = []
    settled = settle(
        fitting,
        top(SPACE, scores()),
        18.0,
        measure=lambda choice: 1.5 * fitting.cost(choice),
        tell=lambda *figures: told.append(figures),
    )
    assert abs(settled.measured - 18) <= 3.6 and settled.tries == len(told) > 1
    assert settled.measured == pytest.approx(1.5 * fitting.cost(settled.choice))


def test_where_nothing_fits_the_nearest_is_taken():
    fitting = Fitting(SPACE, scores(), COSTS)
    settled = settle(fitting, top(SPACE, scores()), 100.0, measure=fitting.cost)
    assert settled.measured == fitting.bounds()[1] == 25


def test_without_a_target_the_best_is_taken_as_it_is():
    fitting = Fitting(SPACE, scores(), COSTS)
    settled = settle(fitting, top(SPACE, scores()), 0.0, measure=lambda choice: 7.0)
    assert settled.choice == top(SPACE, scores()) and settled.measured == 7


def test_a_target_that_nothing_reaches_is_a_sentence():
    fitting = Fitting(SPACE, scores(), COSTS)
    assert check_reachable(fitting, 10, 1.0, "ms") == 25
    with pytest.raises(InvalidSetting, match="cheapest encoder of this search takes 6"):
        check_reachable(fitting, 2, 1.0, "ms")


def test_a_wrong_space_is_a_sentence():
    with pytest.raises(InvalidSetting, match="5 stages"):
        Space((4, 4), (1, 1), OPERATIONS, ("conv3",))
    with pytest.raises(UnknownName, match="magic"):
        Space((4,) * 5, (1,) * 5, ("magic",), ("conv3",))
    with pytest.raises(InvalidSetting, match="operations"):
        Space((4,) * 5, (1,) * 5, ("skip", "none"), ("conv3",))
