"""A model that finds what is bright, in numpy for this process and exported for others; images to find it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from napari_medkd.batch.config import BatchConfig
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE, GRID = 64, 16
CUTS = (0.5, 0.8)  # how bright, of 1, what the first and the second target of a model must be


def bright_card(*targets: Target, id: str = "bright") -> ModelCard:
    """Return the card of a model that finds `targets` by itself, or answers boxes where there are none."""
    return ModelCard(
        id=id,
        title="Bright",
        architecture=Architecture(
            encoder="none",
            grid=GRID,
            masks="classes" if targets else "one",
        ),
        preprocessing=Preprocessing(size=SIZE, mean=(0, 0, 0), std=(255, 255, 255)),
        capabilities=frozenset({"auto"} if targets else {"box"}),
        targets=targets,
    )


class BrightRuntime:
    """Averages of 4 × 4 pixels for an encoder; log odds that rise with the brightness for a decoder."""

    name = "numpy"

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.encoded = 0

    def encode(self, image: np.ndarray) -> Any:
        self.encoded += 1
        return (image.reshape(1, 3, GRID, SIZE // GRID, GRID, SIZE // GRID).mean(axis=(3, 5)),)

    def decode(self, features: Any, coordinates: Any, labels: Any, mask: Any) -> Any:
        grey = features[0][0].mean(axis=0).repeat(4, axis=0).repeat(4, axis=1)
        logits = np.stack([(grey - cut) * 40 for cut in CUTS[: self.count]]).astype(np.float32)
        return logits, np.full(self.count, 0.75, np.float32)

    def close(self) -> None:
        pass


@pytest.fixture
def bright() -> SamSegmenter:
    """A model that finds one thing by itself."""
    return SamSegmenter(bright_card(Target(name="bright")), BrightRuntime())


@pytest.fixture
def boxed() -> SamSegmenter:
    """The same, but it must be given boxes."""
    return SamSegmenter(bright_card(), BrightRuntime())


@pytest.fixture
def make_segmenter() -> Callable[..., SamSegmenter]:
    def call(*targets: Target) -> SamSegmenter:
        return SamSegmenter(bright_card(*targets), BrightRuntime(len(targets)))

    return call


@pytest.fixture
def config(tmp_path) -> Callable[..., BatchConfig]:
    """Make the options of a batch from ``images`` to ``masks`` below the test's folder."""
    folders = {"source": str(tmp_path / "images"), "target": str(tmp_path / "masks"), "model": "bright"}
    return lambda **more: BatchConfig(**(folders | more))


@pytest.fixture
def images(tmp_path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


def square(size: tuple[int, int] = (64, 64), top: int = 16, left: int = 24, side: int = 16) -> np.ndarray:
    """Return a bright square on black, on whole cells of the model's grid."""
    picture = np.zeros(size, np.uint8)
    picture[top : top + side, left : left + side] = 255
    return picture


@pytest.fixture
def save() -> Callable[..., Path]:
    """Save a picture of a bright square, or another array, as a file."""

    def call(path: Path, array: np.ndarray | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(square() if array is None else array).save(path)
        return path

    return call


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> dict[str, Path]:
    """`BrightRuntime` for ONNX Runtime: the encoder and the decoder."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def constant(name, array):
        return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(array)))

    def save(path, nodes, inputs, outputs):
        graph = helper.make_graph(nodes, "bright", inputs, outputs)
        opset = [helper.make_opsetid("", 18)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
        return path

    folder = tmp_path_factory.mktemp("bright")
    each, side = SIZE // GRID, 4 * GRID
    pool = helper.make_node("AveragePool", ["image"], ["features"], kernel_shape=[each] * 2, strides=[each] * 2)
    encoder = save(
        folder / "encoder.onnx",
        [pool],
        [value("image", 1, 3, SIZE, SIZE)],
        [value("features", 1, 3, GRID, GRID)],
    )
    unused = ["coordinates", "labels", "mask", "has_mask"]
    nodes = [
        constant("channels", np.array([1], np.int64)),
        constant("sizes", np.array([1, 1, side, side], np.int64)),
        constant("cut", np.float32(CUTS[0])),
        constant("steep", np.float32(40)),
        constant("some", np.array([[0.75]], np.float32)),
        constant("zero", np.float32(0)),
        helper.make_node("ReduceMean", ["features", "channels"], ["grey"]),
        helper.make_node("Resize", ["grey", "", "", "sizes"], ["large"], mode="nearest"),
        helper.make_node("Sub", ["large", "cut"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["logits"]),
        *(helper.make_node("ReduceMax", [name], [f"{name}_max"], keepdims=0) for name in unused),
        helper.make_node("Sum", [f"{name}_max" for name in unused], ["all"]),
        helper.make_node("Mul", ["all", "zero"], ["nothing"]),
        helper.make_node("Add", ["some", "nothing"], ["scores"]),
    ]
    inputs = [
        value("features", 1, 3, GRID, GRID),
        value("coordinates", 1, "tokens", 2),
        value("labels", 1, "tokens"),
        value("mask", 1, 1, side, side),
        value("has_mask", 1),
    ]
    decoder = save(
        folder / "decoder.onnx",
        nodes,
        inputs,
        [value("logits", 1, 1, side, side), value("scores", 1, 1)],
    )
    return {"encoder.onnx": encoder, "decoder.onnx": decoder}


@pytest.fixture
def installed(exported) -> ModelCard:
    """Install ``bright``, which finds by itself, and ``boxed``, which takes boxes, in the test's own home."""
    from napari_medkd.models.store import ModelStore

    ModelStore().install(bright_card(id="boxed"), exported)
    return ModelStore().install(bright_card(Target(name="bright")), exported)
