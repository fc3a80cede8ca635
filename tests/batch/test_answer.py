import numpy as np
import pytest

from napari_medkd.batch import answer
from napari_medkd.batch.boxes import BoxRow
from napari_medkd.core.geometry import Geometry
from napari_medkd.core.prompts import Box
from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt, InvalidSetting
from napari_medkd.models.card import Target
from tests.batch.made import square

WHOLE = Box(0, 0, 63, 63)


def volume(*slices, modality="GRAY"):
    data = np.stack(slices)
    return Volume.from_array(data, geometry=Geometry.image(data.shape), name="x")


def test_a_picture_gives_the_mask_of_what_is_found(bright, config):
    found = answer.by_itself(volume(square()), bright, config())
    assert np.array_equal(found.labels[0] > 0, square() > 0)
    assert found.names == {1: "bright"} and found.confidence == pytest.approx(1, abs=1e-3)


def test_every_slice_of_a_volume_is_searched_along_the_axis_that_was_said(bright, config):
    data = np.zeros((64, 5, 64), np.uint8)
    data[16:32, 1:4, 24:40] = 255
    image = Volume.from_array(data, geometry=Geometry.image(data.shape), name="x")
    found = answer.by_itself(image, bright, config(axis="y"))
    assert np.array_equal(found.labels > 0, data > 0)


def test_nothing_found_is_an_empty_mask_with_its_own_confidence(bright, config):
    found = answer.by_itself(volume(np.zeros((40, 50), np.uint8)), bright, config())
    assert not found.labels.any() and found.labels.shape == (1, 40, 50)
    assert found.confidence is not None and found.confidence > 0.9


def test_the_surer_target_is_on_top(make_segmenter, config):
    grey = square()
    grey[20:28, 28:36] = 255
    grey[grey == 0] = 0
    dim = np.where(square() > 0, 160, 0).astype(np.uint8)
    dim[20:28, 28:36] = 255
    both = make_segmenter(Target(name="bright"), Target(name="very bright"))
    found = answer.by_itself(volume(dim), both, config())
    assert found.names == {1: "bright", 2: "very bright"}
    assert set(np.unique(found.labels)) == {0, 1, 2}
    assert (found.labels[0, 20:28, 28:36] == 2).all() and (found.labels[0] == 1).sum() == 16 * 16 - 64


def test_a_threshold_in_place_of_the_models(bright, config):
    grey = np.where(square() > 0, 130, 0).astype(np.uint8)  # log odds 0.4: a probability of 0.6
    assert answer.by_itself(volume(grey), bright, config()).labels.any()
    assert not answer.by_itself(volume(grey), bright, config(threshold=0.9)).labels.any()


@pytest.mark.parametrize(
    ("wanted", "modality", "expected", "note"),
    [
        ("auto", "CT", "ct", ""),
        ("auto", "MR", "mr", ""),
        ("mr", "CT", "mr", "Taken for mr; the file says ct."),
        ("auto", "GRAY", "ct", "The kind of image is the model's guess."),
    ],
)
def test_the_kind_of_image_decides_what_is_looked_for(
    make_segmenter, config, wanted, modality, expected, note
):
    image = volume(square())
    image = Volume(image.data, image.geometry, modality, image.window, "x")
    kinds = make_segmenter(Target(name="liver", modality="ct"), Target(name="brain", modality="mr"))
    found = answer.by_itself(image, kinds, config(modality=wanted))
    assert found.modality == expected
    assert found.names == ({1: "liver"} if expected == "ct" else {2: "brain"})
    assert set(np.unique(found.labels)) == {0, *found.names}
    assert "".join(found.notes) == note


def test_an_image_of_a_kind_that_the_model_does_not_know_is_refused_unless_somebody_says_another(
    make_segmenter, config
):
    image = volume(square())
    image = Volume(image.data, image.geometry, "CT", image.window, "x")
    kinds = make_segmenter(
        Target(name="lesion", modality="ultrasound"), Target(name="disc", modality="fundus")
    )
    with pytest.raises(
        InvalidSetting, match="It is of the kind ct, and Bright knows fundus, ultrasound only"
    ):
        answer.by_itself(image, kinds, config())
    assert answer.by_itself(image, kinds, config(modality="fundus")).modality == "fundus"


def test_where_nothing_says_the_kind_the_surest_one_is_taken(make_segmenter, config):
    dim = np.where(square() > 0, 160, 0).astype(np.uint8)  # bright, not very bright: only mr finds it
    kinds = make_segmenter(Target(name="brain", modality="mr"), Target(name="bone", modality="ct"))
    assert answer.by_itself(volume(dim), kinds, config()).modality == "mr"


def test_boxes_are_answered_on_their_slices_with_their_labels(boxed):
    image = volume(square(), square(top=32), square(), square())
    boxes = [BoxRow(WHOLE, (0, 1), 300, "lesion"), BoxRow(WHOLE, (3, 3), 2)]
    found = answer.with_boxes(image, boxed, boxes, 0)
    assert found.labels.dtype == np.uint16
    assert [set(np.unique(one)) for one in found.labels] == [{0, 300}, {0, 300}, {0}, {0, 2}]
    assert np.array_equal(found.labels[1] > 0, square(top=32) > 0)
    assert found.names == {300: "lesion", 2: ""} and found.confidence == pytest.approx(0.75)


def test_a_slice_is_encoded_once_for_all_its_boxes(boxed):
    boxes = [BoxRow(WHOLE, (0, 2)), BoxRow(Box(1, 1, 40, 40), (1, 1))]
    answer.with_boxes(volume(square(), square(), square()), boxed, boxes, 0)
    assert boxed._runtime.encoded == 3


def test_a_box_that_says_no_slice_or_misses_the_image_is_a_sentence(boxed):
    with pytest.raises(InvalidPrompt, match="names no slice"):
        answer.with_boxes(volume(square(), square()), boxed, [BoxRow(WHOLE)], 0)
    with pytest.raises(InvalidPrompt, match="Slice 7"):
        answer.with_boxes(volume(square(), square()), boxed, [BoxRow(WHOLE, (7, 7))], 0)
    with pytest.raises(InvalidPrompt, match="outside the image"):
        answer.with_boxes(volume(square()), boxed, [BoxRow(Box(100, 100, 120, 120))], 0)


def test_a_model_is_asked_only_for_what_it_can_do(bright, boxed):
    with pytest.raises(InvalidPrompt, match="--prompt-file"):
        answer.check_model(boxed.card, has_boxes=False)
    with pytest.raises(InvalidPrompt, match="takes no boxes"):
        answer.check_model(bright.card, has_boxes=True)
    answer.check_model(bright.card, has_boxes=False)
    answer.check_model(boxed.card, has_boxes=True)
