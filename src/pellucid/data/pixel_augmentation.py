"""Stronger augmentation of photos: zoom, rotation, colour, blur, erasing and mixup, each on a whole batch.

What is done to an image follows from the run's seed, the epoch and the image's index alone, so a resumed run does the
same to the last bit, whoever cuts the batch. Each setting has its own random numbers: switching one on changes no
other.

Shape letters: N training images, B images in the batch, H rows, W columns, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pellucid.ground.seeds import derive_seed

__all__ = ["PixelAugmentation", "mixed"]

GREY = (0.299, 0.587, 0.114)
"""What red, green and blue add to brightness (ITU-R BT.601), as Pillow has it."""
SMALLEST_AREA, LARGEST_AREA = 0.02, 0.33
LARGEST_ASPECT = 3.3
"""Of the rectangle that is erased (Zhong et al. 2017, arXiv:1708.04896)."""


@dataclass(frozen=True, kw_only=True)
class PixelAugmentation:
    """What is done at random to each training image besides flips and shifts; 0 leaves a part of it out.

    Attributes:
        zoom: crop to a part whose sides are up to this share shorter, and enlarge it to the whole.
        rotation: by up to so many degrees to either side; what comes into view is the image reflected at its edge.
        colour: brightness, contrast and saturation change by up to this share.
        blur: with a Gaussian of up to so many pixels of standard deviation.
        erase: the chance that a rectangle becomes the mean colour.
        mixup: the parameter of the beta distribution by which two images are mixed.
        fill: `[C]`, the mean colour, 0 to 255.
        seed: the run's.
        count: N.
    """

    zoom: float = 0.0
    rotation: float = 0.0
    colour: float = 0.0
    blur: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    fill: tuple[float, ...] = ()
    seed: int
    count: int
    _tables: dict[str, tuple[int, NDArray[np.float32]]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def words(self) -> tuple[str, ...]:
        """Name what is done."""
        done = {
            "zoomed": self.zoom,
            "rotated": self.rotation,
            "recoloured": self.colour,
            "blurred": self.blur,
            "partly erased": self.erase,
            "mixed": self.mixup,
        }
        return tuple(name for name, size in done.items() if size)

    def apply(self, images: Tensor, indices: Tensor, epoch: int) -> Tensor:
        """Change images.

        Args:
            images: `[B, H, W, C]` uint8, on any device.
            indices: `[B]` int64 on the CPU, which training images they are.
            epoch: counted from 1.

        Returns:
            `[B, H, W, C]` uint8.
        """
        if not (self.zoom or self.rotation or self.colour or self.blur or self.erase):
            return images
        pixels = images.permute(0, 3, 1, 2).float()
        if self.zoom or self.rotation:
            pixels = _moved(pixels, self.zoom, self.rotation, self._draws("place", 4, indices, epoch, pixels))
        if self.colour:
            pixels = _recoloured(pixels, self.colour, self._draws("colour", 3, indices, epoch, pixels))
        if self.blur:
            pixels = _blurred(pixels, self.blur, self._draws("blur", 1, indices, epoch, pixels))
        if self.erase:
            pixels = _erased(pixels, self.erase, self.fill, self._draws("erase", 5, indices, epoch, pixels))
        return pixels.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)

    def partners(self, indices: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Choose with which image each is mixed, and how much of itself stays (Zhang et al. 2017, arXiv:1710.09412).

        Returns:
            `[B]` int64, indices of training images, and `[B]` float32 from 0.5 to 1; both on the CPU.
        """
        name = "mixup"
        if self._tables.get(name, (0,))[0] != epoch:
            generator = _generator(self.seed, name, epoch)
            shares = generator.beta(self.mixup, self.mixup, self.count)
            others = generator.integers(0, self.count, self.count)
            # The image itself stays the larger part, so that its label is the one that counts as correct.
            self._tables[name] = epoch, np.stack((np.maximum(shares, 1 - shares), others), axis=1)
        table = torch.from_numpy(self._tables[name][1]).index_select(0, indices)
        return table[:, 1].long(), table[:, 0].float()

    def _draws(self, name: str, columns: int, indices: Tensor, epoch: int, like: Tensor) -> Tensor:
        """Give the random numbers of some images in an epoch, `[B, columns]` from 0 to below 1."""
        if self._tables.get(name, (0,))[0] != epoch:
            table = _generator(self.seed, name, epoch).random((self.count, columns), np.float32)
            self._tables[name] = epoch, table
        return torch.from_numpy(self._tables[name][1]).index_select(0, indices).to(like.device)


