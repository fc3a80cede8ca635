"""The one network shape of napari-medkd: an image encoder, SAM's prompt encoder and a mask decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from segment_anything.modeling import PromptEncoder
from torch import nn

from napari_medkd.models.decoders import create_decoder
from napari_medkd.models.encoders import create_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_medkd.models.card import Architecture, Preprocessing

# Label of a token, in SAM's convention.
PADDING, OUTSIDE, INSIDE, TOP_LEFT, BOTTOM_RIGHT = -1, 0, 1, 2, 3


def build_model(architecture: Architecture, preprocessing: Preprocessing) -> PromptableModel:
    """Build the network of a card with random weights, in evaluation mode."""
    encoder = create_encoder(architecture.encoder, **architecture.encoder_options)
    decoder = create_decoder(
        architecture.decoder, dim=architecture.embedding_dim, **architecture.decoder_options
    )
    return PromptableModel(
        encoder,
        decoder,
        grid=architecture.grid,
        embedding_dim=architecture.embedding_dim,
        prompt_frame=preprocessing.prompt_frame,
        masks=architecture.masks,
    ).eval()


class PromptableModel(nn.Module):
    """Answers prompts on an image embedding of any grid.

    Parameter names are those of SAM's checkpoints: ``image_encoder``, ``prompt_encoder``, ``mask_decoder``.

    Parameters
    ----------
    encoder : nn.Module
        (B, 3, S, S) → (B, embedding_dim, grid, grid), or that first and finer maps after it.
    decoder : nn.Module
        Of `napari_medkd.models.decoders`; takes what the encoder gives.
    grid : int
        Rows and columns of the embedding.
    embedding_dim : int
        Channels of the embedding.
    prompt_frame : int
        Side of the square in which prompt coordinates are given, in pixels.
    masks : "one" or "three"
        Whether the decoder answers with one mask, or with that and three candidates for unclear prompts.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        grid: int,
        embedding_dim: int = 256,
        prompt_frame: int = 1024,
        masks: str = "three",
    ) -> None:
        super().__init__()
        self.masks = masks
        self.image_encoder = encoder
        self.prompt_encoder = PromptEncoder(
            embed_dim=embedding_dim,
            image_embedding_size=(grid, grid),
            input_image_size=(prompt_frame, prompt_frame),
            mask_in_chans=16,
        )
        self.mask_decoder = decoder

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode normalised, padded images (B, 3, S, S): (B, C, g, g), then finer maps if there are any."""
        features: Tensor | tuple[Tensor, ...] = self.image_encoder(image)
        return features if isinstance(features, tuple) else (features,)

    def decode(
        self, features: Sequence[Tensor], coordinates: Tensor, labels: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Answer P prompts on one image, or each on its own.

        Parameters
        ----------
        features : sequence of Tensor (1 or P, …)
            What `encode` returned for the one image, or for the image of each prompt.
        coordinates : Tensor (P, N, 2)
            (x, y) of each token in the prompt frame.
        labels : Tensor (P, N)
            1 inside, 0 outside, 2 and 3 the corners of a box, -1 padding.
        mask : Tensor (P, 1, 4g, 4g), optional
            Logits of the previous answer.

        Returns
        -------
        logits : Tensor (P, M, h, h)
            h is the card's `logit_side`; M is 1, or 4: the answer to a clear prompt, then three candidates
            for an unclear one.
        scores : Tensor (P, M)
            Predicted intersection over union.
        """
        dense = self.embed_no_mask(features[0]) if mask is None else self.embed_mask(mask)
        return self.decode_embedded(features, self.embed_tokens(coordinates, labels), dense)

    def decode_embedded(
        self, features: Sequence[Tensor], sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answer prompts that are embedded already: `sparse` (P, N, C) and `dense` (1 or P, C, g, g)."""
        logits, scores = self.mask_decoder(features, self.prompt_encoder.get_dense_pe(), sparse, dense)
        count = 1 if self.masks == "one" else logits.shape[1]
        return logits[:, :count], scores[:, :count]

    def embed_tokens(self, coordinates: Tensor, labels: Tensor) -> Tensor:
        """Embed point and box tokens, (P, N, 2) and (P, N) → (P, N, C), without a branch on their kind.

        Equal to what SAM's prompt encoder does with points and boxes, but with a graph that is the same for
        every prompt, so that it can be exported.
        """
        encoder = self.prompt_encoder
        kinds = labels.unsqueeze(-1)
        # SAM counts from the corner of a pixel, prompts from its centre.
        position = encoder.pe_layer.forward_with_coords(coordinates + 0.5, encoder.input_image_size)
        tokens = torch.where(kinds == PADDING, encoder.not_a_point_embed.weight, position)
        learned = torch.stack([embedding.weight for embedding in encoder.point_embeddings])
        for kind in (OUTSIDE, INSIDE, TOP_LEFT, BOTTOM_RIGHT):
            tokens = tokens + learned[kind] * (kinds == kind)
        return tokens

    def embed_mask(self, mask: Tensor) -> Tensor:
        """Embed the previous answer's logits, (P, 1, 4g, 4g) → (P, C, g, g)."""
        dense: Tensor = self.prompt_encoder.mask_downscaling(mask)
        return dense

    def embed_no_mask(self, embedding: Tensor) -> Tensor:
        """Return the dense embedding of a prompt without a mask, (1, C, g, g), for an embedding's grid."""
        weight: Tensor = self.prompt_encoder.no_mask_embed.weight
        return weight.reshape(1, -1, 1, 1).expand(1, -1, *embedding.shape[-2:])
