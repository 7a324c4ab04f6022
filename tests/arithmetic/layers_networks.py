"""Networks that are harder to follow than a chain of modules."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Branching(nn.Module):
    """A dense block, a gate, a residual in place, a parameter used directly, a module used twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.second = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)
        self.third = nn.Conv2d(16, 16, 3, stride=2, padding=1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 16, 1), nn.Sigmoid())
        self.norm = nn.BatchNorm2d(16)
        self.scale = nn.Parameter(torch.full((1, 16, 1, 1), 1.5))
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = self.relu(self.first(x))
        x = torch.cat([x, self.second(x)], 1)
        x = self.third(x)
        y = self.norm(x * self.gate(x)) * self.scale
        y += x
        y = F.relu(y, inplace=True)
        left, right = F.dropout(y, 0.25, training=self.training).chunk(2, 1)
        y = torch.cat([right, left], 1)
        y = self.relu(F.max_pool2d(y, 2))
        return self.head(self.drop(y.mean((2, 3)))) / 2


class Deciding(nn.Module):
    """Which way its forward goes depends on the numbers."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
        self.never = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x) if x.sum() <= 0 else self.never(x)


class Shared(nn.Module):
    """One layer, used twice."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(torch.logcumsumexp(self.fc(x), 1).view(x.size(0), -1))


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        self.conv(x)
        raise RuntimeError("no more")
