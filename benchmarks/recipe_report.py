"""The report of `benchmarks.recipes`: one JSON file that several processes may fill, set by set."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.recipe_arms import Experiment

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one experiment.

    Parameters
    ----------
    path : Path
        The file; read anew each time, since others may write it too.
    experiment : Experiment
        Whose part of it this is.
    """

    path: Path
    experiment: Experiment

    def of(self, name: str) -> Figures:
        """Return the figures of one set: ``objects``, ``references`` and ``arms``, empty at first."""
        return dict(self._own(self._read())["sets"].get(name, {"objects": {}, "references": {}, "arms": {}}))

    def refer(self, name: str, objects: Figures, references: Figures) -> None:
        """Keep what was asked about and what the arms are compared with."""
        self._change(name, {"objects": objects, "references": references})

    def add(self, name: str, arm: str, seed: int, found: Figures) -> None:
        """Keep the figures of one arm and seed."""
        arms = self.of(name)["arms"]
        arms.setdefault(arm, {})[str(seed)] = found
        self._change(name, {"arms": arms})

    def _change(self, name: str, parts: Figures) -> None:
        report = self._read()
        own = self._own(report)
        own["sets"][name] = {**self.of(name), **parts}
        half = self.path.with_suffix(f".{name}.part")
        half.write_text(_written({**report, self.experiment.recipe: own}), encoding="utf-8")
        half.replace(self.path)

    def _read(self) -> Figures:
        return dict(json.loads(self.path.read_text(encoding="utf-8"))) if self.path.exists() else {}

    def _own(self, report: Figures) -> Figures:
        """Return the experiment's part; figures of other settings must not be mixed with ours."""
        experiment = self.experiment
        settings = {
            "shared": experiment.shared,
            "settings": {arm.name: arm.settings for arm in experiment.arms},
            "train": experiment.train,
        }
        own = dict(report.get(experiment.recipe, {**settings, "sets": {}}))
        if any(own[key] != value for key, value in settings.items()):
            sys.exit(f"{self.path} holds figures of other settings: write another file.")
        return own


def _written(report: Figures) -> str:
    """Write JSON with each list in a line of its own."""
    text = json.dumps(report, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n"
