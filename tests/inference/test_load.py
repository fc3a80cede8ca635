from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import MissingExtra, ModelUnavailable
from napari_medkd.inference import load, load_segmenter
from napari_medkd.models.package import DECODER, ENCODER, WEIGHTS
from napari_medkd.models.store import ModelStore
from napari_medkd.settings import Settings


@pytest.fixture
def world(monkeypatch):
    """A computer with torch and without CUDA, on which nothing is really opened."""

    class World:
        cuda = False
        torch = True
        exported = 0

        def __init__(self):
            self.opened = []
            self.said = []
            self.export_error = self.gpu_error = None

        def open(self, where, choice, store=None):
            if choice.device == "cuda" and self.gpu_error:
                raise self.gpu_error
            if choice.kind == "torch" and not self.torch:
                raise ModelUnavailable("There is no torch.")
            self.opened.append((where, choice.kind, choice.device))

        def export(self, card, store, progress):
            self.exported += 1
            progress("Preparing…")
            if self.export_error:
                raise self.export_error

        def load(self, store, settings=None, **options):
            self.segmenter = load_segmenter(
                "tiny", store=store, settings=settings or Settings(), progress=self.said.append, **options
            )
            return self.opened[-1]

    world = World()
    monkeypatch.setattr(load, "find_spec", lambda name: object() if world.torch else None)
    monkeypatch.setattr(load, "_cuda_devices", lambda: int(world.cuda))
    monkeypatch.setattr(load, "open_runtime", partial(world.open, "here"))
    monkeypatch.setattr(load, "ChildRuntime", partial(world.open, "child"))
    monkeypatch.setattr(load, "export_in_child", world.export)
    return world


@pytest.fixture
def bare(tmp_path, make_card):
    """A store whose model has weights and was not exported."""
    store = ModelStore(tmp_path / "bare", shipped=tmp_path / "none")
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    store.install(make_card(), {WEIGHTS: tmp_path / WEIGHTS})
    return store


def test_on_a_cpu_an_exported_model_runs_on_onnx(world, store):
    assert world.load(store, in_child=True) == ("here", "onnx", "cpu")
    assert world.load(store) == ("here", "onnx", "cpu")
    assert world.exported == 0


def test_the_viewer_exports_once_and_the_command_line_does_not(world, bare):
    assert world.load(bare, in_child=True) == ("here", "onnx", "cpu")
    assert world.exported == 1 and "Preparing…" in world.said
    assert world.load(bare) == ("here", "torch", "cpu")
    assert world.exported == 1


def test_where_the_export_fails_the_viewer_takes_torch_in_a_child(world, bare, caplog):
    world.export_error = ModelUnavailable("It differs.")
    assert world.load(bare, in_child=True) == ("child", "torch", "cpu")
    assert "It differs." in caplog.text


def test_who_asks_for_onnx_hears_why_it_failed(world, bare):
    world.export_error = ModelUnavailable("It differs.")
    with pytest.raises(ModelUnavailable, match="It differs"):
        world.load(bare, runtime="onnx")


def test_a_gpu_means_torch(world, bare):
    world.cuda = True
    assert world.load(bare, in_child=True) == ("child", "torch", "cuda")
    assert world.load(bare) == ("here", "torch", "cuda")
    assert world.load(bare, device="cpu", in_child=True) == ("here", "onnx", "cpu")


def test_a_gpu_that_fails_gives_way_to_the_cpu_unless_it_was_asked_for(world, bare):
    world.cuda = True
    world.gpu_error = ModelUnavailable("Out of memory.")
    assert world.load(bare) == ("here", "torch", "cpu")
    assert any("The GPU cannot be used: Out of memory." in sentence for sentence in world.said)
    with pytest.raises(ModelUnavailable, match="Out of memory"):
        world.load(bare, device="cuda")


def test_without_torch_and_without_export_the_sentence_says_what_to_install(world, bare):
    world.torch = False
    with pytest.raises(MissingExtra, match=r"pip install .*\[torch\]"):
        world.load(bare)


