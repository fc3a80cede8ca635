from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.inference.routing import probabilities
from napari_medkd.models.card import Target
from tests.batch.made import bright_card

KINDS = ("fundus", "xray", "ultrasound")


def card(temperature):
    made = bright_card(*(Target(name=kind, modality=kind) for kind in KINDS))
    changes = {"kinds": KINDS, "router_temperature": temperature}
    return made.model_copy(update={"architecture": made.architecture.model_copy(update=changes)})


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_how_likely_a_kind_is_goes_by_the_routers_temperature(temperature):
    features = (np.zeros((1, 1, 4, 4), np.float32), np.array([[5.0, 0.0, 2.5]], np.float32))
    found = probabilities(card(temperature), features)
    odds = np.exp(np.array([5.0, 0.0, 2.5]) / temperature)
    expected = dict(zip(KINDS, odds / odds.sum(), strict=True))
    assert list(found) == ["fundus", "ultrasound", "xray"], "the likeliest first, whatever the temperature"
    assert found == pytest.approx(expected)
