"""The lesson's training on CIFAR-10, written out in plain PyTorch and Pillow: what the benchmark compares with.

    python benchmarks/lesson_script.py FOLDER_WITH_cifar-10-batches-bin

An image at a time, as the lesson does it: a data set that makes a Pillow picture of each, turns it into a tensor with
values 0 to 1, and normalises it to -1 to 1; a DataLoader that puts 32 of them together; convolution, ReLU, pooling;
Adam at 1e-3. The steps from picture to tensor are those of torchvision's ToTensor and Normalize.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

RECORD_BYTES = 1 + 3 * 32 * 32


class ToTensor:
    """A picture as `[C, H, W]` float32, values 0 to 1."""

    def __call__(self, picture: Image.Image) -> Tensor:
        pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
        pixels = pixels.view(picture.height, picture.width, len(picture.getbands()))
        return pixels.permute(2, 0, 1).contiguous().to(torch.get_default_dtype()).div(255)


class Normalize(nn.Module):
    """Subtract a mean and divide by a deviation, channel by channel, in a copy."""

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def forward(self, image: Tensor) -> Tensor:
        image = image.clone()
        mean = torch.as_tensor(self.mean, dtype=image.dtype, device=image.device)
        deviation = torch.as_tensor(self.deviation, dtype=image.dtype, device=image.device)
        if (deviation == 0).any():
            raise ValueError("a deviation is zero")
        return image.sub_(mean.view(-1, 1, 1)).div_(deviation.view(-1, 1, 1))


class Cifar10(Dataset[tuple[Tensor, int]]):
    """The training images of CIFAR-10, from the five files of its binary version."""

    def __init__(self, folder: Path) -> None:
        files = [folder / "cifar-10-batches-bin" / f"data_batch_{number}.bin" for number in range(1, 6)]
        records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, RECORD_BYTES) for file in files])
        self.labels = records[:, 0].tolist()
        self.images = np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))

        self.transforms = [ToTensor(), Normalize((0.5,), (0.5,))]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index])
        for transform in self.transforms:
            picture = transform(picture)
        return picture, self.labels[index]


class LessonNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(32 * 8 * 8, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


def train(data: Dataset[tuple[Tensor, int]], epochs: int = 5, after_step: Callable[[], None] = lambda: None) -> None:
    """Train as the lesson does, printing its lines; `after_step` is there for a stop-watch."""
    loader = DataLoader(data, batch_size=32, shuffle=True)
    network = LessonNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    for epoch in range(1, epochs + 1):
        epoch_loss = recent_loss = 0.0
        correct = total = 0
        for batch, (images, labels) in enumerate(loader, start=1):
            optimizer.zero_grad()
            scores = network(images)
            loss = criterion(scores, labels)
            loss.backward()
            optimizer.step()

            epoch_loss += loss.item()
            recent_loss += loss.item()
            correct += (scores.argmax(1) == labels).sum().item()
            total += len(labels)
            if batch % 100 == 0:
                print(f"[Epoch {epoch}, Batch {batch}] Loss: {recent_loss / 100:.3f}", flush=True)
                recent_loss = 0.0
            after_step()
        print(f"Epoch {epoch}: Loss = {epoch_loss / len(loader):.3f}, Training Accuracy = {correct / total:.2%}")
    print("Training finished.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder that holds cifar-10-batches-bin/")
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    train(Cifar10(arguments.folder), arguments.epochs)
