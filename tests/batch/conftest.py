"""A model that finds what is bright, here and exported for other processes; images to find it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from napari_medkd.batch.config import BatchConfig
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.card import Target
from tests.batch.made import CUTS, GRID, SIZE, BrightRuntime, bright_card, square

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_medkd.models.card import ModelCard


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
    pool = helper.make_node(
        "AveragePool", ["image"], ["features"], kernel_shape=[each] * 2, strides=[each] * 2
    )
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


@pytest.fixture
def save_series() -> Callable[..., np.ndarray]:
    """Save a CT series of a bright box; returns its (z, y, x) values in Hounsfield units."""
    from tests.io import dicom_files

    affine = np.diag([0.5, 0.75, 3.0, 1.0])  # (x, y, z) → (L, P, S) mm

    def call(folder: Path, count: int = 3, uid: str = "1.2.3", number: int = 1, start: int = 0) -> np.ndarray:
        folder.mkdir(parents=True, exist_ok=True)
        values = np.stack([square().astype(np.int16) * 8 - 1000] * count)
        values[0] = -1000
        for index, pixels in enumerate(values):
            tags = dicom_files.placed(affine, index)
            one = dicom_files.make(pixels, **tags, SeriesInstanceUID=uid, SeriesNumber=number)
            dicom_files.save(one, folder / f"IM{start + index:04d}")
        return values

    return call
