"""Networks that answer without a prompt, as they are trained: class scores, and teachers made from SAM's.

What needs no prompt answers about the picture as a whole; see `napari_medkd.models.decoders.prompt_free`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medkd.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel

_MLP = 2048  # of SAM's own decoder, so that all its weights fit


def class_scores(model: PromptableModel, features: Sequence[Tensor]) -> Tensor:
    """Answer without a prompt: what a softmax over the background and the classes takes, (B, 1 + K, h, w)."""
    decoder: Any = model.mask_decoder
    dense = model.embed_no_mask(features[0])
    scores: Tensor = decoder.class_scores(features, model.prompt_encoder.get_dense_pe(), dense)[0]
    return scores


def answering(model: PromptableModel, prefix: str) -> tuple[str, ...]:
    """Return the names of what learns to answer: the decoder and the embedding of no mask.

    The decoder's guess of its own overlap is left out, since nothing here teaches it: `propose` tells the
    overlap to expect from the probabilities.
    """
    decoder = [name for name, _ in model.mask_decoder.named_parameters() if "iou_prediction_head" not in name]
    return (f"{prefix}.prompt_encoder.no_mask_embed.", *(f"{prefix}.mask_decoder.{name}" for name in decoder))


def teacher_network(name: str, classes: int, size: int = 0) -> tuple[PromptableModel, ModelCard]:
    """Return an installed model with a decoder that needs no prompt, and the card of the two.

    Parameters
    ----------
    name : str
        Id of a model with weights for torch.
    classes : int
        K.
    size : int
        Side of its input, in pixels; 0 takes its own.
    """
    from napari_medkd.models.promptable import build_model
    from napari_medkd.models.store import ModelStore
    from src_training.pretrained import load_answering

    store = ModelStore()
    card = resized(store.get(name), size)
    base = store.build(name)
    own = card.architecture
    architecture = own.model_copy(
        update={
            "decoder": "prompt_free",
            "decoder_options": {"classes": classes, "mlp_dim": own.decoder_options.get("mlp_dim", _MLP)},
            "logits_per_cell": 4,
            "masks": "classes",
        }
    )
    card = card.model_copy(update={"architecture": architecture})
    model = build_model(architecture, card.preprocessing)
    model.image_encoder.load_state_dict(base.image_encoder.state_dict())
    load_answering(model, base)
    return model, card


def resized(card: ModelCard, size: int) -> ModelCard:
    """Return the card of a network that looks at pictures of another size, in pixels; 0 keeps its own."""
    own = card.preprocessing.size
    if size in (0, own):
        return card
    if card.architecture.encoder == "sam_vit":
        raise InvalidSetting(
            f"{card.title} has a table of positions for {own} pixels and takes no other size.",
            "Leave teacher_size at 0.",
        )
    grid = card.architecture.grid * size // own
    return card.model_copy(
        update={
            "architecture": card.architecture.model_copy(update={"grid": grid}),
            "preprocessing": card.preprocessing.model_copy(update={"size": size, "prompt_size": 0}),
        }
    )
