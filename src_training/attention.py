"""Where a teacher looks: attention of a transformer's global block, or saliency of what its neck reads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from src_training.losses.saliency import saliency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn


@torch.no_grad()
def look(encoder: nn.Module, image: Tensor, kind: str) -> tuple[tuple[Tensor, ...], Tensor]:
    """Encode one image and tell where the encoder looked.

    Parameters
    ----------
    encoder : nn.Module
        The teacher's, in evaluation mode.
    image : Tensor (1, 3, S, S)
        Normalised for it.
    kind : "attention" or "saliency"
        A transformer without a block that sees the whole image, and any other network, tells its saliency.

    Returns
    -------
    features : tuple of Tensor
        What the encoder gives.
    where : Tensor (h, w)
        From its last global block the attention that each cell gets, the mean over heads and queries; or
        Σ_c |F_c|² of what its neck reads. Of the embedding itself that would say nothing: a layer norm over
        the channels ends every neck, which makes the sum the same in all cells.
    """
    block = _global_block(encoder) if kind == "attention" else None
    with _inputs_of(getattr(encoder, "neck", None) if block is None else block) as seen:
        found = encoder(image)
    features = found if isinstance(found, tuple) else (found,)
    if block is not None:
        return features, _received(block, seen[0])
    maps = seen[0] if seen else features[0]
    return features, saliency((maps if isinstance(maps, torch.Tensor) else maps[-1]).float())[0]


def _global_block(encoder: nn.Module) -> Any:
    """Return the attention of the last block of a SAM ViT that is not cut into windows; None of others."""
    found = [
        block.attn
        for block in getattr(encoder, "blocks", ())
        if getattr(block, "window_size", None) == 0 and hasattr(getattr(block, "attn", None), "rel_pos_h")
    ]
    return found[-1] if found else None


@contextmanager
def _inputs_of(module: Any) -> Iterator[list[Tensor]]:
    seen: list[Tensor] = []
    if module is None:
        yield seen
        return
    handle = module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        yield seen
    finally:
        handle.remove()


def _received(block: Any, tokens: Tensor) -> Tensor:
    """Return the mean over heads and queries of softmax(QKᵀ·s + positions): (1, h, w, C) → (h, w).

    Head after head, since all of them together take gigabytes at 64 × 64 cells.
    """
    from segment_anything.modeling.image_encoder import add_decomposed_rel_pos

    rows, columns, width = tokens.shape[1:]
    heads = block.num_heads
    qkv = block.qkv(tokens).reshape(rows * columns, 3, heads, width // heads).permute(1, 2, 0, 3)
    got = torch.zeros(rows * columns, device=tokens.device)
    for query, key in zip(qkv[0], qkv[1], strict=True):
        scores = (query * block.scale) @ key.T
        if block.use_rel_pos:
            scores = add_decomposed_rel_pos(
                scores[None], query[None], block.rel_pos_h, block.rel_pos_w, (rows, columns), (rows, columns)
            )[0]
        got += scores.float().softmax(-1).mean(0)
    where: Tensor = (got / heads).reshape(rows, columns)
    return where
