from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Edits, Point, Prompt, Stroke
from napari_medkd.session.packing import PackedMask, pack_prompt, unpack_prompt


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (37, 57), (64, 8)])
@pytest.mark.parametrize("density", [0.0, 0.03, 0.5, 1.0])
def test_masks_survive_packing(shape, density, tmp_path):
    mask = np.random.default_rng(0).random(shape) < density
    packed = PackedMask.from_bytes(PackedMask.of(mask).to_bytes())
    assert np.array_equal(packed.unpack(), mask)
    assert packed == PackedMask.of(mask)


def test_a_mask_knows_its_box():
    mask = np.zeros((20, 30), bool)
    mask[4, 7] = mask[9, 25] = True
    packed = PackedMask.of(mask)
    assert packed.corner == (4, 7) and packed.size == (6, 19)
    assert np.array_equal(packed.crop(), mask[4:10, 7:26])


def test_a_round_object_takes_a_hundredth_of_its_slice():
    rows, columns = np.mgrid[:1024, :1024]
    packed = PackedMask.of(np.hypot(rows - 500, columns - 400) < 200)
    assert packed.nbytes < 1024 * 1024 / 100


@pytest.mark.parametrize("data", [b"", b"short"])
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match="packed mask"):
        PackedMask.from_bytes(data)


def test_prompts_survive_packing():
    plane = Plane(1, 3)
    edits = Edits.none((6, 7)).with_stroke(np.eye(6, 7, dtype=bool), painted=True)
    edits = edits.with_stroke(np.eye(6, 7, k=1, dtype=bool), painted=False)
    scribble = Stroke(((1.5, 2.25), (np.float32(3), 4)), positive=False)
    prompts = [
        Prompt(plane),
        Prompt(plane, points=(Point(1.25, 3, False), Point(2, 4))),
        Prompt(plane, box=Box(-1, 0.5, 4, 5)),
        Prompt(plane, scribbles=(scribble, scribble), lasso=Stroke(((0, 0), (0, 5), (5, 5)))),
        Prompt(plane, points=(Point(0, 0),), box=Box(0, 0, 3, 3), edits=edits),
    ]
    for prompt in prompts:
        assert unpack_prompt(pack_prompt(prompt)) == prompt
