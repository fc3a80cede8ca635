"""Torch: any model on a CPU or a CUDA device."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from napari_medkd.errors import MedkdError, ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_medkd.models.promptable import PromptableModel


class TorchRuntime:
    """Runs a `PromptableModel`, in 32-bit floats unless it was trained for less.

    Half precision was measured to change LiteMedSAM's masks (IoU 0.96 with its own): a card must allow it.

    Parameters
    ----------
    model : PromptableModel
        With its weights loaded.
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    threads : int
        CPU threads; 0 leaves torch's own choice.
    half : bool
        Whether a GPU may compute in 16-bit floats; a CPU never does, where they are no faster.
    """

    def __init__(
        self, model: PromptableModel, device: str = "cpu", threads: int = 0, *, half: bool = False
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        self._device = _usable(device)
        self._half = half and self._device.type == "cuda"
        with _sentences():
            self._model = model.eval().to(self._device).to(memory_format=torch.channels_last)

    @property
    def name(self) -> str:
        """What runs it, for people."""
        if self._device.type == "cuda":
            return f"torch, {torch.cuda.get_device_name(self._device)}"
        return f"torch, CPU, {torch.get_num_threads()} threads"

    def encode(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Encode a normalised, padded image (1, 3, S, S)."""
        with torch.inference_mode(), self._precision(), _sentences():
            pixels = self._tensor(image).contiguous(memory_format=torch.channels_last)
            return tuple(_array(feature.contiguous()) for feature in self._model.encode(pixels))

    def encode_many(self, images: NDArray[np.float32]) -> list[tuple[Tensor, ...]]:
        """Encode (B, 3, S, S) at once; the features stay on the device.

        To a GPU the images go from memory that the system may not move, so that it need not wait for them.
        """
        with torch.inference_mode(), self._precision(), _sentences():
            pixels = torch.from_numpy(images)
            if self._device.type == "cuda":
                pixels = pixels.pin_memory().to(self._device, non_blocking=True)
            features = self._model.encode(pixels.contiguous(memory_format=torch.channels_last))
            return [tuple(one[index : index + 1] for one in features) for index in range(len(images))]

    def bring(self, features: Any) -> tuple[NDArray[np.float32], ...]:
        """Return what `encode_many` left on the device, or what is here already, as arrays."""
        return tuple(_array(one) if isinstance(one, torch.Tensor) else one for one in features)

    def decode(
        self,
        features: Any,
        coordinates: NDArray[np.float32],
        labels: NDArray[np.float32],
        mask: NDArray[np.float32] | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer one prompt; see `Runtime.decode`."""
        with torch.inference_mode(), self._precision(), _sentences():
            previous = None if mask is None else self._tensor(mask)
            logits, scores = self._model.decode(
                [self._tensor(feature) for feature in features],
                self._tensor(coordinates),
                self._tensor(labels),
                previous,
            )
            return _array(logits[0]), _array(scores[0])

    def close(self) -> None:
        """Nothing to release: the model goes with this object."""

    def _precision(self) -> torch.autocast:
        is_bfloat = self._half and torch.cuda.is_bf16_supported()
        dtype = torch.bfloat16 if is_bfloat or self._device.type == "cpu" else torch.float16
        return torch.autocast(self._device.type, dtype, enabled=self._half)

    def _tensor(self, array: NDArray[np.float32] | Tensor) -> Tensor:
        return array if isinstance(array, torch.Tensor) else torch.from_numpy(array).to(self._device)


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn torch's failures, running out of GPU memory among them, into sentences."""
    try:
        yield
    except MemoryError as error:
        raise MedkdError("There is not enough memory for this model.", "Choose a smaller one.") from error
    except RuntimeError as error:
        first = str(error).partition("\n")[0]
        raise MedkdError(f"The model failed: {first}", "Choose a smaller model or the CPU.") from error


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _usable(device: str) -> torch.device:
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise ModelUnavailable(f"{device!r} is not a device.", "Use auto, cpu, cuda or cuda:N.") from None
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ModelUnavailable(
            f"The device {device} was asked for, but torch sees {torch.cuda.device_count()} CUDA devices.",
            "Choose auto or cpu, or install the NVIDIA driver.",
        )
    return chosen
