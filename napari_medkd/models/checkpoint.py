"""Reading and writing state dicts: safetensors, or a torch file with nothing in it but tensors."""

from __future__ import annotations

import hashlib
import pickle
from typing import TYPE_CHECKING, Any

from napari_medkd.errors import ModelUnavailable, missing_extra

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from torch import Tensor, nn

_NAMED = 3  # how many names of a long list an error spells out


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, expected: str, model: str) -> None:
    """Raise `ModelUnavailable` where `path` is missing or is not the file that the card describes."""
    try:
        found = sha256(path)
    except OSError as error:
        raise ModelUnavailable(
            f"The file {path.name} of {model} cannot be read: {error.strerror or error}.",
            "Add the model again.",
        ) from error
    if found != expected:
        raise ModelUnavailable(
            f"The file {path.name} of {model} is damaged or is another file: its SHA-256 is {found[:12]}…, "
            f"expected {expected[:12]}….",
            "Remove the model and add it again.",
        )


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict; torch files are read as weights only, so that no code in them runs."""
    try:
        import torch
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "torch", "Reading a checkpoint") from error
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        pickle.UnpicklingError,
        _safetensor_error(),
    ) as error:
        raise ModelUnavailable(
            f"{path.name} is not a readable checkpoint: it is truncated, damaged or holds more than weights.",
            "Get the file again from its source.",
        ) from error
    return _tensors(content, path)


def write_state(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a state dict as safetensors."""
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)


def load_state(model: nn.Module, state: Mapping[str, Tensor], title: str) -> None:
    """Load `state` strictly, or say what is missing, unexpected or of another shape."""
    check_state(model, state, title)
    model.load_state_dict(state, strict=False)  # lenient about batch counters only


def check_state(model: nn.Module, state: Mapping[str, Tensor], title: str) -> None:
    """Raise `ModelUnavailable` where `state` does not fit; `model` may be on torch's meta device."""
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in wanted]
    reshaped = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    parts = [
        f"{len(names)} {what} ({_some(names)})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
        if names
    ]
    if parts:
        raise ModelUnavailable(
            f"The weights do not fit {title}: of {len(wanted)} tensors {'; '.join(parts)}.",
            "Check that the file belongs to this model.",
        )


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """Take the state dict out of what checkpoints usually hold it in."""
    import torch

    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not any(
        isinstance(value, torch.Tensor) for value in content.values()
    ):
        raise ModelUnavailable(f"{path.name} holds no weights.", "Choose a checkpoint file of a model.")
    state = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    prefix = "module."
    if all(name.startswith(prefix) for name in state):  # saved from several GPUs
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _safetensor_error() -> type[Exception]:
    from safetensors import SafetensorError

    kind: type[Exception] = SafetensorError
    return kind


def _some(names: Collection[str]) -> str:
    shown = list(names)[:_NAMED]
    return ", ".join(shown) + (", …" if len(names) > _NAMED else "")
