"""What a case is for: to learn from, to choose by, or to be held out and only measured on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal, get_args

from sqlalchemy import func, insert, select

from napari_medkd.corrections.schema import SECRET_KEY, about_store, case_part
from napari_medkd.errors import UnknownName

if TYPE_CHECKING:
    from sqlalchemy import Connection

Part = Literal["training", "validation", "held-out"]
PARTS: tuple[Part, ...] = get_args(Part)
_BLOCK = 10
# The first case to hold out and the first to validate on come early: with five cases there is one of each.
_EARLY_HELD_OUT, _EARLY_VALIDATION = range(0, 3), range(3, 5)


def part_for(number: int, seed: str) -> Part:
    """Return what the `number`-th case (from 0) of a store is for.

    Of every ten cases two are held out, one of each five, and one is for validation; which ones is up to
    chance, of which `seed` is the start.
    """
    block, place = divmod(number, _BLOCK)
    rng = random.Random(f"{seed}/{block}")
    held_out = {rng.choice(_EARLY_HELD_OUT) if block == 0 else rng.randrange(5), 5 + rng.randrange(5)}
    free = _EARLY_VALIDATION if block == 0 else [one for one in range(_BLOCK) if one not in held_out]
    if place in held_out:
        return "held-out"
    return "validation" if place == rng.choice(free) else "training"


def assign(connection: Connection, case: str, part: Part | None = None) -> Part:
    """Return what a case is for; one that is new gets `part`, or else its turn, for good."""
    known = connection.scalar(select(case_part.c.part).where(case_part.c.name == case))
    if known is not None:
        return check(known)
    if part is None:
        count = connection.scalar(select(func.count()).select_from(case_part)) or 0
        seed = connection.scalar(select(about_store.c.value).where(about_store.c.key == SECRET_KEY))
        part = part_for(count, str(seed))
    connection.execute(insert(case_part).values(name=case, part=part))
    return part


def check(part: str) -> Part:
    """Return `part` where it is one; another word is an `UnknownName`."""
    for known in PARTS:
        if part == known:
            return known
    raise UnknownName(f"There is no part named {part!r}.", f"Known: {', '.join(PARTS)}.")
