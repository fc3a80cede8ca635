from __future__ import annotations

import numpy as np
import pytest

from napari_medkd.errors import MedkdError, ModelUnavailable
from napari_medkd.inference.runtimes import onnx
from napari_medkd.inference.runtimes.onnx import OnnxRuntime
from napari_medkd.models.package import DECODER, ENCODER

COORDINATES = np.array([[[1, 2], [3, 4], [0, 0]]], np.float32)
LABELS = np.array([[1, 0, -1]], np.float32)


@pytest.fixture
def runtime(onnx_pair):
    return OnnxRuntime(onnx_pair[ENCODER], onnx_pair[DECODER], threads=1)


def test_encode_and_decode(runtime):
    image = np.full((1, 3, 64, 64), 3, np.float32)
    features = runtime.encode(image)
    assert [feature.shape for feature in features] == [(1, 3, 4, 4)]
    logits, scores = runtime.decode(features, COORDINATES, LABELS, None)
    np.testing.assert_allclose(logits, np.full((1, 16, 16), 2), rtol=1e-6)
    assert scores == pytest.approx([0.3])  # any number of tokens


def test_a_mask_counts_where_it_is_given(runtime):
    mask = np.random.default_rng(0).normal(size=(1, 1, 16, 16)).astype(np.float32)
    logits, _ = runtime.decode((np.zeros((1, 3, 4, 4), np.float32),), COORDINATES, LABELS, mask)
    np.testing.assert_allclose(logits, mask[0], rtol=1e-6)


def test_the_name_says_device_and_threads(runtime):
    assert runtime.name == "ONNX Runtime, CPU, 1 threads"


def test_a_damaged_file_is_a_sentence(onnx_pair, tmp_path):
    broken = tmp_path / ENCODER
    broken.write_bytes(onnx_pair[ENCODER].read_bytes()[:-40])
    with pytest.raises(ModelUnavailable, match=r"encoder\.onnx cannot be loaded") as caught:
        OnnxRuntime(broken, onnx_pair[DECODER])
    assert "Export" in caught.value.hint


def test_cuda_without_cuda_is_a_sentence(onnx_pair, monkeypatch):
    monkeypatch.setattr(onnx, "has_cuda", lambda: False)
    with pytest.raises(ModelUnavailable, match="no CUDA"):
        OnnxRuntime(onnx_pair[ENCODER], onnx_pair[DECODER], device="cuda:1")


def test_what_onnx_runtime_complains_of_is_a_sentence(runtime):
    with pytest.raises(MedkdError, match="The model failed: ") as caught:
        runtime.encode(np.zeros((1, 5, 64, 64), np.float32))
    assert "\n" not in caught.value.message
