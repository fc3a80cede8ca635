"""Chance by seed, step and process, and streams that begin anywhere."""

from __future__ import annotations

from itertools import islice

import numpy as np

from src_training.draws import Draws, Stream


class Numbers(Stream[int]):
    """Draws a number a step."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def batch(self, step: int) -> int:
        return int(self._draws.chance(step).integers(1_000_000))


def first(rng: np.random.Generator) -> int:
    return int(rng.integers(1_000_000_000))


def test_what_is_drawn_stays_what_it_was_in_runs_that_were_begun_before() -> None:
    draws = Draws(4, seed=9, rank=1, world=2)
    assert first(draws.chance(5, 7)) == first(np.random.default_rng((9, 5, 7, 1, 2)))
    assert first(draws.common(5, 7)) == first(np.random.default_rng((9, 5, 7)))


def test_seeds_steps_salts_and_processes_have_chance_of_their_own() -> None:
    chances = [
        Draws(4, 9).chance(5, 7),
        Draws(4, 8).chance(5, 7),
        Draws(4, 9).chance(6, 7),
        Draws(4, 9).chance(5, 8),
        Draws(4, 9, rank=1, world=2).chance(5, 7),
    ]
    assert len(set(map(first, chances))) == len(chances)
    assert first(Draws(4, 9, rank=1, world=2).common(5)) == first(Draws(4, 9).common(5))


def test_a_stream_goes_on_from_any_step() -> None:
    stream = Numbers(Draws(1, seed=3))
    whole = list(islice(stream(0), 6))
    assert list(islice(stream(4), 2)) == whole[4:] and stream.batch(4) == whole[4]
