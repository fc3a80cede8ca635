"""The operations that a searched encoder is made of, by name.

References: Cai et al., "EfficientViT" (2023), figure 5 for what they are; "EfficientMedSAM" (EDGE 2024) for
which are searched over. The convolutional blocks are timm's. An operation that keeps width and resolution is
residual, except ``skip``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timm.models.efficientvit_mit import ConvNormAct, DSConv, FusedMBConv, MBConv
from torch import nn

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.encoders.blueprint import NONE, SKIP, read_operation
from napari_medkd.models.encoders.efficientvit import LinearAttention

if TYPE_CHECKING:
    from torch import Tensor

_HEADS = (32, 16, 8, 4, 2, 1)  # channels of an attention head: the first that the width is a multiple of
_RELU: Any = nn.ReLU  # joined to its convolution by every runtime, which costs nothing


class Residual(nn.Module):
    """Adds what an operation makes of its input to the input."""

    def __init__(self, operation: nn.Module) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, maps: Tensor) -> Tensor:
        """Change (B, C, H, W)."""
        changed: Tensor = maps + self.operation(maps)
        return changed


def build_operation(name: str, inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """Build an operation from (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
    form = read_operation(name)
    keeps = stride == 1 and inputs == outputs
    if form.kind in (SKIP, NONE, "litemla") and not keeps:
        raise InvalidSetting(f"{name} changes neither width nor resolution.", "Use a convolution there.")
    if form.kind == NONE:
        raise InvalidSetting("none is the absence of an operation.", "Leave the edge out.")
    if form.kind == SKIP:
        return nn.Identity()
    if form.kind == "litemla":
        return Residual(LinearAttention(inputs, next(head for head in _HEADS if inputs % head == 0)))
    block = _block(form.kind, inputs, outputs, form.kernel, stride, form.expand)
    return Residual(block) if keeps else block


def _block(kind: str, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> nn.Module:
    shape: dict[str, Any] = {"kernel_size": kernel, "stride": stride}
    block: nn.Module
    if kind == "ds":
        block = DSConv(inputs, outputs, **shape, act_layer=(_RELU, None))
    elif kind == "mb":
        block = MBConv(inputs, outputs, **shape, expand_ratio=expand, act_layer=(_RELU, _RELU, None))
    elif kind == "fmb":
        block = FusedMBConv(inputs, outputs, **shape, expand_ratio=expand, act_layer=(_RELU, None))
    else:  # conv and pw, whose kernel is 1
        block = ConvNormAct(inputs, outputs, **shape, act_layer=_RELU)
    return block