def mixed(images: Tensor, others: Tensor, shares: Tensor) -> Tensor:
    """Mix two batches of images `[B, H, W, C]` uint8, of the first a share `[B]`; rounded to uint8."""
    weights = shares.to(images.device)[:, None, None, None]
    return (weights * images.float() + (1 - weights) * others.float()).round().to(torch.uint8)


def _generator(seed: int, name: str, epoch: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=derive_seed(seed, "augmentation", name, epoch)))


def _moved(pixels: Tensor, zoom: float, rotation: float, draws: Tensor) -> Tensor:
    """Zoom in on a random place, and rotate: `[B, C, H, W]`."""
    height, width = pixels.shape[2:]
    side = 1 - zoom * draws[:, 0]
    angle = math.radians(rotation) * (2 * draws[:, 1] - 1)
    right, down = (1 - side) * (2 * draws[:, 2] - 1), (1 - side) * (2 * draws[:, 3] - 1)
    cosine, sine = side * angle.cos(), side * angle.sin()
    # Positions from -1 to 1, whatever the numbers of rows and columns are.
    rows = (cosine, -sine * height / width, right, sine * width / height, cosine, down)
    places = torch.stack(rows, dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(places, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _recoloured(pixels: Tensor, colour: float, draws: Tensor) -> Tensor:
    """Change brightness, contrast and saturation, in this order: `[B, C, H, W]`."""
    factors: Tensor = (1 + colour * (2 * draws - 1)).T[:, :, None, None, None]
    brightness, contrast, saturation = factors.unbind()
    pixels = (pixels * brightness).clamp(0, 255)
    grey = _grey(pixels)
    middle = grey.mean(dim=(2, 3), keepdim=True)
    pixels = (middle + (pixels - middle) * contrast).clamp(0, 255)
    if pixels.shape[1] == 1:
        return pixels
    grey = _grey(pixels)
    result: Tensor = (grey + (pixels - grey) * saturation).clamp(0, 255)
    return result


def _grey(pixels: Tensor) -> Tensor:
    if pixels.shape[1] == 1:
        return pixels
    return (pixels * pixels.new_tensor(GREY)[:, None, None]).sum(dim=1, keepdim=True)


def _blurred(pixels: Tensor, blur: float, draws: Tensor) -> Tensor:
    """Blur rows, then columns, each image by its own Gaussian: `[B, C, H, W]`."""
    batch, channels, height, width = pixels.shape
    deviation = (blur * draws).clamp_min(1e-3)
    for size, axis in ((width, 3), (height, 2)):
        radius = min(math.ceil(3 * blur), size - 1)
        offsets = torch.arange(-radius, radius + 1, device=pixels.device)
        kernel = torch.exp(-(offsets**2) / (2 * deviation**2))
        kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
        padding = (radius, radius, 0, 0) if axis == 3 else (0, 0, radius, radius)
        padded = F.pad(pixels, padding, mode="reflect").reshape(1, batch * channels, *_grown(pixels, axis, radius))
        shape = (batch * channels, 1, 1, -1) if axis == 3 else (batch * channels, 1, -1, 1)
        pixels = F.conv2d(padded, kernel.reshape(shape), groups=batch * channels)
        pixels = pixels.reshape(batch, channels, height, width)
    return pixels


def _grown(pixels: Tensor, axis: int, radius: int) -> tuple[int, int]:
    height, width = pixels.shape[2:]
    return (height, width + 2 * radius) if axis == 3 else (height + 2 * radius, width)


def _erased(pixels: Tensor, chance: float, fill: tuple[float, ...], draws: Tensor) -> Tensor:
    """Fill a rectangle of some images: `[B, C, H, W]`."""
    height, width = pixels.shape[2:]
    is_chosen, where_area, where_aspect, down, right = draws.T
    area = SMALLEST_AREA + (LARGEST_AREA - SMALLEST_AREA) * where_area
    aspect = torch.exp(math.log(LARGEST_ASPECT) * (2 * where_aspect - 1))
    rows = (height * (area * aspect).sqrt()).round().clamp(1, height)
    columns = (width * (area / aspect).sqrt()).round().clamp(1, width)
    top, left = ((height - rows + 1) * down).floor(), ((width - columns + 1) * right).floor()
    row, column = (torch.arange(size, device=pixels.device) for size in (height, width))
    in_rows = (row >= top[:, None]) & (row < (top + rows)[:, None])
    in_columns = (column >= left[:, None]) & (column < (left + columns)[:, None])
    inside = in_rows[:, None, :, None] & in_columns[:, None, None, :] & (is_chosen < chance)[:, None, None, None]
    return torch.where(inside, pixels.new_tensor(fill)[:, None, None], pixels)
