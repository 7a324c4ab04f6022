"""Networks that hide, overwrite, share and decide: what a glass says of them is right, or marked as not known."""

from __future__ import annotations

import random

import pytest
import torch
from judging import judge
from odd_networks import ODD
from torch import Tensor, nn

from pellucid.arithmetic import summarise
from pellucid.glass import gradients, look
from pellucid.ground.errors import UserError

HIDING = {
    *("scripted_function", "scripted_branch", "scripted_in_place", "numpy_branch", "numpy_writes"),
    *("numpy_shares_memory", "list_detour", "item_factor", "input_detour", "custom_function", "vmapped"),
    *("checkpointed_reentrant", "dynamic_weight", "data_scaled", "data_written"),
}
"""Those whose gradient cannot be told."""


def test_a_network_all_of_which_leaves_torch_is_refused():
    with pytest.raises(UserError, match="cannot be followed"):
        judge(ODD["numpy_detour"](), torch.randn(1, 3, 6, 6, dtype=torch.float64))


@pytest.mark.parametrize("name", [name for name in ODD if name != "numpy_detour"])
def test_what_is_said_of_an_odd_network_is_right_or_marked(name):
    torch.manual_seed(3)
    _, _, glass = judge(ODD[name](), torch.randn(1, 3, 6, 6, dtype=torch.float64))
    hidden = {step.name for step in glass.recording.steps if step.reason}
    if name in HIDING:
        assert hidden
        through = next(step for step in glass.recording.steps if step.reason)
        read = glass.node(through.operands[0])
        unit = read[tuple(0 for _ in read.shape)]
        assert glass.feeds(unit).without_arithmetic
        path = glass.path(glass.top_output())
        # Where another branch is known the chain says that it is one of several.
        assert not path.complete or through.number not in {link.unit.node.step.number for link in path}
        assert through.number in glass.hidden
    elif name not in ("rows", "masked_fill", "boolean_set", "branching", "index_from_image"):
        assert not hidden


class Random(nn.Module):
    """A random row of operations and changes in place on the views of two tensors."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.mix = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        choose = random.Random(self.seed)
        pool = [self.conv(x)]
        pool.append(pool[0] * 1.0)
        for _ in range(choose.randrange(3, 9)):
            y = choose.choice(pool)
            view = self._view(choose, y)
            match choose.randrange(11):
                case 0:
                    view.mul_(choose.uniform(-2, 2))
                case 1:
                    view.add_(1.5)
                case 2:
                    view[...] = 0.5
                case 3:
                    view.copy_(self._view(choose, self.mix(choose.choice(pool)), view.shape))
                case 4:
                    torch.relu_(view)
                case 5:
                    pool.append(torch.relu(y))
                case 6:
                    pool.append(self.mix(y))
                case 7:
                    pool.append(y + choose.choice(pool))
                case 8:
                    pool.append(y.transpose(2, 3))
                case 9:
                    pool.append(y.view(y.shape) if y.is_contiguous() else y.clone())
                case 10:
                    y[:, choose.randrange(3)] = choose.choice(pool)[:, 1] * 2
        return (pool[-1] + pool[0] - choose.choice(pool)).flatten(1)

    @staticmethod
    def _view(choose: random.Random, y: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
        if shape is not None:
            return y[: shape[0], : shape[1], : shape[2], : shape[3]]
        a, b = choose.randrange(2), choose.randrange(2, 4)
        return choose.choice([y, y[:, a : a + 1], y[:, :, a:b], y[..., ::2], y[:, a:b, :, b:], y.transpose(2, 3)])


def compared(seeds: range) -> int:
    numbers = 0
    for seed in seeds:
        torch.manual_seed(seed)
        agreed, _, glass = judge(Random(seed), torch.randn(1, 2, 4, 4, dtype=torch.float64), units=20, seed=seed)
        assert not any(step.reason for step in glass.recording.steps), seed
        numbers += agreed
    return numbers


def test_random_changes_in_place_are_followed():
    assert compared(range(12)) > 500


@pytest.mark.slow
def test_many_random_changes_in_place_are_followed():
    assert compared(range(12, 300)) > 15_000


def test_a_known_branch_beside_a_hidden_one_is_no_whole():
    torch.manual_seed(3)
    glass = look(ODD["scripted_branch"](), torch.randn(3, 6, 6))
    index = tuple(int(at) for at in (glass["relu"].value == glass["relu"].value.max()).nonzero()[0])
    unit = glass["relu"][index]
    path = glass.path(unit)
    assert path.links[-1].unit.node.name == "fc"
    assert not path.complete
    assert "a stronger chain may go through one without (hidden)" in path.remarks[0]
    recording = glass.recording
    follow = gradients(recording, recording.output, torch.ones(1, 5))
    assert 0 in follow.hidden
    assert 0 not in follow.at
    assert 0 in follow.partial
    feeds = glass.feeds(unit)
    assert feeds.without_arithmetic == ("hidden",)
    assert "that can be told, and others behind hidden" in str(feeds)


def test_what_is_hidden_shows_in_the_table_of_layers():
    table = summarise(ODD["numpy_branch"](), (3, 6, 6))
    assert "no arithmetic for outside" in " ".join(table.notes)
    assert "made outside of torch's functions" in " ".join(row.note for row in table.rows)


def test_parameters_that_a_forward_changes_are_put_back():
    class Clamping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(12, 3)

        def forward(self, x: Tensor) -> Tensor:
            self.fc.weight.data.mul_(0.5)
            return self.fc(x.flatten(1))

    network, x = Clamping(), torch.randn(3, 2, 2)
    before, given = network.fc.weight.detach().clone(), x.clone()
    glass = look(network, x)
    glass.trace()
    assert torch.equal(network.fc.weight, before)
    assert torch.equal(x, given)


def test_a_change_of_the_input_leaves_the_callers_image_alone():
    x = torch.randn(3, 6, 6, dtype=torch.float64)
    given = x.clone()
    look(ODD["input_in_place"]().double(), x)
    assert torch.equal(x, given)


def test_hooks_that_are_not_run_are_named():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    network[1].register_forward_hook(lambda *_: None)
    assert "forward hooks are not run here" in str(look(network, torch.randn(3, 2, 2)))
