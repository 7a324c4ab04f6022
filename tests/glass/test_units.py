"""Every unit of five networks, trained and untrained, in both modes: by hand and by the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from example_networks import NAMES, make, trained

from pellucid.glass import look


def check_layer(node, places) -> None:
    x = {each.name: each.step.value for each in node.inputs}
    for place in places:
        unit = node[tuple(int(one) for one in place)]
        found = unit.node.glass.trace(unit)
        assert found.kind == "operation", found
        assert found.check.passed
        # The network's number is read here from the recorded pass by an index of our own.
        assert found.check.pytorch == float(node.value[unit.index])
        scale = float(node.value.abs().max()) + max(float(value.abs().max()) for value in x.values())
        assert abs(found.trace.value - found.value) <= 2e-4 * scale
    for term in found.strongest(3):
        if term.unit is not None:
            assert term.unit.value == term.value


def all_places(shape):
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
        places = all_places(node.shape)
        if not (whole and node is chosen):
            places = places[generator.permutation(len(places))[:count]]
        check_layer(node, places)


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
