from __future__ import annotations

import json

from benchmarks.large_volume import made_volume, measured
from benchmarks.volume_tables import volumes
from tests.doubles import ThresholdSegmenter


def test_a_ball_is_followed_and_every_figure_has_its_words():
    volume = made_volume((14, 64, 64))
    figures = measured(ThresholdSegmenter(), volume)
    assert 6 <= figures["slices"] < 14 and figures["slice_change_s"]["n"] == 20
    figures |= {"shape": volume.shape, "peak_mb": 500.0, "memory_over_volume_mb": 400.0, "disk_mb": 3.0}
    report = json.loads(json.dumps({"sets": {}, "large": {"tiny": figures}}))
    words = volumes(report)
    assert "64×64×14 voxels, tiny" in words and "400 MB without the voxels" in words
