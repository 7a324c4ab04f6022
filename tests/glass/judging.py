"""Judge what a glass says of a network by autograd and by perturbation of the network itself."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from pellucid.glass import Glass, gradients, look

__all__ = ["judge"]


def autograd_of(network: nn.Module, x: Tensor, upstream: Tensor) -> Tensor | None:
    leaf = x.clone().requires_grad_()
    try:
        output = copy.deepcopy(network)(leaf.clone())
        if not output.requires_grad:
            return torch.zeros_like(x)
        (gradient,) = torch.autograd.grad(output, leaf, upstream, allow_unused=True)
    except RuntimeError:
        return None  # it cannot be differentiated
    return torch.zeros_like(x) if gradient is None else gradient


def perturbed(network: nn.Module, x: Tensor, direction: Tensor, step: float = 1e-6) -> Tensor:
    with torch.no_grad():
        plus = copy.deepcopy(network)(x + step * direction).clone()
        minus = copy.deepcopy(network)(x - step * direction)
    return (plus - minus) / (2 * step)


def judge(network: nn.Module, x: Tensor, units: int = 12, seed: int = 0) -> tuple[int, int, Glass]:
    """Compare values, gradients, traces and feeds; return how many numbers agreed, how many were marked as hidden.

    `x` is `(1, C, H, W)` float64.
    """
    generator = torch.Generator().manual_seed(seed)
    network = network.double().eval()
    glass = look(copy.deepcopy(network), x[0])
    recording = glass.recording
    with torch.no_grad():
        expected = copy.deepcopy(network)(x.clone())
    assert torch.allclose(glass.output.step.value, expected, atol=1e-10)
    agreed, marked = expected.numel(), 0
    upstream = torch.randn(expected.shape, generator=generator, dtype=expected.dtype)
    truth = autograd_of(network, x, upstream)
    follow = gradients(recording, recording.output, upstream)
    if 0 in follow.hidden:
        marked += 1
    elif truth is not None:
        mine = follow.at.get(0, torch.zeros_like(x))
        assert torch.allclose(mine, truth, atol=1e-8), "gradient"
        agreed += x.numel()
    # How the output depends on the pixels, whatever autograd says.
    values = gradients(recording, recording.output, upstream, stopped=False)
    if 0 not in values.hidden:
        direction = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = float((perturbed(network, x, direction) * upstream).sum())
        mine = values.at.get(0, torch.zeros_like(x))
        assert abs(slope - float((mine * direction).sum())) <= 1e-4 * (1 + abs(slope)), "perturbation"
        agreed += 1
    nodes = [node for node in glass if node.step.value.numel() and node.step.value.is_floating_point()]
    for _ in range(units):
        node = nodes[int(torch.randint(len(nodes), (1,), generator=generator))]
        index = tuple(int(torch.randint(size, (1,), generator=generator)) for size in node.shape)
        unit = node[index]
        trace = glass.trace(unit)
        str(trace)
        assert trace.value == float(node.step.value[unit.full_index])
        marked += trace.trace is None
        agreed += trace.trace is not None
        for feed in glass.feeds(unit):
            assert feed.unit.node.step.operation is not None
        path = glass.path(unit, None)
        str(path)
        if path.complete and len(path) and unit.node.step.number in glass.from_image:
            assert path.links[0].unit.node.step.number == 0
            assert path.links[-1].unit.node.name == glass.output.name
    return agreed, marked, glass
