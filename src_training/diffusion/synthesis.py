"""Synthetic images as files: drawn in order, each by its own number, compared with what was learnt from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.models.checkpoint import read_state
from src_training.diffusion.memorisation import COPY, nearest
from src_training.diffusion.network import denoised, unet
from src_training.diffusion.pictures import proportions, restored, sheet
from src_training.files import write_picture, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from src_training.pictures import Picture

_TOGETHER = 16  # samples drawn at once: always the same ones, so that a resumed run draws the same bits
_SHOWN, _COLUMNS = 32, 8  # samples on a sheet
_LOOK, _LOOK_STEPS = 8, 20  # samples on the sheet of a model that still learns
PROVENANCE, SHEET, NEIGHBOURS = "provenance.json", "synthetic.png", "nearest.png"


class Made(BaseModel):
    """One synthetic image."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="Its name.")
    digest: str = Field(description="Of its pixels, as in the manifest.")
    distance: float = Field(
        description="To the nearest training picture: root mean squared grey value, 0 to 1."
    )
    copy_of_training: bool = Field(description="Whether it is so near that it is left out.")


class Provenance(BaseModel):
    """Where the synthetic images of a run come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    model: str = Field(description="SHA-256 of the diffusion model's weights.")
    pictures: int = Field(description="How many real pictures it learnt from; the manifest names them.")
    sampler: str = Field(description="How the images were drawn.")
    seed: int = Field(description="Of the run.")
    usual_distance: float = Field(
        description="Median distance of a training picture to the nearest other one."
    )
    copy_below: float = Field(description="Share of the usual distance below which an image is a copy.")
    images: tuple[Made, ...] = Field(description="The images.")


@dataclass(frozen=True, slots=True, eq=False)
class Synthesis:
    """Draws images from a trained diffusion model into a folder.

    Parameters
    ----------
    weights : Path
        File with the model's weights.
    folder : Path
        Where the images go.
    pictures : sequence of Picture
        What the model learnt from.
    squares : ndarray (N, s, s, C) uint8
        The same as the model saw them.
    width, steps, longest, seed : int
        Of the network, of DDIM, pixels of an image's longer side, and where chance starts.
    """

    weights: Path
    folder: Path
    pictures: Sequence[Picture]
    squares: NDArray[np.uint8]
    width: int
    steps: int
    longest: int
    seed: int

    def make(self, count: int, device: torch.device, go_on: Callable[[int, int], bool]) -> Provenance | None:
        """Draw the images that are not there yet, and say where all come from.

        `go_on` hears how many are there of how many, and says whether to; None is returned where it does not.
        """
        network: nn.Module | None = None
        for first in range(0, count, _TOGETHER):
            wanted = range(first, min(first + _TOGETHER, count))
            if not all(self._path(number).is_file() for number in wanted):
                network = network or self._network(device)
                self._draw(network, wanted, device)
            if not go_on(wanted.stop, count):
                return None
        return self._described(count)

    def provenance(self) -> Provenance:
        """Return what is known of the images that were made."""
        return Provenance.model_validate_json((self.folder / PROVENANCE).read_bytes())

    def read(self, number: int) -> NDArray[np.uint8]:
        """Return an image, (rows, columns, 3)."""
        with Image.open(self._path(number)) as file:
            return np.array(file.convert("RGB"))  # torch wants it writable

    def _path(self, number: int) -> Path:
        return self.folder / "synthetic" / _name(number)

    def _network(self, device: torch.device) -> nn.Module:
        network = unet(self.squares.shape[3], self.width)
        network.load_state_dict(read_state(self.weights))
        return network.to(device).eval()

    def _draw(self, network: nn.Module, wanted: Sequence[int], device: torch.device) -> None:
        for number, square in zip(
            wanted, draw(network, wanted, self.squares.shape[1:], self.steps, self.seed, device), strict=True
        ):
            like = proportions(self.pictures, np.random.default_rng((self.seed, number, 6)))
            write_picture(self._path(number), restored(square, like, self.longest))

    def _described(self, count: int) -> Provenance:
        from src_training.scenes import content_digest

        images = [self.read(number) for number in range(count)]
        near = nearest(images, [picture.image for picture in self.pictures])
        self._sheets(images, near.index)
        found = Provenance(
            model=hashlib.sha256(self.weights.read_bytes()).hexdigest(),
            pictures=len(self.pictures),
            sampler=f"DDIM, {self.steps} steps",
            seed=self.seed,
            usual_distance=round(near.usual, 5),
            copy_below=COPY,
            images=tuple(
                Made(
                    file=_name(number),
                    digest=content_digest(image),
                    distance=round(float(near.distance[number]), 5),
                    copy_of_training=bool(near.copies[number]),
                )
                for number, image in enumerate(images)
            ),
        )
        write_text(self.folder / PROVENANCE, found.model_dump_json(indent=1) + "\n")
        return found

    def _sheets(self, images: Sequence[NDArray[np.uint8]], index: NDArray[np.int64]) -> None:
        """Write the first images as one, and each row of them above the training pictures nearest to them."""
        side = self.squares.shape[1]
        shown = [_thumbnail(image, side) for image in images[:_SHOWN]]
        write_picture(self.folder / SHEET, sheet(shown, _COLUMNS))
        rows: list[NDArray[np.uint8]] = []
        for first in range(0, len(shown), _COLUMNS):
            pair = shown[first : first + _COLUMNS]
            real = [
                np.broadcast_to(self.squares[place], (side, side, 3))
                for place in index[first : first + _COLUMNS]
            ]
            blank = [np.full((side, side, 3), 255, np.uint8)] * (_COLUMNS - len(pair))
            rows += [*pair, *blank, *real, *blank]
        write_picture(self.folder / NEIGHBOURS, sheet(rows, _COLUMNS))


def draw(
    network: nn.Module,
    numbers: Sequence[int],
    shape: tuple[int, ...],
    steps: int,
    seed: int,
    device: torch.device,
) -> NDArray[np.uint8]:
    """Draw samples (N, s, s, C) of `shape` (s, s, C); each number has noise of its own."""
    rows, columns, channels = shape
    noise = np.stack(
        [
            np.random.default_rng((seed, number, 5)).standard_normal((channels, rows, columns), np.float32)
            for number in numbers
        ]
    )
    images = denoised(network, torch.from_numpy(noise).to(device), steps)
    return ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def look(network: nn.Module, shape: tuple[int, ...], seed: int, path: Path) -> None:
    """Write a sheet of what a model that still learns draws by now."""
    device = next(network.parameters()).device
    found = draw(network, range(_LOOK), shape, _LOOK_STEPS, seed, device)
    write_picture(path, sheet(list(found), _COLUMNS))


def _thumbnail(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX))


def _name(number: int) -> str:
    return f"{number:05d}.png"
