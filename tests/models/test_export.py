from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_medkd.errors import ModelUnavailable
from napari_medkd.inference.runtimes.onnx import OnnxRuntime
from napari_medkd.inference.runtimes.torch import TorchRuntime
from napari_medkd.models import export
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.checkpoint import write_state
from napari_medkd.models.package import DECODER, ENCODER, WEIGHTS
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore

pytestmark = pytest.mark.slow

SMALL = {"widths": (8, 16, 16, 32), "depths": (1, 1, 1, 1), "heads": (1, 2, 2, 4), "windows": (3, 3, 4, 3)}
CARD = ModelCard(
    id="tiny",
    title="Tiny",
    architecture=Architecture(encoder="tiny_vit", encoder_options={"stem": "conv1", **SMALL}, grid=8),
    preprocessing=Preprocessing(size=32),
    capabilities=frozenset({"point", "box", "mask"}),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(0)
    write_state(build_model(CARD.architecture, CARD.preprocessing).state_dict(), folder / WEIGHTS)
    store = ModelStore(folder / "models", shipped=folder / "none")
    store.install(CARD, {WEIGHTS: folder / WEIGHTS})
    return store


@pytest.fixture(scope="module")
def exported(store):
    said = []
    files = export.export_onnx("tiny", store, said.append)
    return files, said


def test_the_pair_stands_beside_the_weights(store, exported):
    files, said = exported
    assert set(store.get("tiny").files) == {WEIGHTS, ENCODER, DECODER}
    assert files == {name: store.verified("tiny", name) for name in (ENCODER, DECODER)}
    assert [text.split()[0] for text in said] == ["Loading", "Preparing", "Comparing"]


@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("with_mask", [False, True])
def test_onnx_answers_like_torch_for_any_number_of_tokens(store, exported, count, with_mask):
    generator = np.random.default_rng(count)
    runtimes = TorchRuntime(store.build("tiny")), OnnxRuntime(*exported[0].values(), threads=1)
    image = generator.normal(size=(1, 3, 32, 32)).astype(np.float32)
    features = [runtime.encode(image) for runtime in runtimes]
    np.testing.assert_allclose(features[1][0], features[0][0], atol=1e-4)
    coordinates = generator.uniform(0, 32, (1, count, 2)).astype(np.float32)
    labels = generator.choice([-1, 0, 1, 2, 3], (1, count)).astype(np.float32)
    mask = generator.normal(0, 3, (1, 1, 32, 32)).astype(np.float32) if with_mask else None
    (wanted, scores), (found, found_scores) = (
        runtime.decode(features[0], coordinates, labels, mask) for runtime in runtimes
    )
    assert found.shape == wanted.shape == (4, 32, 32)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    np.testing.assert_allclose(found_scores, scores, atol=1e-4)


def test_an_export_that_answers_otherwise_is_not_announced(store, exported, tmp_path):
    model = store.build("tiny")
    with torch.no_grad():
        model.mask_decoder.iou_token.weight += 3
    with pytest.raises(ModelUnavailable, match="differs from the original"):
        export.compare(model, CARD, *exported[0].values())


def test_a_failed_export_leaves_the_package_as_it_was(store, monkeypatch):
    before = store.get("tiny")

    def refuse(*_):
        raise ModelUnavailable("It differs.")

    monkeypatch.setattr(export, "compare", refuse)
    monkeypatch.setattr(export, "write_onnx", lambda *_: None)
    with pytest.raises(ModelUnavailable, match="differs"):
        export.export_onnx("tiny", store)
    assert store.get("tiny") == before


def test_a_model_too_large_for_the_format_is_told_so_at_once(store, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_LARGEST", 1000)
    with pytest.raises(ModelUnavailable, match="Tiny is too large for an ONNX file"):
        export.export_onnx("tiny", store)


def test_what_the_exporter_cannot_do_is_a_sentence(store, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise torch.onnx.OnnxExporterError("No translation for aten::strange.\nLong report")

    monkeypatch.setattr(torch.onnx, "export", refuse)
    with pytest.raises(ModelUnavailable, match="cannot be exported: No translation for aten::strange"):
        export.write_onnx(store.build("tiny"), CARD, tmp_path / ENCODER, tmp_path / DECODER)


def test_the_child_reports_in_json_lines(store):
    child = subprocess.run(
        [sys.executable, "-m", "napari_medkd.models.export", "absent", "--folder", str(store.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 2
    (line,) = child.stdout.splitlines()
    report = json.loads(line)
    assert report["kind"] == "failed" and "'absent' is not installed" in report["message"]
