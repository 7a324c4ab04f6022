"""A network joins from outside by one decorator, and every list and command knows it by its name."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from pellucid.cli import main
from pellucid.networks import NETWORKS, build, default_input, register_network, registry


@pytest.fixture(autouse=True)
def _two_lines(monkeypatch):
    monkeypatch.setattr(registry, "NETWORKS", NETWORKS)  # the very dictionary that others hold, restored below
    before = dict(NETWORKS)

    @register_network("two-lines", (1, 8, 6), "one fully connected layer, for this test")
    class TwoLines(nn.Module):
        def __init__(self, input_shape: tuple[int, int, int], classes: int) -> None:
            super().__init__()
            channels, height, width = input_shape
            self.head = nn.Linear(channels * height * width, classes)

        def forward(self, x):
            return self.head(x.flatten(1))

    yield
    NETWORKS.clear()
    NETWORKS.update(before)


def test_it_is_built_by_its_name():
    assert default_input("two-lines") == (1, 8, 6)
    network = build("two-lines", input_shape=(3, 4, 4), classes=5)
    assert network(torch.zeros(2, 3, 4, 4)).shape == (2, 5)


def test_the_commands_know_it(capsys):
    assert main(["networks", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["two-lines"]["parameters"] == 48 * 10 + 10
    assert list(rows) == sorted(rows)
    assert main(["layers", "two-lines"]) == 0
    assert "two-lines turns one 1×8×6 image into 10 numbers, with 490 parameters" in capsys.readouterr().out


def test_a_mistyped_name_is_told_of_it(capsys):
    assert main(["layers", "two-line"]) == 2
    assert "did you mean 'two-lines'?" in capsys.readouterr().err


def test_a_name_belongs_to_one_network():
    with pytest.raises(ValueError, match=r"'simple-cifar' is pellucid\.networks\.simple\.SimpleCifar already"):
        register_network("simple-cifar", (3, 32, 32), "another")(nn.Identity)
