"""What a run's encoders may cost: the space that fits the target, measured or counted, and whole encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd import settings
from napari_medkd.runs import Metric, Progress, stop_requested
from src_training.search.costs import LatencyTable, encoder_milliseconds, multiply_accumulates
from src_training.search.derive import Fitting, top
from src_training.search.found import COSTS, Priced, keep, kept
from src_training.search.settle import check_reachable
from src_training.search.space import WIDTHS, Space
from src_training.search.stopwatch import Stopwatch

if TYPE_CHECKING:
    from src_training.context import Context
    from src_training.recipes.efficient_medsam import EfficientMedSamConfig
    from src_training.search.derive import Scores

_STAGE = "costs"  # in progress events
_PROBES = 3  # whole encoders that tell how far the sum of parts is off
_WHOLE_SECONDS = 2.0  # of measuring a whole encoder
# What the dearest encoder of wide enough stages takes at least, per target: with less, only the dearest would
# use the time and there would be nothing to choose; wider stages are slower to search and to train.
_ROOM = 1.5


class Pricing:
    """The costs of a run; worked out once and then read from its folder.

    Parameters
    ----------
    config : EfficientMedSamConfig
        The numbers.
    context : Context
        The run.
    """

    def __init__(self, config: EfficientMedSamConfig, context: Context) -> None:
        self._config, self._context = config, context
        self.stopwatch = Stopwatch(context.fabric.device, config.threads)

    def priced(self) -> Priced | None:
        """Return the costs of the space that is searched; None where it was asked to stop."""
        with self._context.fabric.rank_zero_first():
            found = kept(self._context.folder, COSTS, Priced)
            if found is None:
                found = self._worked_out()
                if found is not None:
                    keep(self._context.folder, COSTS, found)
            return found

    def space(self, widths: str) -> Space:
        """Return the space with widths of that name."""
        return space_of(self._config, widths)

    def whole(self, plan: object) -> float:
        """Return the milliseconds of a whole encoder."""
        return encoder_milliseconds(plan, self._config.size, self.stopwatch, _WHOLE_SECONDS)  # type: ignore[arg-type]

    def _worked_out(self) -> Priced | None:
        config = self._config
        names = list(WIDTHS) if config.widths == "auto" else [config.widths]
        if not config.target_ms:
            return self._counted("small" if config.widths == "auto" else config.widths)
        found: Priced | None = None
        for name in names:
            found = self._measured(name)
            if found is None:
                return None
            space = self.space(name)
            fitting = Fitting(space, chance(space, self._rng()), found.costs, found.shared)
            dearest = check_reachable(fitting, config.target_ms, found.scale, "ms")
            if dearest >= _ROOM * config.target_ms:
                return found
            if name == names[-1]:
                self._context.warn(
                    f"The dearest encoder of this search takes about {dearest:.3g} ms here, little or "
                    "nothing above "
                    f"the target of {config.target_ms:g}.",
                    "Choose wider stages (widths) or a larger input (size) to use the time.",
                )
        return found

    def _counted(self, widths: str) -> Priced:
        """Return multiply-accumulates, or no target where none is asked for."""
        costs, shared = multiply_accumulates(self.space(widths), self._config.size)
        target = self._config.target_gmac
        priced = Priced(
            unit="GMAC" if target else "", widths=widths, costs=costs, shared=shared, target=target
        )
        if target:
            space = self.space(widths)
            check_reachable(Fitting(space, chance(space, self._rng()), costs, shared), target, 1.0, "GMAC")
        return priced

    def _measured(self, widths: str) -> Priced | None:
        context, config = self._context, self._config

        def go_on(done: int, of: int) -> bool:
            context.write(Progress(stage=_STAGE, step=done, total=of))
            return not stop_requested(context.folder)

        space = self.space(widths)
        table = LatencyTable(settings.home() / "latency", self.stopwatch)
        found = table.costs(space, config.size, go_on)
        if found is None:
            return None
        costs, shared = found
        scale = self._scale(space, costs, shared)
        return Priced(
            unit="ms",
            widths=widths,
            costs=costs,
            shared=shared,
            scale=scale,
            target=config.target_ms,
            measured_on=self.stopwatch.name,
        )

    def _scale(self, space: Space, costs: dict[str, dict[str, float]], shared: float) -> float:
        """Return what whole encoders take per sum of their parts: the median of a few near the target."""
        rng, ratios = self._rng(), []
        for _ in range(_PROBES):
            scores = chance(space, rng)
            fitting = Fitting(space, scores, costs, shared)
            target = self._config.target_ms
            choice = fitting.fit(top(space, scores), target, 0.8 * target)
            plan = space.plan(choice)
            # The lower of two: another program may have been in the way.
            ratios.append(min(self.whole(plan), self.whole(plan)) / fitting.cost(choice))
        scale = float(np.median(ratios))
        self._context.write(Metric(stage=_STAGE, step=0, values={"whole_per_parts": scale}))
        return scale

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng((self._context.spec.seed, 23))


def space_of(config: EfficientMedSamConfig, widths: str) -> Space:
    """Return the space that a recipe's numbers describe, with widths of that name."""
    return Space(
        WIDTHS[widths],
        config.nodes,
        config.operations,
        config.downs,
        config.neck_width,
        config.neck_blocks,
        config.mixing,
        config.cell,
    )


def chance(space: Space, rng: np.random.Generator) -> Scores:
    """Return scores by which every operation of a slot is as likely as the others to be liked best."""
    return {slot.name: {name: float(rng.gumbel()) for name in slot.candidates} for slot in space.slots}


def plain(space: Space) -> Scores:
    """Return scores that like MBConv everywhere, then the less the further an operation is from it."""
    order = ("mb3_e4", "mb5_e4", "mb3_e6", "ds3", "ds5", "conv3", "fmb_e4", "pw", "skip", "none")
    rank = {name: -float(place) for place, name in enumerate(order)}
    return {
        slot.name: {name: rank.get(name, -float(len(order))) for name in slot.candidates}
        for slot in space.slots
    }
