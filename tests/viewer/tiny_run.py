"""A run that learns in a moment, ``python -m tests.viewer.tiny_run FOLDER``: it leaves what others do."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd import runs
from napari_medkd.models.package import CARD, DECODER, ENCODER
from napari_medkd.models.store import ModelStore
from napari_medkd.runs.comparison import Change, Comparison, Interval, Latency, SetComparison

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard

STEPS = 6


def main(folder: Path) -> None:
    spec = runs.RunSpec.load(folder)
    assert spec.learning is not None and (folder / spec.data[0]).is_dir()
    with runs.EventWriter(folder) as events:
        events.write(runs.Stage(name="masks", index=0, count=1, steps=STEPS))
        for step in range(1, STEPS + 1):
            values = {"loss": 1 / step, "held_out_first_iou": step / 10}
            events.write(runs.Metric(stage="masks", step=step, values=values))
            events.write(runs.Progress(stage="masks", step=step, total=STEPS))
        card = package(spec, folder / "model")
        events.write(runs.ModelExported(id=card.id, path="model"))
        found = comparison(spec.base, card.id)
        (folder / "comparison.json").write_text(found.model_dump_json())
        events.write(runs.Compared(path="comparison.json", verdict=found.verdict, forgets=found.forgets))
        events.write(runs.Finished())


def package(spec: runs.RunSpec, folder: Path) -> ModelCard:
    """Leave a package that can be installed; nobody runs it."""
    folder.mkdir()
    files = {}
    for name in (ENCODER, DECODER):
        (folder / name).write_bytes(name.encode())
        files[name] = hashlib.sha256(name.encode()).hexdigest()
    wanted = {"id": spec.options["name"], "title": spec.options["title"], "files": files}
    card = ModelStore().get(spec.base).model_copy(update=wanted)
    (folder / CARD).write_text(card.model_dump_json())
    return card


def comparison(before: str, after: str) -> Comparison:
    """Say that the new model is better."""

    def interval(mean: float) -> Interval:
        return Interval(mean=mean, low=mean - 0.1, high=mean + 0.1)

    change = Change(before=interval(0.5), after=interval(0.8), change=interval(0.3))
    own = SetComparison(name="yours", kind="corrections", cases=3, objects=9, figures={"dice@1": change})
    latency = Latency(encode=0.03, answer=0.01)
    return Comparison(
        before=before, after=after, cap=10, sets=[own], latency_before=latency, latency_after=latency,
        worst=[], seconds=1,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
