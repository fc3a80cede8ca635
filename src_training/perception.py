"""φ of KD-SAM's perceptual loss: frozen networks that look at embeddings, and what they are told to expect.

They are no modules of the task that is trained, so neither checkpoints nor averages nor the optimiser know
them; gradients go through them to the student and stop there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from torch import nn
from torch.nn import functional

from napari_medkd.errors import InvalidSetting
from napari_medkd.models.checkpoint import load_state, read_state
from napari_medkd.models.promptable import BOTTOM_RIGHT, TOP_LEFT
from src_training.losses.perceptual import perceptual_loss, variance

if TYPE_CHECKING:
    from torch import Tensor

    from napari_medkd.models.promptable import PromptableModel

Kind = Literal["sam-decoder", "vgg16", "vgg16-random", "none"]

_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)  # of VGG-16's convolutions; 0 halves
_LAYERS = {"relu1_2": 3, "relu2_2": 8, "relu3_3": 15, "relu4_3": 22}
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for values of 0 to 1
_SMALLEST, _LARGEST = 0.15, 0.8  # side of a fixed box, as a share of the frame
_COLOURS = 3


class Phi(Protocol):
    """Looks at embeddings."""

    def __call__(self, embeddings: Tensor, numbers: Tensor) -> list[Tensor]:
        """Return its maps φ_l, (B, C_l, H_l, W_l) each.

        `embeddings` is (B, C, g, g); `numbers` (B,) says which of the step's pictures each one is.
        """
        ...


class Perception:
    """A φ with the scale of each of its maps.

    Parameters
    ----------
    phi : Phi
        What looks.
    calibration : Tensor (n, C, g, g)
        Embeddings of the teacher, of training pictures, from which the scales are taken.
    """

    def __init__(self, phi: Phi, calibration: Tensor) -> None:
        self._phi = phi
        with torch.no_grad():
            maps = phi(calibration, torch.arange(len(calibration)))
        self.scales = [variance(one.float()) for one in maps]

    def __call__(self, student: Tensor, teacher: Tensor, inside: Tensor, numbers: Tensor) -> Tensor:
        """Return the perceptual loss of (B, C, g, g) embeddings; the padding is not looked at."""
        with torch.no_grad():
            theirs = self._phi(teacher, numbers)
        ours = self._phi(student * inside + teacher * (1 - inside), numbers)
        return perceptual_loss([one.float() for one in ours], [one.float() for one in theirs], self.scales)


class DecoderPhi:
    """The teacher's own decoder: its up-scaled maps, 32×4g×4g for SAM, for one of a fixed set of boxes.

    What the decoder does not use of an embedding costs nothing here, and what it needs most costs most.

    Parameters
    ----------
    teacher : PromptableModel
        Whose prompt encoder and decoder look; they are frozen.
    grid : int
        Rows and columns of the embeddings; need not be the teacher's own.
    boxes : int
        Size of the set. A picture meets one of them a step, by turns, so that it costs one answer.
    device : torch.device
        Where it looks.
    """

    def __init__(self, teacher: PromptableModel, grid: int, boxes: int, device: torch.device) -> None:
        if not hasattr(teacher.mask_decoder, "output_upscaling"):
            raise InvalidSetting(
                "The teacher's decoder is none of SAM's kind.", "Choose another perceptual: vgg16 or none."
            )
        self._decoder: Any = teacher.mask_decoder.to(device).eval().requires_grad_(False)
        encoder = teacher.prompt_encoder.to(device)
        coordinates = _boxes(boxes, encoder.input_image_size[0]).to(device)
        labels = torch.tensor([TOP_LEFT, BOTTOM_RIGHT], device=device).expand(boxes, -1)
        with torch.no_grad():
            self._sparse = teacher.embed_tokens(coordinates, labels)
            self._position: Tensor = encoder.pe_layer((grid, grid))[None]
            self._dense: Tensor = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).clone()

    def __call__(self, embeddings: Tensor, numbers: Tensor) -> list[Tensor]:
        """See `Phi`."""
        decoder, count = self._decoder, len(embeddings)
        learned = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        sparse = self._sparse[numbers.to(self._sparse.device) % len(self._sparse)]
        tokens = torch.cat([learned.expand(count, -1, -1), sparse], dim=1)
        source = embeddings + self._dense
        _, cells = decoder.transformer(source, self._position.expand(count, -1, -1, -1), tokens)
        return [decoder.output_upscaling(cells.transpose(1, 2).reshape(source.shape))]


class VggPhi:
    """VGG-16 on the three directions in which the teacher's embeddings differ most, shown as a picture.

    Parameters
    ----------
    calibration : Tensor (n, C, g, g)
        Embeddings of the teacher, of training pictures: they give the directions and the range.
    inside : Tensor (n, 1, g, g)
        How much of each cell shows the picture.
    weights : str
        File with torchvision's VGG-16; empty draws the weights by `seed`, a control that has learnt nothing.
    size : int
        Side of the picture that it looks at.
    device : torch.device
        Where it looks.
    """

    def __init__(
        self,
        calibration: Tensor,
        inside: Tensor,
        weights: str,
        size: int,
        device: torch.device,
        seed: int = 0,
    ) -> None:
        self._network = _vgg(weights, seed).to(device)
        self._size = size
        cells = calibration.permute(0, 2, 3, 1)[inside[:, 0] > 0].double()
        self.mean, self.directions = principal(cells, _COLOURS)
        seen = (cells - self.mean) @ self.directions
        self.low, self.high = seen.amin(0), seen.amax(0)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _STD))
        scale = 1 / (self.high - self.low).clamp(min=1e-8)
        # π and the normalisation in one: a·(e − mean)·directions + b.
        self._weight = (self.directions * scale).T.float()[:, :, None, None].to(device) / std.view(
            3, 1, 1, 1
        ).to(device)
        shift = -(self.mean @ self.directions + self.low) * scale
        self._bias = ((shift.float() - mean.flatten()) / std.flatten()).to(device)

    def __call__(self, embeddings: Tensor, numbers: Tensor) -> list[Tensor]:
        """See `Phi`."""
        picture = functional.conv2d(embeddings, self._weight, self._bias)
        maps = functional.interpolate(picture, (self._size, self._size), mode="bilinear", align_corners=False)
        found = []
        for number, layer in enumerate(self._network):
            maps = layer(maps)
            if number in _LAYERS.values():
                found.append(maps)
        return found


def principal(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the mean (C,) of (n, C) rows and the `count` directions (C, count) in which they differ most.

    A direction's largest entry is positive, so that the same rows always give the same directions.
    """
    mean = rows.mean(0)
    apart = rows - mean
    directions: Tensor = torch.linalg.eigh(apart.T @ apart / max(len(rows) - 1, 1)).eigenvectors
    directions = directions[:, -count:].flip(1)
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    return mean, directions * largest.sign()


