"""The default student: what its card says of what it was taught."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from lightning_fabric import Fabric

from napari_medkd.runs import RunSpec
from src_training.context import Context
from src_training.recipes.interactive import Interactive, InteractiveConfig
from tests.training.made import make_set

SMALL = {"backbone": "test_efficientnet", "size": 128, "teacher": ""}


def make_volume(folder):
    labels = np.zeros((40, 40, 4), np.uint8)
    labels[5:25, 5:25, 1:] = 3
    for name, values in (("images", labels * 9.0), ("labels", labels)):
        (folder / name).mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / name / "one.nii.gz")
    return folder


@pytest.mark.parametrize(
    ("data", "handed", "is_handed", "warnings"),
    [(make_volume, 0.5, True, 0), (make_volume, 0.0, False, 0), (make_set, 0.5, False, 1)],
)
def test_only_a_student_that_was_taught_so_is_shown_masks_of_other_slices(
    tmp_path, data, handed, is_handed, warnings
):
    events = []
    spec = RunSpec(recipe="interactive", data=(str(data(tmp_path / "data")),))
    context = Context(spec, tmp_path, Fabric(accelerator="cpu"), events.append)
    recipe, config = Interactive(), InteractiveConfig(handed=handed, **SMALL)
    recipe.stages(config, context)
    _, card = recipe.model(config, context)
    assert card.architecture.handed is is_handed
    told = [event for event in events if "volumes with labels" in getattr(event, "message", "")]
    assert len(told) == warnings
