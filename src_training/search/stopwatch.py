"""How long a network takes on the user's own device, as the product would run it there."""

from __future__ import annotations

import platform
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_medkd.inference.runtimes.onnx import available_cores, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WARM, _LEAST, _MOST = 2, 7, 400  # runs: not counted; counted at least; at most
_OPSET = 18


class Stopwatch:
    """Measures networks: on a processor with ONNX Runtime, on a GPU with torch.

    What is told is the fastest of many runs: other programs make a run slower and never faster, and a table
    that was made on a busy afternoon must hold on a quiet morning. Where even that run was in the way of
    others, the clock went on while nothing was computed; so no run of a processor counts for more than the
    work that its threads did in it.

    Parameters
    ----------
    device : torch.device
        Where.
    threads : int
        Of a processor; 0 takes one per core.
    seconds : float
        How long to measure each network.
    """

    def __init__(self, device: torch.device, threads: int = 0, seconds: float = 0.1) -> None:
        self.device = device
        self.threads = threads or available_cores()
        self._seconds = seconds

    @property
    def name(self) -> str:
        """What it measures on, without naming the computer: part of a file's name."""
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, torch {torch.__version__}"
        import onnxruntime

        return f"{_processor()}, {self.threads} threads, ONNX Runtime {onnxruntime.__version__}"

    def milliseconds(self, network: nn.Module, *shapes: Sequence[int], seconds: float | None = None) -> float:
        """Return how long one look takes.

        Parameters
        ----------
        network : nn.Module
            Takes a tensor for each of `shapes`; it is put into evaluation mode.
        *shapes : sequence of int
            With the batch first.
        seconds : float, optional
            How long to measure; otherwise as the stopwatch does.
        """
        inputs = [torch.randn(*shape) for shape in shapes]
        network = network.eval()
        gpu = self.device.type == "cuda"
        run = self._on_gpu(network, inputs) if gpu else self._graph(network, inputs)
        return 1e3 * _fastest(run, self._seconds if seconds is None else seconds, bounded=not gpu)

    def _graph(self, network: nn.Module, inputs: list[torch.Tensor]) -> Callable[[], object]:
        with tempfile.TemporaryDirectory(prefix="medkd-stopwatch-") as folder:
            path = Path(folder) / "network.onnx"
            names = [f"x{number}" for number in range(len(inputs))]
            write_graph(network, inputs, path, names)
            session = open_session(path, "cpu", self.threads)
        given = {name: array.numpy() for name, array in zip(names, inputs, strict=True)}
        return lambda: session.run(None, given)

    def _on_gpu(self, network: nn.Module, inputs: list[torch.Tensor]) -> Callable[[], object]:
        network = network.to(self.device)
        there = [array.to(self.device) for array in inputs]

        @torch.inference_mode()
        def run() -> None:
            network(*there)
            torch.cuda.synchronize(self.device)

        return run


def write_graph(network: nn.Module, inputs: list[torch.Tensor], path: Path, names: list[str]) -> None:
    """Write a graph to measure it and throw it away; a package's own exporter takes seconds for each."""
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # torch would have its newer exporter used
        torch.onnx.export(
            network, tuple(inputs), path, input_names=names, opset_version=_OPSET, dynamo=False, verbose=False
        )


class Untouched(nn.Module):
    """Does next to nothing with (B, C, H, W): what is left is what every measurement costs."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Keep a corner."""
        return maps[:, :1, :1, :1] + 1


def _fastest(run: Callable[[], object], seconds: float, bounded: bool) -> float:
    """Return the seconds of the fastest run, where `bounded` no more than the processor's own for it."""
    for _ in range(_WARM):
        run()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < _LEAST or (time.perf_counter() < end and len(taken) < _MOST):
        start, worked = time.perf_counter(), time.process_time()
        run()
        by_clock, by_work = time.perf_counter() - start, time.process_time() - worked
        taken.append(min(by_clock, by_work) if bounded else by_clock)
    return min(taken)


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
