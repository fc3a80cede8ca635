from types import SimpleNamespace

import pytest

from napari_medkd.widgets.suggestion_sentences import reaches


@pytest.mark.parametrize(("score", "expected"), [(0.81, True), (0.797, True), (0.794, False)])
def test_a_score_counts_as_it_is_shown(score, expected):
    assert reaches(SimpleNamespace(score=score), 0.8) is expected
