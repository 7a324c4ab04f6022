"""PyTorch written with care: images in memory as tensors, channels last, pooling before ReLU, fused Adam."""

import torch
import torch.nn.functional as F
from common import StopWatch, cifar10, contest
from torch import Tensor, nn


class CarefulNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(32 * 8 * 8, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def train(watch: StopWatch) -> None:
    images, labels = (torch.from_numpy(array) for array in cifar10())
    network = CarefulNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    while True:
        loss_sum, correct = 0.0, 0
        for indices in torch.randperm(len(images)).split(32):
            pixels = images[indices].permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
            right = labels[indices]
            scores = network(pixels)
            loss = F.cross_entropy(scores, right)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item()
            correct += (scores.argmax(1) == right).sum().item()
            watch.tick()


if __name__ == "__main__":
    contest(train)
