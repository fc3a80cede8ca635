"""Average precision by hand, and of a student that is asked with boxes."""

from __future__ import annotations

import numpy as np
import pytest

from src_training.evaluation.precision import Detections, average_precision, box_precision
from src_training.pictures import Picture


def one(*overlaps: float, scores: tuple[float, ...] = ()) -> Detections:
    """Return a picture in which answer n overlaps object n alone."""
    return Detections(np.asarray(scores or np.ones(len(overlaps))), np.diag(overlaps))


def test_perfect_masks_have_a_precision_of_one():
    assert average_precision([one(1.0, 1.0), one(0.96)]) == {"ap": 1.0, "ap50": 1.0, "ap75": 1.0}


def test_an_overlap_counts_up_to_itself():
    found = average_precision([one(0.7)])
    assert found["ap50"] == 1 and found["ap75"] == 0
    assert found["ap"] == pytest.approx(0.5)  # 0.50, 0.55, 0.60, 0.65 and 0.70 of ten


def test_a_sure_miss_costs_more_than_an_unsure_one():
    # One hit, one miss, two objects: recall 0.5, so 51 of 101 recalls are reached.
    sure_hit = average_precision([one(0.9, 0.1, scores=(0.9, 0.2))])["ap50"]
    sure_miss = average_precision([one(0.9, 0.1, scores=(0.2, 0.9))])["ap50"]
    assert sure_hit == pytest.approx(51 / 101) and sure_miss == pytest.approx(0.5 * 51 / 101)


def test_two_answers_cannot_hit_the_same_object():
    both = Detections(np.array([0.9, 0.8]), np.array([[0.9, 0.0], [0.95, 0.0]]))
    assert average_precision([both])["ap50"] == pytest.approx(51 / 101)


def test_order_is_over_all_pictures_and_nothing_gives_nan():
    found = average_precision([one(0.9, scores=(0.5,)), one(0.1, scores=(0.6,))])
    assert found["ap50"] == pytest.approx(0.5 * 51 / 101)
    assert np.isnan(average_precision([])["ap"])


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_a_student_is_asked_for_every_object_in_the_pictures_own_frame(fit):
    torch = pytest.importorskip("torch")
    from napari_medkd.models.card import Architecture, ModelCard, Preprocessing

    card = ModelCard(
        id="box",
        title="Box",
        architecture=Architecture(encoder="none", grid=8),
        preprocessing=Preprocessing(size=32, fit=fit),
        capabilities=frozenset({"box"}),
    )

    class Filling(torch.nn.Module):
        """Fills the box it is given, on a grid of 64 cells."""

        def __init__(self):
            super().__init__()
            self.parameter = torch.nn.Parameter(torch.zeros(1))

        def encode(self, image):
            return (image,)

        def decode(self, features, corners, labels):
            centres = (torch.arange(64) + 0.5) * 32 / 64 - 0.5
            x = (centres >= corners[:, 0, :1] - 0.01) & (centres <= corners[:, 1, :1] + 0.01)
            y = (centres >= corners[:, 0, 1:] - 0.01) & (centres <= corners[:, 1, 1:] + 0.01)
            masks = (x[:, None] & y[:, :, None]).float() * 20 - 10
            return masks[:, None], torch.ones(len(corners), 1)

    objects = np.zeros((48, 64), np.uint16)
    objects[4:20, 6:30] = 1
    objects[30:44, 40:60] = 2
    picture = Picture("made", "0", np.zeros((48, 64, 3), np.uint8), objects)
    found = box_precision(Filling(), card, [picture])
    assert found["ap75"] == found["filled_box_ap"] == found["filled_box_dice"] == 1
    assert found["dice"] > (0.999 if fit == "pad" else 0.9)
