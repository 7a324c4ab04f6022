"""The windows that pages light up, compared with what autograd finds that units depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from web_modules import NO_NODE, NODE, in_node

from pellucid.arithmetic import record
from pellucid.web import outline_of

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)

SIDE = 13
PIXELS = [(0, 0), (6, 5), (12, 12), (3, 11)]


class Gated(nn.Module):
    """A branch that skips two convolutions, and one that scales every value by the whole map's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.gate = nn.Conv2d(4, 4, 1)
        self.last = nn.Conv2d(8, 2, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        y = y + self.second(torch.tanh(y))
        joined = torch.cat([y, torch.sigmoid(y)], 1)
        out = self.last(joined)
        return out * self.gate(y.mean((2, 3), keepdim=True))[:, :2]


NETWORKS = {
    "windows": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(4, 6, 3, groups=2)
    ),
    "strides": lambda: nn.Sequential(nn.Conv2d(2, 4, (2, 3), stride=(3, 2)), nn.Conv2d(4, 4, 3, dilation=2, padding=2)),
    "largest": lambda: nn.Sequential(nn.Conv2d(2, 4, 5), nn.MaxPool2d(2, stride=1), nn.ReLU(), nn.Flatten()),
    "adaptive": lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.AdaptiveAvgPool2d(5), nn.Tanh()),
    "branches": Gated,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_lit_is_what_autograd_finds(name: str) -> None:
    torch.manual_seed(1)
    network = NETWORKS[name]().eval()
    x = torch.randn(1, 2, SIDE, SIDE, requires_grad=True)
    recording = record(network, x, training=False, keep_graph=True)
    random = np.random.default_rng(2)
    units = [
        {"node": step.number, "index": [int(random.integers(size)) for size in step.value.shape]}
        for step in recording.steps
        if step.operation is not None
        for _ in range(6)
    ]
    document = {"plan": outline_of(recording), "units": units, "pixels": PIXELS}
    said = in_node(Path(__file__).with_name("fields.mjs"), document)
    known = 0
    for unit, boxes in zip(units, said["inputs"], strict=True):
        step = recording.steps[unit["node"]]
        for box in boxes:
            if len(step.operands) > 1:  # autograd would add what reaches the operand through the other one
                place = tuple(box[side] for side in ("top", "bottom", "left", "right"))
                assert place == tuple(np.repeat(unit["index"][2:], 2))
                assert box["maps"] == [unit["index"][1]] * 2
                continue
            depends = _depends(step, tuple(unit["index"]), box["node"])
            if depends is None:
                continue
            maps, rows, columns = np.nonzero(depends[0])
            assert box["maps"][0] <= maps.min() <= maps.max() <= box["maps"][1]
            assert box["top"] <= rows.min() <= rows.max() <= box["bottom"]
            assert box["left"] <= columns.min() <= columns.max() <= box["right"]
            if step.operation.kind == "conv2d":
                assert (rows.min(), rows.max(), columns.min(), columns.max()) == tuple(
                    box[side] for side in ("top", "bottom", "left", "right")
                )
                assert (maps.min(), maps.max()) == tuple(box["maps"])
            known += 1
    assert known > 10
    for pixel, boxes in zip(PIXELS, said["readers"], strict=True):
        _check_readers(network, x, pixel, boxes)
    if name == "branches":
        gated = next(step.number for step in recording.steps if step.operation and step.operation.kind == "multiply")
        assert all(box["node"] != gated for boxes in said["readers"] for box in boxes), "it sees the whole image"


def test_a_wide_network_is_folded_into_its_blocks_and_none_is_lost() -> None:
    block = nn.Sequential(*(nn.Sequential(*(nn.Conv2d(2, 2, 1) for _ in range(8))) for _ in range(6)))
    recording = record(block.eval(), torch.randn(1, 2, 4, 4), training=False)
    said = in_node(
        Path(__file__).with_name("fields.mjs"), {"plan": outline_of(recording), "units": [], "pixels": [(0, 0)]}
    )
    members = [number for group in said["folded"] for number in group["members"]]
    steps = [step.number for step in recording.steps if not step.is_source or step.number == 0]
    assert members == steps
    assert [group["name"] for group in said["folded"]] == ["input", *map(str, range(6))]


def _depends(step: Any, index: tuple[int, ...], operand: int) -> np.ndarray | None:
    (position,) = (at for at, number in enumerate(step.operands) if number == operand)
    source = step.inputs[position]
    if not source.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(step.value[index], source, retain_graph=True, allow_unused=True)
    return None if gradient is None or not gradient.any() else (gradient != 0).numpy()


def _check_readers(network: nn.Module, x: Tensor, pixel: tuple[int, int], boxes: list[dict[str, Any]]) -> None:
    """Change the pixel, and see where other layers change."""
    changed = x.detach().clone()
    changed[:, :, pixel[0], pixel[1]] += 3
    with torch.no_grad():
        before = record(network, x, training=False)
        after = record(network, changed, training=False)
    for box in boxes:
        one, other = (recording.steps[box["node"]].value for recording in (before, after))
        rows, columns = np.nonzero((one != other).any(dim=1)[0].numpy())
        if len(rows):
            assert box["top"] <= rows.min() <= rows.max() <= box["bottom"], box
            assert box["left"] <= columns.min() <= columns.max() <= box["right"], box
