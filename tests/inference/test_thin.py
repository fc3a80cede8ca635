from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Point, Prompt
from napari_medkd.inference.nudging import nudged
from napari_medkd.inference.thin import as_it_is, is_thin


def tree(shape: tuple[int, int]) -> np.ndarray:
    """A trunk three pixels wide and a branch of one."""
    mask = np.zeros(shape, bool)
    mask[10 : shape[0] - 10, 40:43] = True
    mask[60, 40 : shape[1] - 5] = True
    return mask


def disc(radius: int) -> np.ndarray:
    rows, columns = np.ogrid[:200, :200]
    return (rows - 100) ** 2 + (columns - 100) ** 2 <= radius**2


def test_trees_are_thin_and_lesions_are_not():
    assert is_thin(tree((200, 150))) and is_thin(tree((3000, 1500)))
    assert not is_thin(disc(60)) and not is_thin(disc(4)) and not is_thin(disc(0))
    assert not is_thin(np.zeros((50, 50), bool))
    pair = disc(60)
    pair[:, 95:105] = False  # two lungs
    assert not is_thin(pair)


@pytest.mark.parametrize("shape", [(200, 150), (150, 200), (1000, 1700), (80, 48)])
def test_a_mask_is_kept_to_the_pixel(shape):
    mask = tree(shape)
    seen = as_it_is(mask)
    assert seen.joined and np.array_equal(seen.frame.to_mask(seen.logits), mask)


def test_a_mask_that_is_too_large_for_that_is_kept_but_for_its_edges():
    mask = np.zeros((60, 5000), bool)
    mask[20:26, :4990] = True
    seen = as_it_is(mask)
    kept = seen.frame.to_mask(seen.logits)
    assert (
        len(seen.logits) == 4096
        and (kept & mask).sum() > 0.8 * mask.sum()
        and not (kept & ~mask).sum() > 5000
    )


def test_a_click_brings_in_a_spot_and_takes_one_away():
    mask = tree((400, 300))
    seen = as_it_is(mask)
    prompt = Prompt(Plane(0, 0), (Point(200, 150), Point(300, 41, False)))
    changed = seen.frame.to_mask(nudged(seen.logits, seen.frame, prompt))
    assert changed[200, 150] and not changed[300, 41]
    rows, columns = np.nonzero(changed != mask)
    near = (np.hypot(rows - 200, columns - 150) < 6) | (np.hypot(rows - 300, columns - 41) < 8)
    assert near.all()
