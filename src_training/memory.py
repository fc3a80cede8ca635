"""What a stage will need of the memory, worked out before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

_COPIES = 5  # of the weights: themselves, their gradients, AdamW's two moments, the running mean
_SPARE = 0.85  # share of the free memory that may be planned for


def need(task: nn.Module, batch: Any, device: torch.device) -> tuple[int, int]:
    """Return the bytes for the weights, and those for each view that is learnt from at once.

    One view is sent forward to see what its gradient will keep; statistics that this changes are put back.
    """
    kept = {name: buffer.clone() for name, buffer in task.named_buffers()}
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    piece = batch.pieces(len(batch.images))[0].to(device)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        task(piece)
    for name, buffer in task.named_buffers():
        buffer.copy_(kept[name])
    weights = sum(parameter.nbytes for parameter in task.parameters())
    own = {parameter.untyped_storage().data_ptr() for parameter in task.parameters()}
    return _COPIES * weights, sum(size for place, size in seen.items() if place not in own)


def pieces(weights: int, view: int, views: int, free: int) -> int:
    """Return into how many pieces a batch must be split to fit; never more than it has views."""
    count = 1
    while count < views and weights + view * -(-views // count) > _SPARE * free:
        count *= 2
    return min(count, views)


def free(device: torch.device) -> int:
    """Return the bytes that are free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
