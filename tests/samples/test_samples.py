from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.errors import UnknownName
from napari_medkd.io import read_labels, read_volume
from napari_medkd.samples import SAMPLES, sample, sample_path

LICENCES = {"CC0-1.0", "CC-BY-4.0", "MIT"}


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: one.key)
def test_a_sample_opens_with_its_mask_and_names_its_makers(one):
    volume = read_volume(sample_path(one.key))
    assert min(volume.shape[1:]) > 50 and volume.data.max() > volume.data.min()
    assert one.licence in LICENCES and one.attribution and one.title
    if one.mask_path is not None:
        mask = read_labels(one.mask_path, like=volume)
        assert 0.001 < np.count_nonzero(mask) / mask.size < 0.5 and one.target


def test_the_package_stays_small_and_holds_nothing_else():
    listed = {one.path for one in SAMPLES} | {one.mask_path for one in SAMPLES if one.mask_path}
    there = set(SAMPLES[0].path.parent.iterdir())
    assert there == listed
    assert sum(path.stat().st_size for path in there) < 1_000_000


def test_an_unknown_key_lists_the_known_ones():
    with pytest.raises(UnknownName, match="Known: nuclei, carotid"):
        sample("brain")
