"""The published encoders, computed from a published state dict by name and without a single module of ours.

Plain functions over `official.random_state`, so that a key map which exchanged two tensors of one shape, a
wrong stride, epsilon or order of summing would be seen in the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from tests.models import official

if TYPE_CHECKING:
    from torch import Tensor


class State:
    """A state dict with the operations that its tensors parameterise."""

    def __init__(self, tensors: dict[str, Tensor], eps: float) -> None:
        self.tensors = {name.removeprefix("image_encoder."): tensor for name, tensor in tensors.items()}
        self.eps = eps  # of the batch norms

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias")
        groups = x.shape[1] // weight.shape[1]
        return functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, groups=groups)

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        mean, variance, weight, bias = (
            self.tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, variance, weight, bias, eps=self.eps)

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        return functional.layer_norm(x.movedim(1, -1), weight.shape, weight, bias, 1e-6).movedim(-1, 1)

    def neck(self, x: Tensor) -> Tensor:
        x = self.layer_norm("neck.1", self.conv("neck.0", x))
        return self.layer_norm("neck.3", self.conv("neck.2", x))


def repvit(model_id: str, tensors: dict[str, Tensor], image: Tensor) -> Tensor:
    """EdgeSAM's or RepViT-SAM's encoder."""
    state = State(tensors, eps=1e-5)
    fused = model_id == "edge-sam"
    rows = official.EDGE_SAM_ROWS if fused else official.REPVIT_SAM_ROWS

    def conv_bn(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return state.batch_norm(f"{name}.bn", state.conv(f"{name}.c", x, stride))

    x = functional.gelu(conv_bn("features.0.0", image, 2))
    x = conv_bn("features.0.2", x, 2)
    ends = []
    for index, (_inputs, outputs, down, excite) in enumerate(rows, start=1):
        mixer, perceptron = f"features.{index}.token_mixer", f"features.{index}.channel_mixer.m"
        if down:
            ends.append(x)
            stays = outputs == 640  # RepViT-SAM's last stage is not made coarser
            x = conv_bn(f"{mixer}.2", conv_bn(f"{mixer}.0", x, 1 if stays else 2))
        elif fused:
            x = conv_bn(f"{mixer}.0.conv", x) + conv_bn(f"{mixer}.0.conv1", x) + x
        else:
            branches = conv_bn(f"{mixer}.0.conv", x) + state.conv(f"{mixer}.0.conv1", x) + x
            x = state.batch_norm(f"{mixer}.0.bn", branches)
        if excite:
            squeezed = functional.relu(state.conv(f"{mixer}.1.fc1", x.mean((2, 3), keepdim=True)))
            x = x * torch.sigmoid(state.conv(f"{mixer}.1.fc2", squeezed))
        x = x + conv_bn(f"{perceptron}.2", functional.gelu(conv_bn(f"{perceptron}.0", x)))
    if fused:
        coarse = state.conv("fuse_stage3.op_list.0", x)
        x = state.conv("fuse_stage2", ends[-1])
        x = x + functional.interpolate(coarse, scale_factor=2, mode="bicubic", align_corners=False)
    return state.neck(x)


def efficientvit(depths: tuple[int, ...], neck: int, tensors: dict[str, Tensor], image: Tensor) -> Tensor:
    """EfficientViT-SAM's encoder; the grid is that of the third stage (64 at 512 pixels)."""
    state = State(tensors, eps=1e-6)

    def gelu(x: Tensor) -> Tensor:
        return functional.gelu(x, approximate="tanh")

    def layer(name: str, x: Tensor, stride: int = 1) -> Tensor:
        x = state.conv(f"{name}.conv", x, stride)
        return state.batch_norm(f"{name}.norm", x) if f"{name}.norm.weight" in state.tensors else x

    def local(name: str, x: Tensor, stride: int = 1) -> Tensor:
        if f"{name}.spatial_conv.conv.weight" in state.tensors:
            return layer(f"{name}.point_conv", gelu(layer(f"{name}.spatial_conv", x, stride)))
        x = gelu(layer(f"{name}.depth_conv", gelu(layer(f"{name}.inverted_conv", x)), stride))
        return layer(f"{name}.point_conv", x)

    def attend(name: str, x: Tensor) -> Tensor:
        batch, _, rows, columns = x.shape
        qkv = layer(f"{name}.qkv", x)
        wide = state.conv(f"{name}.aggreg.0.1", state.conv(f"{name}.aggreg.0.0", qkv))
        heads = torch.cat([qkv, wide], 1).reshape(batch, -1, 96, rows * columns).double()
        query, key, value = heads[:, :, :32].relu(), heads[:, :, 32:64].relu(), heads[:, :, 64:]
        similar = query.transpose(-1, -2) @ key  # (…, pixels asking, pixels answering)
        weights = similar / (similar.sum(-1, keepdim=True) + 1e-15)
        mixed = (weights @ value.transpose(-1, -2)).transpose(-1, -2)
        return layer(f"{name}.proj", mixed.reshape(batch, -1, rows, columns).float())

    x = gelu(layer("backbone.stages.0.op_list.0", image, 2))
    for index in range(1, depths[0] + 1):
        block = f"backbone.stages.0.op_list.{index}.main"
        x = x + layer(f"{block}.conv2", gelu(layer(f"{block}.conv1", x)))
    scales = []
    for stage in range(1, 5):
        x = local(f"backbone.stages.{stage}.op_list.0.main", x, 2)
        for index in range(1, depths[stage] + 1):
            block = f"backbone.stages.{stage}.op_list.{index}"
            if stage < 4:
                x = x + local(f"{block}.main", x)
            else:
                x = x + attend(f"{block}.context_module.main", x)
                x = x + local(f"{block}.local_module.main", x)
        scales.append(x)
    grid = scales[1].shape[-2:]
    x = sum(
        functional.interpolate(layer(f"neck.input_ops.{index}.op_list.0", scale), size=grid, mode="bicubic")
        for index, scale in enumerate(scales[:0:-1])
    )
    for index in range(neck):
        x = x + local(f"neck.middle.op_list.{index}.main", x)
    return state.layer_norm("norm", state.conv("neck.output_ops.0.op_list.0.conv", x))