def test_a_damaged_export_is_made_again_where_the_weights_are(world, store, bare, onnx_pair):
    bare.install(bare.get("tiny"), onnx_pair, keep=True)
    bare.files("tiny")[DECODER].write_bytes(b"torn")
    assert world.load(bare, in_child=True) == ("here", "onnx", "cpu")
    assert world.exported == 1
    store.files("tiny")[ENCODER].write_bytes(b"torn")
    with pytest.raises(ModelUnavailable, match="damaged"):
        world.load(store)


@pytest.mark.parametrize(("option", "value"), [("runtime", "abacus"), ("model_id", "absent")])
def test_unknown_names_are_sentences(world, store, option, value):
    with pytest.raises(ModelUnavailable, match=value):
        load_segmenter(**({"model_id": "tiny"} | {option: value}), store=store, settings=Settings())


def test_what_the_settings_want_gives_way_to_what_works_and_says_so(world, store, bare):
    assert world.load(store) == ("here", "onnx", "cpu") and world.segmenter.fallback == ""
    world.cuda, world.gpu_error = True, ModelUnavailable("No driver.")
    assert world.load(bare, Settings(device="cuda")) == ("here", "torch", "cpu")
    assert world.segmenter.fallback == "The GPU cannot be used: No driver. The CPU is used instead."
    world.cuda, world.torch = False, False
    assert world.load(store, Settings(runtime="torch")) == ("here", "onnx", "cpu")
    assert world.segmenter.fallback == "There is no torch. Another runtime is used instead."
    with pytest.raises(ModelUnavailable, match="no torch"):
        world.load(store, runtime="torch")


def test_torch_in_place_of_an_export_that_failed_is_said(world, bare):
    world.export_error = ModelUnavailable("It differs.")
    world.load(bare, in_child=True)
    assert world.segmenter.fallback == "It differs. Torch is used instead, which is slower."


def test_the_whole_way_with_a_real_runtime(store):
    segmenter = load_segmenter("tiny", store=store, settings=Settings(threads=1), device="cpu")
    volume = Volume.from_array(pytest.importorskip("numpy").full((1, 50, 30), 250, "uint8"))
    plane = Plane(0, 0)
    found = segmenter.predict(segmenter.embed(volume, plane), Prompt(plane, box=Box(5, 5, 40, 20)))
    assert found.masks[0].shape == (50, 30)
    assert found.masks[0][:40, :25].all()
    segmenter.close()


@pytest.mark.parametrize("part", ["outliner", "follower"])
def test_who_does_a_part_of_the_work_is_loaded_as_well_where_it_is_here(
    world, store, make_card, tmp_path, caplog, part
):
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    for name, other in (("finder", "tiny"), ("lonely", "gone"), ("own", "own")):
        card = make_card(id=name).model_copy(update={part: other})
        store.install(card, {WEIGHTS: tmp_path / WEIGHTS})
        load_segmenter(name, store=store, settings=Settings())
    kinds = [kind for _, kind, _ in world.opened]
    assert kinds == ["torch", "onnx", "torch", "torch", "torch"]  # the other one calls upon no third
    assert "works without gone" in caplog.text


def test_a_follower_that_is_exported_runs_on_the_cpu_beside_a_model_on_a_gpu(
    world, store, make_card, tmp_path
):
    world.cuda = True
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    store.install(make_card(id="fast").model_copy(update={"follower": "tiny"}), {WEIGHTS: tmp_path / WEIGHTS})
    segmenter = load_segmenter("fast", store=store, settings=Settings())
    assert world.opened == [("here", "torch", "cuda"), ("here", "onnx", "cpu")]
    assert segmenter.follower.card.id == "tiny" and segmenter.follower.follower is segmenter.follower


def test_nothing_heavy_is_imported_before_a_model_is_asked_for():
    script = (
        "import sys, napari_medkd.inference, napari_medkd.models, napari_medkd.models.encoders;"
        "assert not {'torch', 'onnxruntime', 'scipy', 'skimage'} & set(sys.modules);"
        "from napari_medkd.inference import load_segmenter;"
        "assert not {'torch', 'onnxruntime', 'qtpy', 'napari'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
