"""Random stacks of layers, and what their units really depend on, found by autograd."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

SIZE = 13

Layer = Callable[[Tensor], Tensor]


class Stack(nn.Module):
    """Layers one after the other; `smooth` puts means in the place of maxima and leaves out ReLU."""

    def __init__(self, generator: random.Random, depth: int) -> None:
        super().__init__()
        self.smooth = False
        self.weights = nn.ModuleList()
        self.generator = generator
        self.layers: list[Layer] = []
        x = torch.zeros(1, 2, SIZE, SIZE)
        while len(self.layers) < depth:
            make = generator.choice(MAKERS)
            count = len(self.weights)
            try:
                layer = make(self, x)
                with torch.no_grad():
                    result = layer(x)
                if result.shape[1] > 12 or max(result.shape[2:]) > 40 or min(result.shape[2:]) < 1:
                    raise RuntimeError("too large")
            except (RuntimeError, ValueError):
                del self.weights[count:]
                continue
            x = result
            self.layers.append(layer)
        for parameter in self.parameters():
            with torch.no_grad():
                parameter.uniform_(0.5, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def keep(self, module: nn.Module) -> nn.Module:
        self.weights.append(module)
        return module


def depends(stack: Stack, index: tuple[int, ...]) -> NDArray[np.bool_]:
    """Mark the pixels with a gradient in 64 bits, of positive weights, means and no ReLU."""
    stack.double().smooth = True
    x = torch.rand(1, 2, SIZE, SIZE, dtype=torch.float64).requires_grad_()
    try:
        (gradient,) = torch.autograd.grad(stack(x)[(0, *index)], x, allow_unused=True)
    finally:
        stack.float().smooth = False
    if gradient is None:
        return np.zeros((SIZE, SIZE), dtype=bool)
    return np.asarray((gradient[0] != 0).any(0))


def _convolution(stack: Stack, x: Tensor) -> Layer:
    g, channels = stack.generator, x.shape[1]
    groups = g.choice([1, 1, channels, *([2] if channels % 2 == 0 else [])])
    kernel = (g.randint(1, 4), g.randint(1, 4))
    mode = g.choice(["zeros", "zeros", "circular", "reflect", "replicate"])
    return stack.keep(
        nn.Conv2d(
            channels,
            groups * g.randint(1, 3),
            kernel,
            (g.randint(1, 3), g.randint(1, 2)),
            (g.randint(0, 3), g.randint(0, 2)),
            g.randint(1, 2),
            groups,
            padding_mode=mode,
        )
    )


def _transposed(stack: Stack, x: Tensor) -> Layer:
    g, channels = stack.generator, x.shape[1]
    groups = g.choice([1, channels])
    stride = g.randint(1, 3)
    return stack.keep(
        nn.ConvTranspose2d(
            channels,
            groups * g.randint(1, 2),
            g.randint(1, 4),
            stride,
            g.randint(0, 2),
            g.randint(0, stride - 1),
            groups,
        )
    )


def _pool(stack: Stack, x: Tensor) -> Layer:
    kernel, ceil = stack.generator.randint(2, 4), stack.generator.random() < 0.5
    stride, padding = stack.generator.randint(1, 3), stack.generator.randint(0, kernel // 2)

    def pool(x: Tensor) -> Tensor:
        if stack.smooth:
            return F.avg_pool2d(x, kernel, stride, padding, ceil)
        return F.max_pool2d(x, kernel, stride, padding, 1, ceil)

    return pool


def _adaptive(stack: Stack, x: Tensor) -> Layer:
    size = (stack.generator.randint(1, 9), stack.generator.randint(1, 9))
    return lambda x: F.adaptive_avg_pool2d(x, size)


def _enlarge(stack: Stack, x: Tensor) -> Layer:
    if stack.generator.random() < 0.5:
        size = (stack.generator.randint(3, 20), stack.generator.randint(3, 20))
        return nn.Upsample(size=size)
    return nn.Upsample(scale_factor=2)


def _pad(stack: Stack, x: Tensor) -> Layer:
    sides = [stack.generator.randint(0, 3) for _ in range(4)]
    mode = stack.generator.choice(["constant", "circular", "reflect", "replicate"])
    # Not zero, as a product with zero depends on nothing.
    return lambda x: F.pad(x, sides, mode=mode, value=0.5 if mode == "constant" else None)


def _exchange(stack: Stack, x: Tensor) -> Layer:
    axis = stack.generator.randint(1, 3)
    if x.shape[axis] < 2:
        raise ValueError
    return lambda x: torch.cat(list(reversed(x.chunk(2, dim=axis))), dim=axis)


def _shuffle(stack: Stack, x: Tensor) -> Layer:
    channels = x.shape[1]
    if channels % 2:
        raise ValueError
    return lambda x: x.view(1, 2, channels // 2, *x.shape[2:]).transpose(1, 2).reshape(x.shape)


def _slice(stack: Stack, x: Tensor) -> Layer:
    start, step = stack.generator.randint(0, 2), stack.generator.randint(1, 2)
    return stack.generator.choice([lambda x: x[:, :, start::step], lambda x: x[..., start:], lambda x: x[:, ::step]])


def _turn(stack: Stack, x: Tensor) -> Layer:
    return stack.generator.choice(
        [lambda x: x.transpose(2, 3), lambda x: x.permute(0, 1, 3, 2), lambda x: x.repeat(1, 1, 1, 2)]
    )


def _mean(stack: Stack, x: Tensor) -> Layer:
    axis = stack.generator.randint(1, 3)
    return stack.generator.choice([lambda x: x.mean(axis, keepdim=True), lambda x: x + x.mean(axis, keepdim=True)])


def _fold(stack: Stack, x: Tensor) -> Layer:
    """Cut the image into rows of other lengths and make an image of them again."""
    return lambda x: x.flatten(2).reshape(1, x.shape[1], x.shape[3], x.shape[2])


def _residual(stack: Stack, x: Tensor) -> Layer:
    g, channels = stack.generator, x.shape[1]
    kernel = 2 * g.randint(0, 2) + 1
    inner = stack.keep(
        nn.Conv2d(channels, channels, (kernel, 1), padding=(kernel // 2, 0), groups=g.choice([1, channels]))
    )
    return lambda x: x + F.relu(inner(x)) if not stack.smooth else x + inner(x)


def _branches(stack: Stack, x: Tensor) -> Layer:
    channels = x.shape[1]
    wide = stack.keep(nn.Conv2d(channels, 2, (1, 5), padding=(0, 2)))
    tall = stack.keep(nn.Conv2d(channels, 2, (5, 1), stride=(2, 2), padding=(2, 0)))
    return lambda x: torch.cat([wide(x), nn.functional.interpolate(tall(x), size=x.shape[2:])], dim=1)


def _linear(stack: Stack, x: Tensor) -> Layer:
    return stack.keep(nn.Linear(x.shape[3], stack.generator.randint(2, 6)))


def _calm(x: Tensor) -> Tensor:
    """Bring any values between -1 and 1, so that no exponential overflows."""
    return x / (1 + x.abs())


def _smooth_enlargement(stack: Stack, x: Tensor) -> Layer:
    g = stack.generator
    size, mode, align = (g.randint(3, 20), g.randint(3, 20)), g.choice(["bilinear", "bicubic"]), g.random() < 0.5
    return lambda x: F.interpolate(x, size=size, mode=mode, align_corners=align)


def _attention(stack: Stack, x: Tensor) -> Layer:
    causal = stack.generator.random() < 0.5
    return stack.generator.choice(
        [
            lambda x: F.scaled_dot_product_attention(_calm(x), _calm(x), x, is_causal=causal),
            lambda x: F.scaled_dot_product_attention(_calm(x.transpose(2, 3)), _calm(x.transpose(2, 3)), x.mT),
        ]
    )


def _product(stack: Stack, x: Tensor) -> Layer:
    return stack.generator.choice(
        [
            lambda x: _calm(x) @ _calm(x).transpose(2, 3),
            lambda x: torch.einsum("nchw,nchv->nchv", _calm(x), _calm(x)),
            lambda x: torch.einsum("nchw,ndhw->ncdw", _calm(x), _calm(x)),
        ]
    )


def _reduced(stack: Stack, x: Tensor) -> Layer:
    axis = stack.generator.randint(1, 3)
    noise = torch.rand(x.shape)  # the direction of two equal numbers does not change with them

    def largest(x: Tensor) -> Tensor:
        return x.mean(axis, keepdim=True) if stack.smooth else x.amax(axis, keepdim=True)

    return stack.generator.choice(
        [
            largest,
            lambda x: x.sum(axis, keepdim=True) + x,
            lambda x: _calm(x).logsumexp(axis, keepdim=True) * x,
            lambda x: F.normalize(_calm(x) + noise.to(x), dim=axis),
            lambda x: (_calm(x) * noise.to(x)).softmax(axis),
        ]
    )


def _normalised(stack: Stack, x: Tensor) -> Layer:
    channels = x.shape[1]
    return stack.keep(
        stack.generator.choice(
            [
                lambda: nn.GroupNorm(1, channels),
                lambda: nn.InstanceNorm2d(channels, affine=True),
                lambda: nn.BatchNorm2d(channels),
                lambda: nn.LayerNorm(list(x.shape[3:])),
                lambda: nn.LocalResponseNorm(3),
            ]
        )()
    )


def _overwritten(stack: Stack, x: Tensor) -> Layer:
    way, axis = stack.generator.randint(0, 3), stack.generator.randint(1, 3)

    def change(x: Tensor) -> Tensor:
        y = x * 1.0
        if way == 0:
            y[:, :, 1:3] = 0.5
        elif way == 1:
            y[:, :, :, 0] = x[:, :, :, -1] * 2
        elif way == 2:
            y.narrow(axis, 0, 1).mul_(3)
        else:
            y[:, :1, ::2, 1:] = x[:, :1, ::2, :-1]
        return y

    return change


def _gated(stack: Stack, x: Tensor) -> Layer:
    axis = stack.generator.randint(1, 3)
    if x.shape[axis] % 2:
        raise ValueError
    return lambda x: F.glu(_calm(x), axis)


def _scanned(stack: Stack, x: Tensor) -> Layer:
    axis = stack.generator.randint(1, 3)
    return lambda x: x.cumsum(axis)


def _moved(stack: Stack, x: Tensor) -> Layer:
    axis, shift = stack.generator.randint(1, 3), stack.generator.randint(-3, 3)
    return stack.generator.choice(
        [
            lambda x: x.roll(shift, axis),
            lambda x: x.flip(axis),
            lambda x: torch.stack([x, x * 2], dim=axis).flatten(axis, axis + 1),
            lambda x: F.pixel_shuffle(x, 2),
            lambda x: F.pixel_unshuffle(x, 2),
            lambda x: x.unfold(2, 3, 2).mean(-1),
            lambda x: x.unbind(1)[0][:, None].expand(-1, 2, -1, -1),
            lambda x: x.repeat_interleave(2, dim=axis),
            lambda x: x.where(x > -1e9, x * 2),
        ]
    )


MAKERS: list[Callable[[Stack, Tensor], Layer]] = [
    _smooth_enlargement,
    _attention,
    _product,
    _reduced,
    _normalised,
    _overwritten,
    _gated,
    _scanned,
    _moved,
    _moved,
    _moved,
    _convolution,
    _convolution,
    _convolution,
    _transposed,
    _pool,
    _pool,
    _adaptive,
    _enlarge,
    _pad,
    _exchange,
    _shuffle,
    _slice,
    _turn,
    _mean,
    _fold,
    _residual,
    _residual,
    _branches,
    _linear,
]
