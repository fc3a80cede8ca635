"""Small corrections whose every part differs by seed."""

import numpy as np

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.prompts import Box, Edits, Point, Prompt, Stroke
from napari_medkd.core.volume import Volume
from napari_medkd.corrections import Correction

SHAPE = (3, 23, 31)


def make(
    case="a", seed=0, label="cell", *, proposed=True, painted=False, colour=False, **facts
) -> Correction:
    """A disc on the middle slice of a volume that `seed` makes; the proposal is a little larger."""
    rng = np.random.default_rng(seed)
    shape = (*SHAPE, 3) if colour else SHAPE
    affine = Geometry.image(SHAPE, (3.0, 0.7, 0.7)).affine
    data = rng.integers(0, 255, shape).astype(np.uint8)
    volume = Volume.from_array(data, geometry=Geometry(SHAPE, affine), modality="RGB" if colour else "CT")
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    away = (rows - 11) ** 2 + (columns - 10 - len(label)) ** 2
    accepted, proposal = away <= 25, away <= 36
    prompt = Prompt(
        Plane(0, 1),
        points=(Point(11, 14), Point(2, 2, positive=False)),
        box=Box(4, 5, 18, 22),
        scribbles=(Stroke(((3.0, 4.0), (5.5, 6.0))),),
        lasso=Stroke(((0.0, 0.0), (9.0, 9.0), (0.0, 9.0))),
        edits=Edits.none(SHAPE[1:]).with_stroke(away > 30, painted=False) if painted else None,
    )
    given = {"proposal": proposal, "first": away <= 49, "model": "student", "score": 0.9} if proposed else {}
    given |= {"times": (0.0, 0.5), "seconds": 4.0, "case": case} | facts
    return Correction.of(volume, prompt, accepted, label=label, **given)
