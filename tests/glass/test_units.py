"""Every unit of five networks, trained and untrained, in both modes: recomputed and by the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from example_networks import NAMES, make, trained

from pellucid.glass import look


def check_layer(node, indices) -> None:
    x = {source.name: source.step.value for source in node.inputs}
    for index in indices:
        unit = node[tuple(int(position) for position in index)]
        trace = unit.node.glass.trace(unit)
        assert trace.kind == "operation", trace
        assert trace.check.passed
        # The network's number is read here from the recorded pass by an index of our own.
        assert trace.check.pytorch == float(node.value[unit.index])
        scale = float(node.value.abs().max()) + max(float(value.abs().max()) for value in x.values())
        assert abs(trace.trace.value - trace.value) <= 2e-4 * scale
    for term in trace.strongest(3):
        if term.unit is not None:
            assert term.unit.value == term.value


def all_indices(shape):
    return np.argwhere(np.ones(shape, dtype=bool))


def check_network(name, is_trained, training, tmp_path, count, whole) -> None:
    network, shape = make(name, tmp_path)
    if is_trained:
        trained(network, shape)
    generator = np.random.default_rng([NAMES.index(name), is_trained, training])
    x = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(3)
    glass = look(network, x, training=training)
    layers = [node for node in glass if not node.step.is_source]
    chosen = layers[int(generator.integers(len(layers)))]
    for node in layers:
        indices = all_indices(node.shape)
        if not (whole and node is chosen):
            indices = indices[generator.permutation(len(indices))[:count]]
        check_layer(node, indices)


CASES = [
    pytest.param(name, is_trained, training, id=f"{name}, {'trained' if is_trained else 'fresh'}, {mode}")
    for name in NAMES
    for is_trained in (False, True)
    for training, mode in ((False, "evaluation"), (True, "training"))
]


@pytest.mark.parametrize(("name", "is_trained", "training"), CASES)
def test_random_units_of_every_layer(name, is_trained, training, tmp_path):
    check_network(name, is_trained, training, tmp_path, count=12, whole=False)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "is_trained", "training"), CASES)
def test_every_unit_of_one_layer_and_a_thousand_of_each_other(name, is_trained, training, tmp_path):
    check_network(name, is_trained, training, tmp_path, count=1000, whole=True)
