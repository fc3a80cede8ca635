"""The encoders of one run: the one that it trains and random ones beside it, each derived once and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.models.encoders.blueprint import preset
from napari_medkd.runs import Metric
from src_training.search.derive import Fitting, top
from src_training.search.found import FOUND, Found, keep, kept
from src_training.search.pricing import chance, plain
from src_training.search.settle import TOLERANCE, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from src_training.context import Context
    from src_training.recipes.efficient_medsam import EfficientMedSamConfig
    from src_training.search.derive import Scores
    from src_training.search.found import Priced
    from src_training.search.pricing import Pricing
    from src_training.search.space import Choice

_CHANCE, _RIVALS = 29, 31  # salts of the seed


class Finder:
    """Derives encoders that fit the target, and reads them where that was done before.

    Of several processes the first derives and measures, and all read what it kept; so does a run that is
    resumed.

    Parameters
    ----------
    config : EfficientMedSamConfig
        The numbers.
    context : Context
        The run.
    pricing : Pricing
        What encoders cost.
    """

    def __init__(self, config: EfficientMedSamConfig, context: Context, pricing: Pricing) -> None:
        self._config, self._context, self._pricing = config, context, pricing

    def derive(
        self, priced: Priced, scores: Scores, how: str, file: str = FOUND, stage: str = "derive"
    ) -> None:
        """Derive an encoder, measure it, and keep what fits; the first process does."""
        if not self._context.fabric.is_global_zero:
            return
        space = self._pricing.space(priced.widths)
        fitting = Fitting(space, scores, priced.costs, priced.shared)
        timed = priced.unit == "ms"

        def measure(choice: Choice) -> float:
            return self._pricing.whole(space.plan(choice)) if timed else fitting.cost(choice)

        def tell(predicted: float, measured: float) -> None:
            unit = (priced.unit or "cost").lower()
            values = {f"predicted_{unit}": predicted, f"measured_{unit}": measured}
            self._context.write(
                Metric(stage=stage, step=0, values={**values, f"target_{unit}": priced.target})
            )

        liked = top(space, scores, self._config.keep)
        settled = settle(fitting, liked, priced.target, measure, priced.scale, tell)
        if priced.target and abs(settled.measured - priced.target) > TOLERANCE * priced.target:
            self._context.warn(
                f"No encoder of this search came within {TOLERANCE:.0%} of {priced.target:g} {priced.unit}: "
                "the "
                f"nearest takes {settled.measured:.3g}.",
                "Choose other widths, another size, or another target.",
            )
        plan = space.plan(settled.choice)
        found = Found(
            how=how,
            encoder=plan,
            choice=settled.choice,
            predicted=settled.predicted,
            measured=settled.measured if timed else self._pricing.whole(plan),
            target=priced.target,
            tries=settled.tries,
        )
        keep(self._context.folder, file, found)

    def found(self) -> Found | None:
        """Return the encoder of this run; a control's is made here. None where it was asked to stop."""
        how, folder = self._config.architecture, self._context.folder
        if how in ("random", "fixed"):
            priced = self._pricing.priced()
            if priced is None:
                return None
            space = self._pricing.space(priced.widths)
            rng = np.random.default_rng((self._context.spec.seed, _CHANCE))
            scores = chance(space, rng) if how == "random" else plain(space)
            self._once(FOUND, lambda: self.derive(priced, scores, how))
        elif how != "search":
            self._once(FOUND, lambda: self._preset(how))
        return kept(folder, FOUND, Found)

    def rival(self, number: int) -> Found | None:
        """Return a random encoder at the target, or else at what the run's own costs."""
        priced = self._pricing.priced()
        if priced is None:
            return None
        own = self.found()
        space = self._pricing.space(priced.widths)
        if not priced.target and own is not None and own.choice:
            cost = Fitting(space, plain(space), priced.costs, priced.shared).cost(own.choice)
            priced = priced.model_copy(update={"unit": "GMAC", "target": cost})
        scores = chance(space, np.random.default_rng((self._context.spec.seed, _RIVALS, number)))
        file, stage = f"random-{number}.json", f"random {number}"
        self._once(file, lambda: self.derive(priced, scores, "random", file, stage))
        return kept(self._context.folder, file, Found)

    def _preset(self, size: str) -> None:
        plan = preset(size)
        took = self._pricing.whole(plan)
        found = Found(how=size, encoder=plan, choice={}, predicted=took, measured=took, target=0.0, tries=1)
        keep(self._context.folder, FOUND, found)

    def _once(self, file: str, make: Callable[[], None]) -> None:
        """Have the first process make a file that is not there yet, while the others wait."""
        fabric = self._context.fabric
        with fabric.rank_zero_first():
            if fabric.is_global_zero and kept(self._context.folder, file, Found) is None:
                make()
