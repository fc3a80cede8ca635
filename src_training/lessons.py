"""Which pictures a teacher is asked about, and the asking: once for all runs and all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.runs import Progress
from src_training.pictures import weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from src_training.context import Context
    from src_training.pictures import Picture
    from src_training.teacher import Lesson


def chosen(pictures: Sequence[Picture], count: int, seed: int) -> list[Picture]:
    """Draw `count` different pictures, the small sets as fully as the large ones."""
    count = min(count, len(pictures))
    drawn = np.random.default_rng(seed).choice(len(pictures), count, replace=False, p=weights(pictures))
    return [pictures[index] for index in sorted(drawn)]


def ask(
    teacher: str, pictures: Sequence[Picture], context: Context, grid: int, boxes: int = 0
) -> list[Lesson]:
    """Return what the teacher says of each picture.

    Parameters
    ----------
    teacher : str
        Id of an installed model.
    pictures : sequence of Picture
        What it is asked about. Of several processes the first asks and the others read what it kept.
    grid, boxes : int
        Rows and columns of the student's embedding, and boxes drawn on each picture.
    """
    from napari_medkd.inference import load_segmenter
    from src_training.teacher import Teacher

    def tell(done: int, of: int) -> None:
        context.write(Progress(stage="teacher", step=done, total=of))

    segmenter = load_segmenter(teacher, device=str(context.fabric.device))
    try:
        with context.fabric.rank_zero_first():
            return Teacher(segmenter, context.cache, grid, boxes).lessons(pictures, tell)
    finally:
        segmenter.close()
