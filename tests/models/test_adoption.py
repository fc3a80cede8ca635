"""Published files (of random weights) are taken in and answer prompts, from the file to the mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import ModelUnavailable
from napari_medkd.inference import load_segmenter
from napari_medkd.models import catalogue
from napari_medkd.models.adoption import adopt
from napari_medkd.models.store import ModelStore
from tests.models import official

PLANE = Plane(0, 1)


@pytest.fixture
def file_of(tmp_path):
    """Write the published file of a model, with random weights."""

    def write(model_id, name="", change=None):
        entry = catalogue.entry(model_id)
        state = official.random_state(model_id)
        state.update(change or {})
        torch.save(state, tmp_path / (name or entry.file_name))
        return tmp_path / (name or entry.file_name)

    return write


def test_a_published_file_is_recognised_and_fits(file_of):
    card, state = adopt(file_of("mobile-sam"))
    assert card.id == "mobile-sam"
    assert not any(".head." in name for name in state)


def test_the_user_may_say_which_of_two_equal_networks_it_is(file_of):
    path = file_of("mobile-sam", "mine.pth")
    with pytest.raises(ModelUnavailable, match="MobileSAM or TinySAM"):
        adopt(path)
    assert adopt(path, "tiny-sam")[0].id == "tiny-sam"


def test_a_file_of_another_network_is_refused_by_name(file_of):
    with pytest.raises(ModelUnavailable, match=r"do not fit EdgeSAM: of \d+ tensors \d+ missing"):
        adopt(file_of("mobile-sam"), "edge-sam")


def test_a_file_with_a_reshaped_tensor_is_refused(file_of):
    path = file_of("mobile-sam", change={"mask_decoder.iou_token.weight": torch.ones(1, 128)})
    with pytest.raises(ModelUnavailable, match=r"iou_token\.weight \(1, 128\) instead of \(1, 256\)"):
        adopt(path)


def test_an_unknown_file_lists_what_is_known(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "unet.pth")
    with pytest.raises(ModelUnavailable, match=r"unet\.pth is not a checkpoint") as caught:
        adopt(tmp_path / "unet.pth")
    assert "MedSAM" in caught.value.hint and "card.json" in caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("model_id", ["mobile-sam", "edge-sam", "efficientvit-sam-l0", "repvit-sam"])
def test_a_published_file_answers_prompts(file_of, tmp_path, model_id):
    store = ModelStore(tmp_path / "models", shipped=tmp_path / "none")
    installed = store.add(file_of(model_id))
    assert installed.id == model_id and installed.parameters == catalogue.entry(model_id).card.parameters
    segmenter = load_segmenter(model_id, store=store, device="cpu", runtime="torch")
    image = np.random.default_rng(0).integers(0, 255, (2, 40, 60), dtype=np.uint8)
    embedding = segmenter.embed(Volume.from_array(image), PLANE)
    assert embedding.features[0].shape == (1, 256, 64, 64)
    point = segmenter.predict(embedding, Prompt(PLANE, points=(Point(20, 30),)))
    box = segmenter.predict(embedding, Prompt(PLANE).with_box(Box(5, 5, 30, 50)), point.seen(0))
    assert (len(point.masks), len(box.masks)) == (3, 1)
    for prediction in (point, box):
        assert all(mask.shape == (40, 60) for mask in prediction.masks)
        assert all(0 <= score <= 1 for score in prediction.scores)
        assert np.isfinite(prediction.logits).all() and prediction.logits.std() > 0
    segmenter.close()
