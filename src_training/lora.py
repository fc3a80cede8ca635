"""Low-rank adaptation of a transformer's queries and values, exact before the first step and after merging.

Reference: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2022), section 4.1, equation 3:
h = W₀x + (α/r)·B·A·x with A drawn at random and B zero, so that an adapted network begins as the base, to the
bit; queries and values alone are adapted, as in its section 7.1 and in SAMed (Zhang and Liu 2023).

The transformers here compute q, k and v by one fused layer, of which peft can only adapt all three at once.
So the layer is first split into three that together compute the same bits; merging joins them again under the
base's own names.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from napari_medkd.errors import InvalidSetting, missing_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_FUSED = "qkv"
_ADAPTED = ("q_proj", "v_proj")
# Attribute with the number of heads where a fused layer's rows go head after head, (q, k, v) of one head side
# by side; None where all queries come first. By class, since the shapes are the same.
_LAYOUTS: dict[str, str | None] = {
    "segment_anything.modeling.image_encoder.Attention": None,
    "napari_medkd.models.encoders.tiny_vit._WindowAttention": "heads",
    "timm.layers.attention.Attention": None,
    "timm.models.vision_transformer.Attention": None,
}


class SplitQkv(nn.Module):
    """Three projections that give what one fused layer gave, (…, C) → (…, 3·D).

    Parameters
    ----------
    fused : nn.Linear
        The layer that is split.
    heads : int
        Groups of (q, k, v) rows in it: the heads where it is laid out head after head, else 1.
    """

    def __init__(self, fused: nn.Linear, heads: int) -> None:
        super().__init__()
        self.heads = heads
        biases = [None] * 3 if fused.bias is None else _parts(fused.bias, heads)
        layers = [_linear(*both) for both in zip(_parts(fused.weight, heads), biases, strict=True)]
        self.q_proj, self.k_proj, self.v_proj = layers

    def forward(self, tokens: Tensor) -> Tensor:
        """Project, and lay out as the fused layer did."""
        parts = (layer(tokens) for layer in (self.q_proj, self.k_proj, self.v_proj))
        grouped = [part.unflatten(-1, (self.heads, -1)) for part in parts]
        return torch.stack(grouped, dim=-2).flatten(-3)

    def fused(self) -> nn.Linear:
        """Return the one layer, whatever was added to its parts included."""
        layers = [_plain(layer) for layer in (self.q_proj, self.k_proj, self.v_proj)]
        weight = _whole([layer.weight for layer in layers], self.heads)
        biases = [layer.bias for layer in layers if layer.bias is not None]
        return _linear(weight, _whole(biases, self.heads) if biases else None)


def split_qkv(module: nn.Module) -> int:
    """Split every fused q-k-v layer in `module`, in place; returns how many there were.

    Outputs stay the same to the bit. The layout is known by the class of the attention that holds the layer;
    an unknown one is an `InvalidSetting`, since a wrong guess would adapt the wrong rows without a sign.
    """
    holders = [holder for holder in module.modules() if isinstance(getattr(holder, _FUSED, None), nn.Linear)]
    for holder in holders:
        setattr(holder, _FUSED, SplitQkv(getattr(holder, _FUSED), _groups(holder)))
    return len(holders)


def adapt(module: nn.Module, rank: int = 4, alpha: float = 4.0) -> nn.Module:
    """Split the fused layers, put LoRA on their queries and values, and freeze all that was there.

    Parameters
    ----------
    module : nn.Module
        Changed in place, and returned. Only q-k-v layers that were fused are adapted: a mask decoder's own
        projections of the same name are not.
    rank : int
        r, from 1.
    alpha : float
        α; what is added counts α/r.

    Raises
    ------
    InvalidSetting
        Where the network has no attention that could be adapted.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "train", "Adapting a model by LoRA") from error
    if not split_qkv(module):
        raise InvalidSetting(
            "LoRA needs an image encoder with attention, and this one has no fused q-k-v layer.",
            "Choose a SAM ViT, MedSAM, LiteMedSAM, MobileSAM or TinySAM.",
        )
    split = [name for name, one in module.named_modules() if isinstance(one, SplitQkv)]
    targets = [f"{name}.{part}" for name in split for part in _ADAPTED]
    # peft says that α is whole, and only ever divides it.
    config = LoraConfig(r=rank, lora_alpha=cast("int", alpha), target_modules=targets)
    inject_adapter_in_model(config, module)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(_is_low_rank(name))
    return module


def low_rank(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters that `adapt` added: what a stage trains."""
    return tuple(name for name, _ in module.named_parameters() if _is_low_rank(name))


def merge(module: nn.Module) -> nn.Module:
    """Return a plain copy with what was learnt added to the fused layers, under the base's own names."""
    merged = copy.deepcopy(module)
    for holder in list(merged.modules()):
        if isinstance(getattr(holder, _FUSED, None), SplitQkv):
            setattr(holder, _FUSED, getattr(holder, _FUSED).fused())
    return merged.requires_grad_(True)


def _is_low_rank(name: str) -> bool:
    return ".lora_A." in name or ".lora_B." in name


def _groups(holder: nn.Module) -> int:
    kind = f"{type(holder).__module__}.{type(holder).__qualname__}"
    if kind not in _LAYOUTS:
        raise InvalidSetting(
            f"How {type(holder).__name__} lays out its q-k-v layer is not known.",
            "LoRA adapts SAM's ViT, TinyViT and timm's ViT.",
        )
    heads = _LAYOUTS[kind]
    return 1 if heads is None else int(getattr(holder, heads))


def _parts(rows: Tensor, heads: int) -> list[Tensor]:
    """Take (3·D, …) rows apart into q, k and v, (D, …) each."""
    grouped = rows.detach().reshape(heads, 3, -1, *rows.shape[1:])
    return [grouped[:, part].flatten(0, 1).clone() for part in range(3)]


def _whole(parts: Sequence[Tensor], heads: int) -> Tensor:
    """Put q, k and v together again: the inverse of `_parts`."""
    grouped = [part.detach().reshape(heads, -1, *part.shape[1:]) for part in parts]
    return torch.stack(grouped, dim=1).flatten(0, 2)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight)
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer


def _plain(layer: Any) -> nn.Linear:
    """Return a projection as one linear layer; peft's is asked to add its own part first."""
    if isinstance(layer, nn.Linear):
        return layer
    layer.merge()
    base: nn.Linear = layer.get_base_layer()
    return base
