"""The lesson's two networks.

Shape letters: B images in the batch, C channels, H rows, W columns, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.ground.errors import UserError
from pellucid.networks.registry import register_network

__all__ = ["SimpleCifar", "SimpleMnist"]


@register_network("simple-cifar", (3, 32, 32), "the lesson's CIFAR-10 network: 2 convolutions, 2 linear layers")
class SimpleCifar(nn.Module):
    """Two 3×3 convolutions, each with ReLU and 2×2 max-pooling, then two fully connected layers.

    268,650 parameters for 3×32×32 images and ten classes. `[B, C, H, W]` float32 in, `[B, K]` logits out.

    Pooling stands before ReLU. Both keep the order of numbers, so either order gives the same result, and
    this one leaves a quarter of the elements for ReLU to touch.

    Raises:
        UserError: the image is smaller than 4×4.

    >>> import torch
    >>> SimpleCifar(input_shape=(3, 32, 32), classes=10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, input_shape: tuple[int, int, int] = (3, 32, 32), classes: int = 10) -> None:
        super().__init__()
        channels, height, width = input_shape
        if min(height, width) < 4:
            raise UserError(
                f"simple-cifar cannot take {height}×{width} images: after its two 2×2 poolings "
                "nothing is left for fc1; expected at least 4×4"
            )
        self.conv1 = nn.Conv2d(channels, 16, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(32 * (height // 4) * (width // 4), 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Turn `[B, C, H, W]` images into a logit for each class: `[B, K]`."""
        x = F.relu(self.pool(self.conv1(x)))
        x = F.relu(self.pool(self.conv2(x)))
        x = x.flatten(start_dim=1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)  # type: ignore[no-any-return]


@register_network("simple-mnist", (1, 28, 28), "the lesson's MNIST network: with batch norm and dropout")
class SimpleMnist(nn.Module):
    """Two 5×5 convolutions with batch normalisation, ReLU and 2×2 max-pooling, then two fully connected layers.

    Dropout stands before each fully connected layer. 582,218 parameters for 1×28×28 images and ten classes.
    `[B, C, H, W]` float32 in, `[B, K]` logits out; the softmax is in the cross-entropy.

    Raises:
        UserError: the image is smaller than 16×16.

    >>> import torch
    >>> SimpleMnist(input_shape=(1, 28, 28), classes=10)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(self, input_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> None:
        super().__init__()
        channels, height, width = input_shape
        if min(height, width) < 16:
            raise UserError(
                f"simple-mnist cannot take {height}×{width} images: its two unpadded 5×5 convolutions and two "
                "2×2 poolings leave nothing for fc1; expected at least 16×16"
            )
        self.conv1 = nn.Conv2d(channels, 32, kernel_size=5)
        self.batch1 = nn.BatchNorm2d(32)
        self.max1 = nn.MaxPool2d(kernel_size=2)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=5)
        self.batch2 = nn.BatchNorm2d(64)
        self.max2 = nn.MaxPool2d(kernel_size=2)
        rows, columns = (((size - 4) // 2 - 4) // 2 for size in (height, width))
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(64 * rows * columns, 512)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Turn `[B, C, H, W]` images into a logit for each class: `[B, K]`."""
        x = F.relu(self.max1(self.batch1(self.conv1(x))))
        x = F.relu(self.max2(self.batch2(self.conv2(x))))
        x = self.dropout1(x.flatten(start_dim=1))
        x = self.dropout2(F.relu(self.fc1(x)))
        return self.fc2(x)  # type: ignore[no-any-return]
