"""Diffusion: the noise that comes in, the images that come out, copies, and files that are made once."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from src_training.diffusion import network as networks
from src_training.diffusion.memorisation import nearest
from src_training.diffusion.network import TIMES, denoised, schedule, unet, velocity_error
from src_training.diffusion.pictures import restored, sheet, squares
from src_training.diffusion.synthesis import PROVENANCE, Synthesis, look
from src_training.diffusion.task import DiffusionLook, DiffusionTask, NoiseStream
from src_training.draws import Draws
from src_training.files import write_weights
from src_training.pictures import Picture

CPU = torch.device("cpu")


def pictures(count: int = 4) -> list[Picture]:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (40, 60, 1), np.uint8).repeat(3, 2) for _ in range(count)]
    return [Picture("made", str(n), image, np.zeros((40, 60), np.uint16)) for n, image in enumerate(images)]


class Knowing(nn.Module):
    """Knows the one image there is, and so what the noise in it must be."""

    def __init__(self, image: torch.Tensor):
        super().__init__()
        self.image = nn.Parameter(image)
        self.levels: list[int] = []

    def forward(self, x, timesteps, context=None):
        self.levels.append(int(timesteps[0]))
        kept = schedule().alphas_cumprod[timesteps.long()].view(-1, 1, 1, 1)
        noise = (x - kept.sqrt() * self.image) / (1 - kept).sqrt()
        return kept.sqrt() * noise - (1 - kept).sqrt() * self.image


def test_a_network_that_knows_the_picture_makes_no_error_and_draws_it():
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    knowing = Knowing(image)
    noise = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    times = torch.tensor([10, 500, 900])
    assert velocity_error(knowing, image.expand(3, -1, -1, -1), noise, times).item() < 1e-6
    knowing.levels.clear()
    drawn = denoised(knowing, noise, 10)
    assert torch.allclose(drawn, image.expand(3, -1, -1, -1), atol=1e-3)
    assert knowing.levels == list(
        range(999, -1, -100)
    )  # and each step goes to the next of them, the last to none


def test_the_error_by_hand():
    class Zero(nn.Module):
        def forward(self, x, timesteps, context=None):
            return torch.zeros_like(x)

    image, noise = torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), -2.0)
    kept = float(schedule().alphas_cumprod[300])
    velocity = kept**0.5 * -2.0 - (1 - kept) ** 0.5 * 0.5
    found = velocity_error(Zero(), image, noise, torch.tensor([300])).item()
    assert found == pytest.approx(velocity**2, rel=1e-4)


def test_the_schedule_ends_in_noise():
    kept = schedule().alphas_cumprod
    assert len(kept) == TIMES and kept[0] > 0.999 and kept[-1] < 1e-4 and (kept.diff() < 0).all()


def test_grey_pictures_need_one_channel():
    grey = squares(pictures(), 32)
    assert grey.shape == (4, 32, 32, 1)
    coloured = [
        Picture(
            "made", "c", np.dstack([np.full((40, 60), v, np.uint8) for v in (9, 99, 200)]), grey[0, ..., 0]
        )
    ]
    assert squares([*pictures(), *coloured], 32).shape == (5, 32, 32, 3)


def test_squares_get_the_proportions_of_pictures_again():
    wide = restored(np.full((32, 32, 1), 7, np.uint8), (40, 60), 90)
    assert wide.shape == (60, 90, 3) and (wide == 7).all()
    laid = sheet([np.zeros((4, 4, 1), np.uint8)] * 3, 2)
    assert laid.shape == (10, 10, 3) and laid[4, 0].tolist() == [255] * 3 and laid[9, 9].tolist() == [255] * 3


def test_batches_of_noise_depend_on_seed_and_step():
    stream = NoiseStream(squares(pictures(), 32), Draws(5, seed=1))
    one, same, other = stream.batch(3), stream.batch(3), stream.batch(4)
    assert torch.equal(one.images, same.images) and torch.equal(one.noise, same.noise)
    assert not torch.equal(one.noise, other.noise)
    assert one.images.shape == (5, 1, 32, 32) and one.images.min() >= -1 and one.images.max() <= 1
    assert [piece.weight for piece in one.pieces(2)] == [3, 2]
    known = squares(pictures(), 32)[..., 0].astype(np.float32) / 127.5 - 1
    straight = (
        NoiseStream(squares(pictures(), 32), Draws(5, seed=1), turns=False).batch(0).images[:, 0].numpy()
    )
    assert all(any(np.allclose(image, one) for one in known) for image in straight)


def test_a_copy_is_found_also_in_the_mirror():
    rng = np.random.default_rng(1)
    training = [rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(6)]
    blurred = (training[2].astype(float) * 0.95 + 5).astype(np.uint8)
    found = nearest([rng.integers(0, 255, (64, 64, 3), np.uint8), blurred, training[4][:, ::-1]], training)
    assert found.copies.tolist() == [False, True, True]
    assert found.index[1:].tolist() == [2, 4] and found.distance[2] == pytest.approx(0, abs=1e-6)
    assert 0.3 < found.distance[0] / found.usual < 3


@pytest.fixture
def synthesis(tmp_path) -> Synthesis:
    torch.manual_seed(0)
    model = unet(1, 16)
    write_weights(tmp_path / "diffusion.safetensors", model.state_dict())
    return Synthesis(
        tmp_path / "diffusion.safetensors", tmp_path, pictures(), squares(pictures(), 32), 16, 10, 48, 3
    )


@pytest.mark.slow
def test_images_are_drawn_once_each_from_its_own_noise(synthesis, tmp_path, monkeypatch):
    monkeypatch.setattr("src_training.diffusion.synthesis._TOGETHER", 2)
    assert synthesis.make(3, CPU, lambda done, of: done < 2) is None  # told to stop after the first two
    files = tmp_path / "synthetic"
    assert sorted(path.name for path in files.iterdir()) == ["00000.png", "00001.png"]
    first = (files / "00000.png").read_bytes()
    found = synthesis.make(3, CPU, lambda done, of: True)
    assert found is not None and [made.file for made in found.images] == [
        "00000.png",
        "00001.png",
        "00002.png",
    ]
    assert (files / "00000.png").read_bytes() == first
    (files / "00000.png").unlink()
    again = synthesis.make(3, CPU, lambda done, of: True)
    assert again == found and (files / "00000.png").read_bytes() == first
    assert synthesis.read(0).shape == (32, 48, 3) and len({made.digest for made in found.images}) == 3
    said = json.loads((tmp_path / PROVENANCE).read_text())
    assert said["sampler"] == "DDIM, 10 steps" and said["pictures"] == 4 and synthesis.provenance() == found


@pytest.mark.slow
def test_a_model_that_still_learns_is_looked_at(tmp_path):
    torch.manual_seed(0)
    task = DiffusionTask(unet(1, 16)).eval()
    stream = NoiseStream(squares(pictures(), 32), Draws(2, seed=1))
    looked = DiffusionLook(stream, lambda model: look(model, (32, 32, 1), 0, tmp_path / "samples.png"))
    figures = looked(task)
    assert figures["score"] == -figures["error"] < 0 and (tmp_path / "samples.png").is_file()
    assert looked(task) == figures
    assert task(stream.batch(0))["loss"].item() > 0


def test_without_monai_it_says_what_to_install(monkeypatch):
    from napari_medkd.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "einops", None)
    with pytest.raises(MissingExtra, match="einops"):
        networks.unet(1, 16)
