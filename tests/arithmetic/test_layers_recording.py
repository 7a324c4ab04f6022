"""Recording a network: every operation is there with its values, and the network is left as it was."""

from __future__ import annotations

import copy
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from layers_checks import random_index
from layers_networks import Branching, Deciding, Failing, Shared
from torch import nn

from pellucid.arithmetic import record, trace
from pellucid.glass import look
from pellucid.ground.errors import UserError
from pellucid.networks import NETWORKS, build


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", [*NETWORKS, "branching"])
def test_every_step_of_a_network_can_be_traced(name, training):
    torch.manual_seed(7)
    shape = NETWORKS[name].default_input if name in NETWORKS else (3, 12, 12)
    network = build(name, input_shape=shape, classes=10) if name in NETWORKS else Branching()
    recording = record(network, torch.randn(2, *shape), training=training)
    generator = torch.Generator().manual_seed(1)
    for step in recording.steps:
        for operand, value in zip(step.operands, step.inputs, strict=True):
            assert recording.steps[operand].value is value
        if step.is_source:
            continue
        for _ in range(4):
            index = random_index(step.value.shape, generator)
            traced = trace(step.operation, step.inputs, index, output=step.value)
            for term in traced.terms.strongest(3):
                source = traced.terms.source(int(term))
                if source is not None:  # one can walk on from every term
                    operand, place = source
                    before = recording.steps[step.operands[operand]].value
                    assert float(before[place]) == traced.terms.values[term]


def test_the_lessons_network_step_by_step():
    network = build("simple-cifar", input_shape=(3, 32, 32), classes=10)
    x = torch.randn(1, 3, 32, 32)
    recording = record(network, x)
    assert [step.name for step in recording.steps] == [
        "input", "conv1", "pool", "relu", "conv2", "pool_2", "relu_2", "flatten", "fc1", "relu_3", "fc2",
    ]  # fmt: skip
    with torch.no_grad():
        assert torch.equal(recording.steps[recording.output].value, network(x))
        assert torch.equal(recording.steps[3].value, F.relu(network.pool(network.conv1(x))))


def test_values_that_were_changed_in_place_are_shown_as_they_were():
    network, x = Branching().eval(), torch.randn(1, 3, 12, 12)
    recording = record(network, x)
    steps = {step.name: step for step in recording.steps}
    with torch.no_grad():
        assert torch.equal(steps["first"].value, network.first(x))  # before the ReLU in place
        assert torch.equal(steps["relu"].value, F.relu(network.first(x)))
        added = steps["add"]
        assert torch.equal(added.value, added.inputs[0] + added.inputs[1])
        assert torch.equal(recording.steps[recording.output].value, network(x))
    assert added.in_place
    assert steps["scale"].is_source
    assert steps["scale"].parameters[0] is network.scale


def test_parts_of_a_tensor_are_steps_of_their_own():
    steps = record(Branching().eval(), torch.randn(1, 3, 12, 12)).steps
    parts = [step for step in steps if step.label == "chunk"]
    assert [step.name for step in parts] == ["chunk", "chunk_2"]
    joined = next(step for step in steps if step.name == "cat_2")
    assert joined.operands == (parts[1].number, parts[0].number)


def test_the_mask_that_was_drawn_is_kept():
    network = nn.Sequential(nn.ReLU(), nn.Dropout(0.5))
    x = torch.randn(4, 64)
    torch.manual_seed(11)
    recording = record(network, x, training=True)
    after = torch.get_rng_state()
    dropped = recording.steps[2]
    mask = dropped.operation.tensors["mask"]
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(dropped.value, dropped.inputs[0] * mask * 2)
    torch.manual_seed(11)
    expected = network.train()(x)
    assert torch.equal(dropped.value, expected)
    assert torch.equal(torch.get_rng_state(), after)  # as many random numbers were taken as without recording


@pytest.mark.parametrize("fails", [False, True])
def test_a_network_is_left_as_it_was(fails):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    if fails:
        network.append(Failing())
    network.train()
    network[2].eval()
    calls = []
    network.register_forward_hook(lambda *_: calls.append(1))
    before = copy.deepcopy(network.state_dict())
    hooks = [len(module._forward_hooks) for module in network.modules()]
    x = torch.randn(2, 3, 6, 6)
    if fails:
        with pytest.raises(UserError, match=r"Sequential fails on an input of shape \[2, 3, 6, 6\]"):
            record(network, x)
    else:
        record(network, x, training=True)
    assert [module.training for module in network.modules()][:4] == [True, True, True, False]
    assert [len(module._forward_hooks) for module in network.modules()] == hooks
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert calls == []
    assert torch.is_grad_enabled()


def test_a_forward_that_looks_at_values_shows_the_way_it_went():
    recording = record(Deciding(), torch.ones(1, 4))
    assert [step.name for step in recording.steps][-1] == "never"
    assert recording.notes == ("the forward looks at values to decide what to run; shown is what it ran on this input",)


def test_an_operation_without_arithmetic_shows_value_and_inputs():
    recording = record(Shared(), torch.randn(1, 4))
    step = next(step for step in recording.steps if step.label == "logcumsumexp")
    assert step.operation is None
    assert step.reason == "no arithmetic for this operation: logcumsumexp"
    assert torch.equal(step.value, step.inputs[0].logcumsumexp(1))


def test_values_can_stay_connected_for_autograd():
    network = build("simple-cifar", input_shape=(3, 8, 8), classes=4)
    recording = record(network, torch.randn(2, 3, 8, 8), keep_graph=True)
    loss = recording.steps[recording.output].value.square().sum()
    values = [step.value for step in recording.steps[1:]]
    gradients = torch.autograd.grad(loss, values)
    assert [gradient.shape for gradient in gradients] == [value.shape for value in values]


def test_what_is_returned_must_be_a_tensor():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(UserError, match="Pair returns a tuple; expected one tensor"):
        record(Pair(), torch.ones(1, 2))


class Noisy(nn.Module):
    """A function with a backward of its own, and numbers drawn at random."""

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            time.sleep(0.002)  # so that others get their turn
            return x * 2

        @staticmethod
        def backward(context, gradient):
            return gradient * 2

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        x = F.dropout(self.conv(x), 0.5)
        time.sleep(0.001)
        return self.Double.apply(x)


def test_two_threads_record_one_after_the_other():
    """Each gets what it gets alone, and the random generator is left as it was."""
    network, images = Noisy().train(), torch.rand(8, 1, 1, 6, 6)
    torch.manual_seed(3)
    alone = [look(network, image[0], training=True).output.step.value for image in images]
    state = torch.get_rng_state()
    for _ in range(3):
        with ThreadPoolExecutor(4) as threads:
            glasses = list(threads.map(lambda image: look(network, image[0], training=True), images))
        assert [step.name for step in glasses[0].recording.steps] == ["input", "conv", "dropout", "Double"]
        assert all(len(glass.recording.steps) == 4 for glass in glasses)
        assert all(torch.equal(glass.output.step.value, value) for glass, value in zip(glasses, alone, strict=True))
        assert torch.equal(torch.get_rng_state(), state)


def test_what_another_thread_runs_is_not_recorded():
    """Another network that runs at the same time keeps its functions to itself."""
    network, other, x = Noisy(), Noisy(), torch.rand(1, 1, 6, 6)
    stop = threading.Event()

    def run():
        while not stop.is_set():
            other(x)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        lengths = {len(record(network, x).steps) for _ in range(20)}
    finally:
        stop.set()
        thread.join()
    assert lengths == {4}
