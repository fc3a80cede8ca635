"""Weights in 16 bits on disk: half the size of a package, while the computation stays in 32 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

_SMALLEST = 1024  # elements: below that nothing is saved, and statistics of a batch norm may be tiny
_LARGEST_HALF = 6e4  # float16 ends at 65504


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict whose large tensors are float16; small ones and those out of range stay."""
    return {name: tensor.half() if _can_halve(tensor) else tensor for name, tensor in state.items()}


def strip_onnx(path: Path) -> None:
    """Take out of a graph what the exporter tells of where it was made: source lines and their paths."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    for part in (
        model,
        graph,
        *graph.node,
        *graph.initializer,
        *graph.input,
        *graph.output,
        *graph.value_info,
    ):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(model, path)


def halve_onnx(path: Path) -> None:
    """Store the large weights of a graph as float16, each cast up to float32 where it is used.

    ONNX Runtime does the casts once, when it opens the file.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    graph = model.graph
    casts = []
    for initializer in graph.initializer:
        if initializer.data_type != TensorProto.FLOAT:
            continue
        array = numpy_helper.to_array(initializer)
        if array.size < _SMALLEST or float(np.abs(array).max()) > _LARGEST_HALF:
            continue
        name = initializer.name
        initializer.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]  # shapes of what lies between; the runtime infers them
    onnx.save(model, path)


def _can_halve(tensor: Tensor) -> bool:
    is_large = tensor.dtype.is_floating_point and tensor.numel() >= _SMALLEST
    return is_large and float(tensor.abs().max()) <= _LARGEST_HALF
