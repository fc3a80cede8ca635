"""ONNX Runtime: an exported pair of encoder and decoder, with no torch at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.errors import MedkdError, ModelUnavailable, missing_extra

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class OnnxRuntime:
    """Runs ``encoder.onnx`` and ``decoder.onnx`` as `napari_medkd.models.export` writes them.

    Parameters
    ----------
    encoder, decoder : Path
        The two files.
    device : str
        ``cpu``, ``cuda`` or ``cuda:N`` (where ONNX Runtime was installed with CUDA).
    threads : int
        CPU threads; 0 takes one per core.
    """

    def __init__(self, encoder: Path, decoder: Path, device: str = "cpu", threads: int = 0) -> None:
        self._threads = threads or available_cores()
        self._device = device
        self._encoder = open_session(encoder, device, self._threads)
        self._decoder = open_session(decoder, device, self._threads)
        self._features = [node.name for node in self._encoder.get_outputs()]
        inputs = {node.name: node.shape for node in self._decoder.get_inputs()}
        self._blank = np.zeros((1, 1, *inputs["mask"][2:]), np.float32)

    @property
    def name(self) -> str:
        """What runs it, for people."""
        if self._device == "cpu":
            return f"ONNX Runtime, CPU, {self._threads} threads"
        return f"ONNX Runtime, {self._device.upper()}"

    def encode(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Encode a normalised, padded image (1, 3, S, S)."""
        return tuple(_run(self._encoder, self._features, {"image": image}, _giving_back(self._device)))

    def decode(
        self,
        features: Any,
        coordinates: NDArray[np.float32],
        labels: NDArray[np.float32],
        mask: NDArray[np.float32] | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer one prompt; see `Runtime.decode`."""
        logits, scores = _run(
            self._decoder,
            ["logits", "scores"],
            {
                **dict(zip(self._features, features, strict=True)),
                "coordinates": coordinates,
                "labels": labels,
                "mask": self._blank if mask is None else mask,
                "has_mask": np.array([mask is not None], np.float32),
            },
        )
        return logits[0], scores[0]

    def close(self) -> None:
        """Nothing to release: the sessions go with this object."""


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_cuda() -> bool:
    """Tell whether ONNX Runtime was installed with CUDA."""
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def open_session(path: Path, device: str, threads: int) -> Any:
    """Open one graph as the product runs it."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise missing_extra("onnxruntime", "gui", "Running an exported model") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Workers that spin while they wait would keep the cores from the thread that draws.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = _providers(device)
    try:
        return onnxruntime.InferenceSession(path, options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise ModelUnavailable(
            f"{path.name} cannot be loaded by ONNX Runtime: {str(error).splitlines()[0]}",
            "Export the model again.",
        ) from error


def _run(
    session: Any, outputs: list[str], inputs: dict[str, Any], options: Any = None
) -> list[NDArray[np.float32]]:
    try:
        answers: list[NDArray[np.float32]] = session.run(outputs, inputs, options)
    except Exception as error:  # onnxruntime's errors share no base class of their own
        first = str(error).partition("\n")[0]
        raise MedkdError(f"The model failed: {first}", "Choose a smaller model or the CPU.") from error
    return answers


def _giving_back(device: str) -> Any:
    """Return run options that free working memory at the end: LiteMedSAM keeps 130 MB instead of 750."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    if device == "cpu":
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _providers(device: str) -> list[Any]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if not has_cuda():
        raise ModelUnavailable(
            f"The device {device} was asked for, but this ONNX Runtime has no CUDA.",
            "Choose cpu, or install onnxruntime-gpu.",
        )
    index = int(device.partition(":")[2] or 0)
    return [("CUDAExecutionProvider", {"device_id": index}), "CPUExecutionProvider"]