def _boxes(count: int, frame: int) -> Tensor:
    """Draw the fixed set: (count, 2, 2) corners (x, y) in the prompt frame, of every size."""
    chance = torch.Generator().manual_seed(0)
    side = _SMALLEST + (_LARGEST - _SMALLEST) * torch.rand(count, 1, 2, generator=chance)
    corner = torch.rand(count, 1, 2, generator=chance) * (1 - side)
    return torch.cat([corner, corner + side], dim=1) * (frame - 1)


def _vgg(weights: str, seed: int) -> nn.Sequential:
    """Build the layers of VGG-16 (Simonyan and Zisserman 2015) up to relu4_3, frozen."""
    layers: list[nn.Module] = []
    inputs = _COLOURS
    for width in _WIDTHS:
        if not width:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
        inputs = width
    network = nn.Sequential(*layers)
    if weights:
        _fill(network, Path(weights).expanduser())
    else:
        chance = torch.Generator().manual_seed(seed)
        for layer in network:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=chance)
                nn.init.zeros_(layer.bias)
    return network.eval().requires_grad_(False)


def _fill(network: nn.Sequential, path: Path) -> None:
    """Load the layers from a file of the whole network, as torchvision publishes it."""
    if not path.is_file():
        raise InvalidSetting(
            "The file with VGG-16's weights is not there.",
            "Name it by its full path: --set vgg_weights=FILE.",
        )
    state = {name.removeprefix("features."): value for name, value in read_state(path).items()}
    own = network.state_dict()
    load_state(network, {name: value for name, value in state.items() if name in own}, "VGG-16")
