"""Image encoders by name: what a `PromptableModel` sees an image with.

An encoder is one module here with one registration. Its factory takes the options of
`Architecture.encoder_options` and returns a network from (B, 3, S, S) to (B, 256, g, g), alone or with finer
maps after it for a decoder that wants them. The modules import torch, so they are imported when an encoder is
first asked for and not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_medkd.core.registry import Registry
from napari_medkd.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

encoders: Registry[Callable[..., nn.Module]] = Registry("image encoder")
_MODULES = ("efficientvit", "pyramid", "repvit", "routed", "sam_vit", "searched", "tiny_vit", "vit_tiny")


def create_encoder(name: str, **options: Any) -> nn.Module:
    """Build the encoder registered as `name`; unknown names list the known ones."""
    load_encoders()
    return encoders[name](**options)


def load_encoders() -> None:
    """Import every encoder module, and torch with them."""
    for module in _MODULES:
        try:
            import_module(f"{__name__}.{module}")
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("napari_medkd"):
                raise
            raise missing_extra(str(error.name), "torch", "Running a model with torch") from error
