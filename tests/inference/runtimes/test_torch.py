from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.errors import MedkdError, ModelUnavailable
from napari_medkd.inference.load import open_runtime
from napari_medkd.inference.runtimes.child import RuntimeChoice


def choice(store, device="cpu"):
    return RuntimeChoice("tiny", str(store.folder), "torch", device, 1)


def test_shapes_and_repeatability(torch_store):
    runtime = open_runtime(choice(torch_store), torch_store)
    image = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    features = runtime.encode(image)
    assert [feature.shape for feature in features] == [(1, 256, 4, 4)] and features[0].dtype == np.float32
    prompt = np.array([[[5, 5], [0, 0]]], np.float32), np.array([[1, -1]], np.float32)
    logits, scores = runtime.decode(features, *prompt, None)
    assert logits.shape == (4, 16, 16) and scores.shape == (4,)
    again, _ = runtime.decode(runtime.encode(image), *prompt, None)
    np.testing.assert_array_equal(again, logits)
    masked, _ = runtime.decode(features, *prompt, np.ones((1, 1, 16, 16), np.float32))
    assert np.abs(masked - logits).max() > 1e-4
    assert runtime.name.startswith("torch, CPU")


@pytest.mark.parametrize("device", ["cuda:7", "toaster"])
def test_a_device_that_is_not_there_is_a_sentence(torch_store, device):
    with pytest.raises(ModelUnavailable, match=device):
        open_runtime(choice(torch_store, device), torch_store)


def test_what_torch_complains_of_is_a_sentence(torch_store):
    runtime = open_runtime(choice(torch_store), torch_store)
    with pytest.raises(MedkdError, match=r"The model failed: .*channels") as caught:
        runtime.encode(np.zeros((1, 5, 64, 64), np.float32))
    assert "\n" not in caught.value.message and caught.value.hint
