"""A model to hold in the head: averages for an encoder, a copy for a decoder; and one of random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.package import DECODER, ENCODER
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE, GRID = 64, 4


def card(
    id: str = "tiny", masks: str = "three", capabilities: str = "box point scribble lasso mask"
) -> ModelCard:
    return ModelCard(
        id=id,
        title=id.capitalize(),
        architecture=Architecture(
            encoder="sam_vit",
            encoder_options={"image_size": SIZE, "width": 32, "depth": 1, "heads": 2},
            grid=GRID,
            masks=masks,
        ),
        preprocessing=Preprocessing(size=SIZE),
        capabilities=frozenset(capabilities.split()),
    )


@pytest.fixture
def make_card() -> Callable[..., ModelCard]:
    return card


@pytest.fixture(scope="session")
def onnx_pair(tmp_path_factory) -> dict[str, Path]:
    """Features are 16×16 averages of the image; logits are the mask where there is one, else the mean − 1.

    The score is a tenth of the number of tokens.
    """
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def constant(name, array):
        return helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(np.array(array)))

    def save(path, nodes, inputs, outputs):
        graph = helper.make_graph(nodes, "tiny", inputs, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.checker.check_model(model)
        onnx.save(model, path)

    folder = tmp_path_factory.mktemp("pair")
    pool = helper.make_node("AveragePool", ["image"], ["features"], kernel_shape=[16, 16], strides=[16, 16])
    save(
        folder / ENCODER,
        [pool],
        [value("image", 1, 3, SIZE, SIZE)],
        [value("features", 1, 3, GRID, GRID)],
    )
    side = 4 * GRID
    nodes = [
        constant("channels", np.array([1], np.int64)),
        constant("sizes", np.array([1, 1, side, side], np.int64)),
        constant("one", np.array(1, np.float32)),
        constant("tenth", np.array(0.1, np.float32)),
        constant("all", np.array([1], np.int64)),
        helper.make_node("ReduceMean", ["features", "channels"], ["mean"]),
        helper.make_node("Resize", ["mean", "", "", "sizes"], ["large"], mode="nearest"),
        helper.make_node("Sub", ["large", "one"], ["without"]),
        helper.make_node("Sub", ["one", "has_mask"], ["no_mask"]),
        helper.make_node("Mul", ["without", "no_mask"], ["left"]),
        helper.make_node("Mul", ["mask", "has_mask"], ["right"]),
        helper.make_node("Add", ["left", "right"], ["logits"]),
        helper.make_node("Mul", ["labels", "labels"], ["squares"]),
        helper.make_node("Add", ["squares", "one"], ["some"]),
        helper.make_node("Div", ["some", "some"], ["each"]),
        helper.make_node("ReduceSum", ["each", "all"], ["count"]),
        helper.make_node("ReduceMax", ["coordinates"], ["far"], keepdims=0),
        helper.make_node("Sub", ["far", "far"], ["nothing"]),
        helper.make_node("Mul", ["count", "tenth"], ["share"]),
        helper.make_node("Add", ["share", "nothing"], ["scores"]),
    ]
    inputs = [
        value("features", 1, 3, GRID, GRID),
        value("coordinates", 1, "tokens", 2),
        value("labels", 1, "tokens"),
        value("mask", 1, 1, side, side),
        value("has_mask", 1),
    ]
    save(folder / DECODER, nodes, inputs, [value("logits", 1, 1, side, side), value("scores", 1, 1)])
    return {ENCODER: folder / ENCODER, DECODER: folder / DECODER}


@pytest.fixture
def store(tmp_path, onnx_pair) -> ModelStore:
    """A store with one model, ``tiny``, that was exported and has no weights."""
    store = ModelStore(tmp_path / "models", shipped=tmp_path / "none")
    store.install(card(masks="one"), onnx_pair)
    return store


@pytest.fixture(scope="session")
def torch_store(tmp_path_factory) -> ModelStore:
    """A store with one model, ``tiny``, of random weights."""
    torch = pytest.importorskip("torch")
    from napari_medkd.models.checkpoint import write_state
    from napari_medkd.models.package import WEIGHTS
    from napari_medkd.models.promptable import build_model

    folder = tmp_path_factory.mktemp("torch")
    torch.manual_seed(0)
    described = card()
    write_state(build_model(described.architecture, described.preprocessing).state_dict(), folder / WEIGHTS)
    store = ModelStore(folder / "models", shipped=folder / "none")
    store.install(described, {WEIGHTS: folder / WEIGHTS})
    return store
