"""Changes of an image, each at stated strengths from slight to strong; on whole batches.

The slight ones a person hardly notices; under the strongest (a blur of 3 pixels on 32, a contrast of 0.1, a turn by 45
degrees) a person may no longer recognise what an image shows either. What is random in a change is drawn for each image
from a seed of its own, so it does not depend on how images are cut into batches.

Shape letters: B images, H rows, W columns, C channels. Pixels are uint8 before and after: rounded and cut to 0 to 255,
as a picture file would hold them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.ground.seeds import derive_seed

__all__ = ["CORRUPTIONS", "Corruption", "blur", "brightness", "contrast", "corrupt", "noise", "rotation", "shift"]


@dataclass(frozen=True)
class Corruption:
    """One kind of change."""

    name: str
    unit: str
    """What a strength means."""
    strengths: tuple[float, ...]
    change: Callable[[Tensor, float, Sequence[torch.Generator]], Tensor]
    """From float32 images `[B, H, W, C]`, a strength and a generator for each image to changed images."""
    neutral: float
    """The strength that leaves an image as it is."""


def corrupt(
    images: Tensor, corruption: Corruption, strength: float, seed: int, numbers: Sequence[int] | None = None
) -> Tensor:
    """Change a batch `[B, H, W, C]` uint8; equal arguments give equal pixels on every device.

    `numbers` says which images of their split these are; an image's random numbers follow from the seed and its number.
    They count from 0 by default.

    >>> corrupt(torch.full((1, 2, 2, 1), 100, dtype=torch.uint8), CORRUPTIONS["brightness"], 0.2, 0).unique()
    tensor([151], dtype=torch.uint8)
    """
    if numbers is None:
        numbers = range(len(images))
    generators = [torch.Generator().manual_seed(derive_seed(seed, corruption.name, int(number))) for number in numbers]
    changed = corruption.change(images.to(torch.float32), strength, generators)
    return changed.round().clamp(0, 255).to(torch.uint8)


def noise(images: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Add Gaussian noise whose standard deviation is this share of the full range, to every value by itself."""
    drawn = torch.stack([torch.randn(images.shape[1:], generator=generator) for generator in generators])
    return images + drawn.to(images.device) * (255 * strength)


def blur(images: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Blur by a Gaussian whose standard deviation is this many pixels; beyond the edge the edge goes on."""
    if strength == 0:
        return images
    radius = math.ceil(4 * strength)
    distance = torch.arange(-radius, radius + 1, dtype=torch.float32, device=images.device)
    weights = torch.exp(-0.5 * (distance / strength) ** 2)
    weights = weights / weights.sum()
    channels = images.shape[3]
    values = _padded(images.permute(0, 3, 1, 2), radius)
    columns = weights.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1)
    rows = weights.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1)
    blurred = F.conv2d(F.conv2d(values, columns, groups=channels), rows, groups=channels)
    return blurred.permute(0, 2, 3, 1)


def contrast(images: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Multiply each image's distance from its own mean by this factor: 1 leaves it, 0 makes it one grey or colour."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * strength


def brightness(images: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Add this share of the full range to every value: above 0 is brighter, below 0 darker."""
    return images + 255 * strength


def shift(images: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Move each image by this many whole pixels up, down, left or right, drawn for each; its edge goes on."""
    count, height, width, _ = images.shape
    draws = _choices(4, generators).to(images.device)
    sign = torch.where(draws % 2 == 0, 1, -1) * round(strength)
    down, right = torch.where(draws < 2, sign, 0), torch.where(draws < 2, 0, sign)
    rows = (torch.arange(height, device=images.device) - down[:, None]).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - right[:, None]).clamp(0, width - 1)
    which = torch.arange(count, device=images.device)[:, None, None]
    return images[which, rows[:, :, None], columns[:, None, :]]


def rotation(images: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Turn each image about its centre by this many degrees, to the left or to the right, drawn for each.

    Between pixels the value is interpolated in both directions; what comes in from outside is the nearest edge pixel.
    """
    count, height, width, _ = images.shape
    sign = _choices(2, generators) * 2 - 1
    angle = (sign * math.radians(strength)).to(images.device)
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    # Coordinates run from -1 to 1 in both directions, so that a side's length enters where they are mixed.
    turn = torch.stack(
        (
            torch.stack((cos, -sin * (height / width), zero), 1),
            torch.stack((sin * (width / height), cos, zero), 1),
        ),
        1,
    )
    places = F.affine_grid(turn, [count, 1, height, width], align_corners=False)
    turned = F.grid_sample(
        images.permute(0, 3, 1, 2), places, mode="bilinear", padding_mode="border", align_corners=False
    )
    return turned.permute(0, 2, 3, 1)


def _choices(count: int, generators: Sequence[torch.Generator]) -> Tensor:
    """Draw a number below `count` for each image, `[B]` int64."""
    return torch.cat([torch.randint(count, (1,), generator=generator) for generator in generators])


def _padded(images: Tensor, radius: int) -> Tensor:
    """Repeat the edge pixels of `[B, C, H, W]`, also by more than the image is wide."""
    return F.pad(images, (radius, radius, radius, radius), mode="replicate")


CORRUPTIONS = {
    kind.name: kind
    for kind in (
        Corruption("noise", "standard deviation, share of full range", (0.02, 0.05, 0.1, 0.2, 0.3), noise, 0),
        Corruption("blur", "standard deviation, pixels", (0.5, 1, 1.5, 2, 3), blur, 0),
        Corruption("contrast", "factor", (0.8, 0.6, 0.4, 0.2, 0.1), contrast, 1),
        Corruption("brightness", "added share of full range", (-0.4, -0.2, -0.1, 0.1, 0.2, 0.4), brightness, 0),
        Corruption("shift", "pixels", (1, 2, 3, 4, 6, 8), shift, 0),
        Corruption("rotation", "degrees", (5, 10, 15, 20, 30, 45), rotation, 0),
    )
}
"""Every kind of change by name."""
