"""A small residual network, wide and shallow so that few epochs on a plain CPU suffice."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid.ground.errors import UserError
from pellucid.networks.registry import register_network

__all__ = ["SmallResnet"]


def _convolution(channels_in: int, channels_out: int, *, halve: bool = False) -> nn.Sequential:
    """3×3 convolution, 2×2 max-pooling if asked, batch normalisation, ReLU.

    `[B, C_in, H, W]` to `[B, C_out, H, W]`, or `[B, C_out, H/2, W/2]`. Pooling comes before normalisation, which then
    has a quarter of the elements to go through.
    """
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False),
        *([nn.MaxPool2d(kernel_size=2)] if halve else []),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class ResidualBlock(nn.Module):
    """`x + g(f(x))`, where f and g are convolutions of the same width (He et al. 2015, arXiv:1512.03385).

    `[B, C, H, W]` in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = _convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add to `x` what the two convolutions make of it."""
        return x + self.second(self.first(x))  # type: ignore[no-any-return]


@register_network("small-resnet", (3, 32, 32), "a small residual network, for more than 90 % accuracy on CIFAR-10")
class SmallResnet(nn.Module):
    """Three stages, each a convolution that widens and halves, then a residual block.

    1.1 million parameters for 3×32×32 images and ten classes. `[B, C, H, W]` float32 in, `[B, K]` logits out. Wide and
    shallow, as David Page's ResNet-9 is ("How to train your ResNet", 2018), at three eighths of its width.

    Raises:
        UserError: the image is smaller than 8×8.

    >>> import torch
    >>> SmallResnet(input_shape=(3, 32, 32), classes=10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    WIDTHS = (48, 96, 192)

    def __init__(self, input_shape: tuple[int, int, int] = (3, 32, 32), classes: int = 10) -> None:
        super().__init__()
        channels, height, width = input_shape
        if min(height, width) < 8:
            raise UserError(
                f"small-resnet cannot take {height}×{width} images: three 2×2 poolings leave nothing for "
                "stage3; expected at least 8×8"
            )
        first, second, third = self.WIDTHS
        self.stem = _convolution(channels, first // 2)
        self.stage1 = self._stage(first // 2, first)
        self.stage2 = self._stage(first, second)
        self.stage3 = self._stage(second, third)
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.classify = nn.Linear(third, classes)

    @staticmethod
    def _stage(channels_in: int, channels_out: int) -> nn.Sequential:
        return nn.Sequential(_convolution(channels_in, channels_out, halve=True), ResidualBlock(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """Turn `[B, C, H, W]` images into a logit for each class: `[B, K]`."""
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        x = self.pool(x).flatten(start_dim=1)
        # An eighth: the sum over 192 features starts out large, and large logits saturate the softmax early.
        return self.classify(x) * 0.125  # type: ignore[no-any-return]
