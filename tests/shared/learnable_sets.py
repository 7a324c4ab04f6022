"""Images that a network learns in seconds, in the official layout of MNIST."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

TINY_NETWORK = '''
from torch import nn

class TinyNet(nn.Sequential):
    def __init__(self, in_channels, num_classes):
        super().__init__(
            nn.Conv2d(in_channels, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
            nn.Flatten(), nn.Dropout(0.1), nn.Linear(128, num_classes),
        )

class PlainNet(nn.Sequential):
    """No dropout and no batch normalisation: what several processes compute is what one does."""

    def __init__(self, in_channels, num_classes):
        super().__init__(
            nn.Conv2d(in_channels, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
            nn.Flatten(), nn.Linear(128, num_classes),
        )
'''


def write_learnable_mnist(folder: Path, train: int = 640, test: int = 100) -> None:
    """Class k has a bright 5×5 block at place k of a 4×3 grid, on noise."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(7)
    for prefix, count in (("train", train), ("t10k", test)):
        labels = generator.permutation(np.arange(count) % 10).astype(np.uint8)
        images = generator.integers(0, 100, (count, 28, 28), np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 3)
            image[2 + 6 * row : 7 + 6 * row, 3 + 8 * column : 8 + 8 * column] += 120
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels.tobytes())
