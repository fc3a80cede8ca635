"""Throughput is counted in images, not in batches."""

from __future__ import annotations

import pytest
import torch

from benchmarks import throughput


class Slow(torch.nn.Module):
    """Counts the images that it was given."""

    seen = 0

    def encode(self, images):
        assert images.shape[1:] == (3, 32, 32)
        self.seen += len(images)
        return (images,)


@pytest.mark.parametrize("batch", [1, 4])
def test_the_rate_is_images_by_time(monkeypatch, batch):
    clock = iter(range(100))
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(clock))
    model = Slow()
    found = throughput.rate(model, 32, batch, torch.device("cpu"))
    # one reading at the start, one for each look at the clock, one at the end: two batches in four seconds
    timed = model.seen - batch
    assert found == {"images_per_s": pytest.approx(timed / (timed / batch + 2), abs=0.01)}
