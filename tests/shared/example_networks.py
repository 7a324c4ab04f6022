"""The five networks that every trace is tested on, trained and untrained, and some that are hard to follow."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from pellucid.networks import build

OWN_FILE = '''
import torch
import torch.nn.functional as F
from torch import nn

class Functional(nn.Module):
    """Everything but the weights is a function; a residual connection, one layer used twice."""

    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 6, 3, padding=1)
        self.again = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 6).reshape(1, 6, 1, 1))
        self.head = nn.Linear(6 * 16, num_classes)

    def forward(self, x):
        x = F.leaky_relu(self.first(x), 0.1)
        x = x + torch.tanh(self.again(x)) * self.scale
        x = F.avg_pool2d(self.again(x), 2)
        x = F.adaptive_avg_pool2d(torch.sigmoid(x), 4)
        x = F.dropout(x.reshape(x.size(0), -1), 0.2, training=self.training)
        return self.head(x) * 0.5
'''


class Branching(nn.Module):
    """Two branches joined by a concatenation, another added, a ReLU in place, dropout."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.wide = nn.Conv2d(8, 4, 3, padding=2, dilation=2)
        self.narrow = nn.Conv2d(8, 4, 1)
        self.mix = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.relu(self.norm(self.stem(x)))
        y = torch.cat([self.wide(x), self.narrow(x)], 1)
        x = self.relu(F.max_pool2d(self.mix(y) + x, 3, stride=2, padding=1))
        return self.head(self.drop(x.mean((2, 3)).view(x.size(0), -1)))


class Deciding(nn.Module):
    """Which way the forward goes depends on the numbers."""

    def __init__(self):
        super().__init__()
        self.bright, self.dark = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x):
        x = x.flatten(1)
        return self.bright(x) if x.mean() > 0 else self.dark(x)


class Hiding(nn.Module):
    """Leaves torch, so that nobody can follow it."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.from_numpy(x.flatten(1).numpy() * 2.0))


class Sorting(nn.Module):
    """Has an operation without arithmetic in the middle."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(torch.logcumsumexp(self.conv(x).flatten(1), 1))


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout()

    def forward(self, x):
        self.drop(self.norm(self.conv(x)))
        raise RuntimeError("no more")


NAMES = ("simple-cifar", "simple-mnist", "small-resnet", "branching", "own file")


def make(name: str, folder) -> tuple[nn.Module, tuple[int, int, int]]:
    """Return a network with fresh weights, from seed 0, and its input's shape."""
    torch.manual_seed(0)
    if name == "branching":
        return Branching(), (3, 16, 16)
    if name == "own file":
        file = folder / "functional_net.py"
        file.write_text(OWN_FILE)
        return build(f"{file}:Functional", input_shape=(3, 16, 16), classes=4), (3, 16, 16)
    shape = (1, 28, 28) if name == "simple-mnist" else (3, 16, 16)
    return build(name, input_shape=shape, classes=10), shape


def trained(network: nn.Module, shape: tuple[int, int, int], steps: int = 12) -> nn.Module:
    """Take some steps on bright and dark squares, enough that weights and running means have moved."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    network.train()
    for _ in range(steps):
        labels = torch.randint(4, (16,), generator=generator)
        x = torch.randn(16, *shape, generator=generator) + labels[:, None, None, None] - 1.5
        optimizer.zero_grad()
        F.cross_entropy(network(x), labels).backward()
        optimizer.step()
    optimizer.zero_grad()
    return network.eval()
