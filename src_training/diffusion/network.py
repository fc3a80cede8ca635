"""The network that takes noise away, and how noise comes in.

References: Ho et al., "Denoising Diffusion Probabilistic Models" (2020); Nichol and Dhariwal, "Improved
Denoising Diffusion Probabilistic Models" (2021), equation 17, for the cosine schedule; Salimans and Ho,
"Progressive Distillation" (2022), section 2.4, for predicting v; Song et al., "Denoising Diffusion Implicit
Models" (2021) for the sampler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_medkd.errors import missing_extra

if TYPE_CHECKING:
    from torch import Tensor, nn

TIMES = 1000  # levels of noise
_GROUPS = 16


def unet(channels: int, width: int) -> nn.Module:
    """Build the U-Net: (B, `channels`, s, s) and the levels (B,) to the same shape; s a multiple of 4.

    Parameters
    ----------
    channels : int
        1 for grey pictures, 3 for coloured ones.
    width : int
        Channels at full resolution, a multiple of 16; twice as many at the two coarser ones.
    """
    network: nn.Module = _monai("networks.nets.diffusion_model_unet").DiffusionModelUNet(
        spatial_dims=2,
        in_channels=channels,
        out_channels=channels,
        num_res_blocks=1,
        channels=(width, 2 * width, 2 * width),
        attention_levels=(False, False, True),
        norm_num_groups=_GROUPS,
        num_head_channels=2 * _GROUPS,
    )
    return network


def schedule(steps: int = TIMES) -> Any:
    """Return MONAI's DDIM scheduler, for as many `steps`, a divisor of 1000, when an image is drawn."""
    scheduler = _monai("networks.schedulers").DDIMScheduler(
        num_train_timesteps=TIMES, schedule="cosine", prediction_type="v_prediction"
    )
    scheduler.set_timesteps(steps)
    # MONAI spreads the levels evenly from the last to 0, but goes down from each by a whole stride, to a
    # level that is not the next one; these are.
    stride = TIMES // steps
    scheduler.timesteps = torch.arange(TIMES - 1, -1, -stride)[:steps]
    return scheduler


def velocity_error(network: nn.Module, images: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Return mean[(v̂(x_t, t) − v)²] with x_t = √ᾱ_t·x + √(1−ᾱ_t)·ε and v = √ᾱ_t·ε − √(1−ᾱ_t)·x.

    Parameters
    ----------
    images, noise : Tensor (B, C, s, s)
        x, −1 to 1, and ε.
    times : Tensor (B,)
        t, 0 to 999.
    """
    scheduler = schedule()
    guessed = _inferer(scheduler)(inputs=images, diffusion_model=network, noise=noise, timesteps=times)
    wanted = scheduler.get_velocity(images, noise, times)
    return torch.nn.functional.mse_loss(guessed.float(), wanted)


@torch.no_grad()
def denoised(network: nn.Module, noise: Tensor, steps: int) -> Tensor:
    """Draw images from noise (B, C, s, s) by `steps` steps of DDIM: the same shape, −1 to 1."""
    scheduler = schedule(steps)
    images: Tensor = _inferer(scheduler).sample(
        input_noise=noise, diffusion_model=network, scheduler=scheduler, verbose=False
    )
    return images.clamp(-1, 1)


def _inferer(scheduler: Any) -> Any:
    return _monai("inferers").DiffusionInferer(scheduler)


def _monai(module: str) -> Any:
    from importlib import import_module

    try:
        import einops  # noqa: F401 - MONAI's attention needs it and says so late

        return import_module(f"monai.{module}")
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "train", "Making synthetic images") from error
