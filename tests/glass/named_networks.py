"""Networks of the kinds that people use, small enough for tests, with the size of their image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["NAMED"]


class _Residual(nn.Module):
    """A module whose result is added to its input, or to its input through a shortcut."""

    def __init__(self, inner: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.inner, self.shortcut = inner, shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + self.shortcut(x)


class _ChannelsLast(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def convnext(blocks: tuple[int, ...] = (2, 2, 6, 2), widths: tuple[int, ...] = (24, 48, 96, 192)) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, 4), _ChannelsLast(nn.LayerNorm(widths[0]))]
    for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
        if stage:
            layers += [_ChannelsLast(nn.LayerNorm(widths[stage - 1])), nn.Conv2d(widths[stage - 1], width, 2, 2)]
        for _ in range(count):
            mix = _ChannelsLast(
                nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )
            layers.append(_Residual(nn.Sequential(nn.Conv2d(width, width, 7, padding=3, groups=width), mix)))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))


class _ShuffleUnit(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.stride, half = stride, after // 2
        entering = before if stride > 1 else before // 2
        self.left = nn.Sequential(
            nn.Conv2d(before, before, 3, 2, 1, groups=before, bias=False),
            nn.BatchNorm2d(before),
            nn.Conv2d(before, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
        )
        self.right = nn.Sequential(
            nn.Conv2d(entering, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, stride, 1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            kept, changed = x.chunk(2, dim=1)
            y = torch.cat((kept, self.right(changed)), dim=1)
        else:
            y = torch.cat((self.left(x), self.right(x)), dim=1)
        images, channels, height, width = y.shape
        return y.view(images, 2, channels // 2, height, width).transpose(1, 2).contiguous().view(y.shape)


def shufflenet(widths: tuple[int, ...] = (24, 116, 232, 464), repeats: tuple[int, ...] = (4, 8, 4)) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    for before, after, count in zip(widths, widths[1:], repeats, strict=False):
        layers += [_ShuffleUnit(before if unit == 0 else after, after, 2 if unit == 0 else 1) for unit in range(count)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))


def resnet50(width: int = 8) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    before = width
    for stage, count in enumerate((3, 4, 6, 3)):
        inner = width * 2**stage
        for block in range(count):
            stride = 2 if stage and not block else 1
            bottleneck = nn.Sequential(
                nn.Conv2d(before, inner, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inner, 3, stride, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, 4 * inner, 1, bias=False),
                nn.BatchNorm2d(4 * inner),
            )
            shortcut = nn.Sequential(nn.Conv2d(before, 4 * inner, 1, stride), nn.BatchNorm2d(4 * inner))
            layers += [_Residual(bottleneck, None if block else shortcut), nn.ReLU()]
            before = 4 * inner
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


class _Dense(nn.Module):
    def __init__(self, before: int, growth: int, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(before + place * growth),
                nn.ReLU(),
                nn.Conv2d(before + place * growth, 4 * growth, 1, bias=False),
                nn.BatchNorm2d(4 * growth),
                nn.ReLU(),
                nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
            )
            for place in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, dim=1)))
        return torch.cat(features, dim=1)


def densenet(growth: int = 12, counts: tuple[int, ...] = (6, 12, 8)) -> nn.Module:
    width = 2 * growth
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1, bias=False)]
    for stage, count in enumerate(counts):
        layers.append(_Dense(width, growth, count))
        width += count * growth
        if stage + 1 < len(counts):
            layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2)]
            width //= 2
    return nn.Sequential(
        *layers, nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)
    )


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        images, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(images, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(images, tokens, width))


class _ViT(nn.Module):
    def __init__(self, side: int, width: int, blocks: int, heads: int, patch: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.kind = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    _Residual(nn.Sequential(nn.LayerNorm(width), _Attention(width, heads))),
                    _Residual(
                        nn.Sequential(
                            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
                        )
                    ),
                )
                for _ in range(blocks)
            )
        )
        self.norm, self.fc = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.kind.expand(x.shape[0], -1, -1), tokens), dim=1) + self.places
        return self.fc(self.norm(self.blocks(x))[:, 0])


NAMED = {
    "ConvNeXt, 12 blocks": (convnext, 128),
    "ShuffleNet, 116 channels": (shufflenet, 224),
    "ResNet-50": (resnet50, 224),
    "DenseNet, 26 layers": (densenet, 64),
    "ViT, 192 wide, 6 blocks": (lambda: _ViT(224, 192, 6, 3, 16), 224),
    "ViT, 12 wide": (lambda: _ViT(32, 12, 2, 2, 4), 32),
}
"""What makes the network, and the side of its image."""
