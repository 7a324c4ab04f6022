"""Receptive fields: boxes hold all that a unit depends on, and call themselves exact only where they are."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from random_stacks import SIZE, Stack, depends
from torch import Tensor, nn

from pellucid.arithmetic import rule_of
from pellucid.arithmetic.positions import Positions
from pellucid.glass import box_of, look
from pellucid.glass.receptive_field import Box


def _judge(seeds: range) -> int:
    exact = 0
    for seed in seeds:
        torch.manual_seed(seed)
        generator = random.Random(seed)
        stack = Stack(generator, generator.randint(1, 7)).eval()
        output = look(stack, torch.rand(2, SIZE, SIZE)).output
        for _ in range(3):
            index = tuple(generator.randrange(size) for size in output.shape)
            box, marked = box_of(output[index]), depends(stack, index)
            assert box is not None
            rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
            true = Box(0, 0, 0, 0)
            if len(rows):
                true = Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
            allowed = box if box.statistics is None else box.union(box.statistics)
            assert allowed.contains(true), (seed, index)
            if box.exact and box.statistics is None:
                assert true.contains(box), (seed, index)
                exact += 1
    return exact


def test_random_stacks() -> None:
    """No gradient lies outside a box, and most boxes are known exactly."""
    assert _judge(range(40)) > 60


@pytest.mark.slow
def test_many_random_stacks() -> None:
    """The same of many more."""
    assert _judge(range(1000, 1400)) > 600


@pytest.mark.parametrize(
    ("layer", "index", "said"),
    [
        (nn.Conv2d(3, 2, 3, padding=1, padding_mode="circular"), (0, 0, 0), "rows 0 to 15, columns 0 to 15"),
        (nn.Conv2d(3, 2, 4, padding="same", padding_mode="reflect"), (0, 15, 15), "rows 13 to 15, columns 13 to 15"),
        (nn.ReflectionPad2d(2), (0, 0, 0), "row 2, column 2"),
        (nn.ZeroPad2d(2), (0, 0, 0), "no pixel"),
        (nn.ConvTranspose2d(3, 2, 2, 2), (0, 5, 5), "row 2, column 2"),
        (nn.ConvTranspose2d(3, 2, 1, 2), (0, 5, 5), "no pixel"),
        (nn.AdaptiveAvgPool2d(5), (0, 2, 2), "rows 6 to 9, columns 6 to 9"),
        (nn.Sequential(nn.Conv2d(3, 2, 2, 3), nn.AdaptiveAvgPool2d(1)), (0, 0, 0), "rows 0 to 13, columns 0 to 13"),
    ],
)
def test_layers(layer: nn.Module, index: tuple[int, ...], said: str) -> None:
    """Padding that copies pixels, holes, windows of different sizes, and rows that nothing reads."""
    assert str(box_of(look(layer, torch.rand(3, 16, 16)).output[index])) == said


@pytest.mark.parametrize("norm", [nn.GroupNorm(2, 4), nn.BatchNorm2d(4), nn.LayerNorm([4, 14, 14])])
def test_statistics_of_the_image_itself(norm: nn.Module) -> None:
    """The window and what the mean and the variance add are said apart."""
    glass = look(nn.Sequential(nn.Conv2d(3, 4, 3), norm), torch.rand(3, 16, 16), training=True)
    box = box_of(glass.output[0, 5, 5])
    assert str(box) == (
        "rows 5 to 7, columns 5 to 7; and, through the mean and variance, rows 0 to 15, columns 0 to 15"
    )
    assert str(glass.trace("1[0,5,5]").receptive_field) == str(box)


def _alone(x: Tensor) -> Tensor:
    return x[:, :1]


@pytest.mark.parametrize(
    "vanish",
    [
        lambda x: F.layer_norm(x[..., None], (1,)).squeeze(-1),
        lambda x: F.layer_norm(_alone(x).permute(0, 2, 3, 1), (1,)),
        lambda x: F.group_norm(torch.cat([x[:, :, :1, :1]] * 2), 4)[:1],
        lambda x: _alone(x).var(1, correction=0),
        lambda x: _alone(x).std(1, correction=0, keepdim=True),
        lambda x: torch.var_mean(_alone(x), 1, correction=0)[0],
        lambda x: _alone(x).softmax(1),
        lambda x: x - x,
        lambda x: x / x,
        lambda x: torch.fmod(x, x),
    ],
)
def test_what_cancels_out_is_not_called_exact(vanish: Callable[[Tensor], Tensor]) -> None:
    """A number minus its own mean is zero, whatever it is: the box may be too large, and says so."""

    class Vanishing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return vanish(self.conv(x))

    network, image = Vanishing(), torch.rand(1, 3, 8, 8, requires_grad=True)
    output = look(network, image[0].detach()).output
    unit = output[tuple(size // 2 for size in output.shape)]
    (gradient,) = torch.autograd.grad(network(image)[unit.full_index], image)
    assert gradient.abs().max() < 1e-5
    box = box_of(unit)
    assert box is not None
    assert not box.exact


@pytest.mark.parametrize(
    "keep",
    [
        lambda x: torch.cat([x, x], 1),
        lambda x: F.rms_norm(_alone(x).permute(0, 2, 3, 1), (1,), eps=1.0),
        lambda x: _alone(x).norm(dim=1),
        lambda x: x[:, :2].var(1),
        lambda x: F.layer_norm(x[:, :2].permute(0, 2, 3, 1), (2,)),
        lambda x: F.batch_norm(x[:, :, :1, :1], torch.zeros(4), torch.ones(4)),
    ],
)
def test_what_does_not_cancel_out_is_exact(keep: Callable[[Tensor], Tensor]) -> None:
    """Copies side by side, a root mean square, statistics of several numbers, statistics that were kept."""

    class Keeping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return keep(x)

    output = look(Keeping(), torch.rand(4, 8, 8)).output
    box = box_of(output[tuple(size // 2 for size in output.shape)])
    assert box is not None
    assert box.exact


def test_unknown_operation() -> None:
    """Nobody knows what it reads, so that the box is the whole image, and not called exact."""

    class Sorted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.fft.fft2(x).real

    box = box_of(look(Sorted(), torch.rand(3, 8, 8)).output[0, 1, 1])
    assert str(box) == "at most rows 0 to 7, columns 0 to 7"


def test_a_rule_that_reads_too_little_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the box is shown, a gradient outside makes it larger, and it says so."""
    glass = look(nn.Sequential(nn.Conv2d(3, 4, 3)), torch.rand(3, 16, 16))
    operation = glass["0"].step.operation
    assert operation is not None
    monkeypatch.setattr(type(rule_of(operation)), "reads", lambda *_: (Positions.at((0, 0, 5, 5), (1, 3, 16, 16)),))
    shown = glass.trace("0[0,5,5]").receptive_field
    assert shown is not None
    assert (shown.corrected, shown.exact) == (True, False)
    assert shown.contains(Box(5, 8, 5, 8))


def test_depth_costs_no_more_than_its_steps() -> None:
    """Branches that join again are walked once, not once for each way through them."""

    class Doubling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(nn.Linear(6, 6) for _ in range(40))

        def forward(self, x: Tensor) -> Tensor:
            for block in self.blocks:
                x = x + F.gelu(block(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
            return x

    glass = look(Doubling(), torch.rand(6, 8, 8))
    started = time.perf_counter()
    assert str(box_of(glass.output[3, 2, 5])) == "row 2, column 5"
    assert time.perf_counter() - started < 2
