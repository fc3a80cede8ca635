"""Mask decoders by name: what a `PromptableModel` answers a prompt with.

A decoder is one module here with one registration. Its factory takes ``dim`` and the options of
`Architecture.decoder_options` and returns a network called with (features, position, sparse, dense): what the
encoder gave, each (1 or P, …), the grid's positional encoding (1, C, g, g), the embedded tokens (P, N, C) and
the embedded mask (1 or P, C, g, g). It returns logits (P, 4, h, h) and scores (P, 4): the answer to a clear
prompt first, then three candidates. A decoder that needs no prompt returns one mask for every target of the
card instead. The modules import torch, so they wait until one is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_medkd.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

decoders: Registry[Callable[..., nn.Module]] = Registry("mask decoder")
_MODULES = ("modality", "multi_scale", "prompt_free", "sam")


def create_decoder(name: str, **options: Any) -> nn.Module:
    """Build the decoder registered as `name`; unknown names list the known ones."""
    for module in _MODULES:
        import_module(f"{__name__}.{module}")
    return decoders[name](**options)
