"""From stored pixels to what a network sees: the part of a run that every later use of it must repeat exactly."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.pixel_range import PixelRange

__all__ = ["Preprocessing", "channel_statistics"]

PIXELS_AT_ONCE = 2**22


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes a network's input: size, channels, fit, then `(pixel / 255 - mean) / std` per channel."""

    height: int
    width: int
    channels: int
    fit: str
    """How an image of another size is brought to this one: `stretch`, `crop` or `pad`."""
    mean: tuple[float, ...]
    """One value a channel, in units of the full range (0 black, 1 white)."""
    std: tuple[float, ...]
    pixel_range: PixelRange | None = None
    """Which values of a picture of more than 8 bits are black and white; None where the training images had none."""

    def __post_init__(self) -> None:
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError(
                f"{len(self.mean)} means and {len(self.std)} standard deviations for {self.channels} channels"
            )
        if min(self.std) <= 0:
            raise ValueError(f"a standard deviation is {min(self.std)}; expected more than 0")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """`(C, H, W)`, the order in which networks state their input."""
        return self.channels, self.height, self.width

    @property
    def values(self) -> int:
        """How many values an input has."""
        return self.channels * self.height * self.width

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise `[B, H, W, C]` uint8 pixels to `[B, C, H, W]` float32, channels last in memory.

        >>> half = Preprocessing(height=1, width=1, channels=1, fit="none", mean=(0.5,), std=(0.5,))
        >>> half(torch.tensor([[[[0]]], [[[255]]]], dtype=torch.uint8)).flatten()
        tensor([-1.,  1.])
        """
        scale, shift = _scale_and_shift(self.mean, self.std, images.device)
        return images.to(torch.float32).mul_(scale).add_(shift).permute(0, 3, 1, 2)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Preprocessing:
        """Read what `to_dict` gave."""
        limits = fields.get("pixel_range")
        known = {"mean": tuple(fields["mean"]), "std": tuple(fields["std"]), "pixel_range": limits and tuple(limits)}
        return cls(**{**fields, **known})


@functools.lru_cache(maxsize=32)
def _scale_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor] | tuple[float, float]:
    """Give what a value is multiplied by, and what is added then: `[C]` float32 each, or two numbers for all channels.

    They are kept, for on a GPU it would wait in every step for them to arrive.
    """
    scale = [1 / (255 * deviation) for deviation in std]
    shift = [-average / deviation for average, deviation in zip(mean, std, strict=True)]
    if len(set(scale)) == len(set(shift)) == 1:  # the same for all channels: no broadcasting to pay for
        return scale[0], shift[0]
    with torch.inference_mode(False):  # they serve training, too, whoever asks first
        both = torch.tensor([scale, shift], dtype=torch.float32, device=device)
        return both[0], both[1]


def channel_statistics(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measure mean and standard deviation of each channel of `[N, H, W, C]` uint8 pixels, full range = 1.

    The sums are exact integers, in blocks, so that a memory-mapped array larger than memory is read once. A
    channel of one single value gets standard deviation 1, since there is nothing to scale.

    >>> channel_statistics(np.array([0, 255], np.uint8).reshape(2, 1, 1, 1))
    ((0.5,), (0.5,))
    """
    values = np.arange(256, dtype=np.float64) / 255
    block = max(1, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]))
    means, deviations = [], []
    for channel in range(images.shape[3]):
        counts = np.zeros(256, np.int64)
        for start in range(0, len(images), block):
            counts += np.bincount(images[start : start + block, :, :, channel].ravel(), minlength=256)
        mean = float(counts @ values / counts.sum())
        deviation = float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()))
        means.append(mean)
        deviations.append(deviation or 1.0)
    return tuple(means), tuple(deviations)
