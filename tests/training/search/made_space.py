"""A space of a few small encoders."""

from __future__ import annotations

from src_training.search.space import Space

OPERATIONS = ("ds3", "mb3_e4", "skip", "none")
SPACE = Space((4, 4, 8, 8, 8), (0, 0, 1, 2, 1), OPERATIONS, ("conv3", "ds3"), neck_width=8)
COST = {"ds3": 1.0, "mb3_e4": 3.0, "skip": 0.0, "none": 0.0, "conv3": 2.0}
COSTS = {slot.name: {name: COST[name] for name in slot.candidates} for slot in SPACE.slots}


def scores(best: str = "mb3_e4", **others: str) -> dict[str, dict[str, float]]:
    """Return scores that like `best` everywhere it may be, and another operation where slots are named."""
    found = {}
    for slot in SPACE.slots:
        liked = others.get(slot.name, best if slot.stride == 1 else "conv3")
        order = sorted(slot.candidates, key=lambda name, liked=liked: name != liked)  # type: ignore[misc]
        found[slot.name] = {name: -float(place) for place, name in enumerate(order)}
    return found
