"""The model of a job that runs in another process, and who works for it here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_medkd.batch.loading import share


class Elsewhere:
    name = "elsewhere"

    def close(self):
        pass


@pytest.mark.parametrize(("model", "outliner"), [("medkd-auto", "medkd-fast"), ("medkd-nano", None)])
def test_who_outlines_what_a_shared_model_finds_runs_here_on_the_cpu(model, outliner):
    job = SimpleNamespace(config=SimpleNamespace(model=model), threads=1)
    segmenter = share(job, Elsewhere(), SimpleNamespace(fallback=""))
    found = segmenter._outliner
    assert (found.card.id if found else None) == outliner
    assert found is None or found.runtime_name == "ONNX Runtime, CPU, 1 threads"
    segmenter.close()
