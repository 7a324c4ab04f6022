"""The table of attribution methods: what each says of itself, and a method added from outside the package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from pellucid.attribution import METHODS, AttributionMethod, method, register_method
from pellucid.attribution.layers import gradient_at
from pellucid.cli import main
from pellucid.ground.errors import UserError


class GradientTimesInput(AttributionMethod):
    """∂S/∂x · x, summed over the channels."""

    name = "gradient-times-input"
    summary = "each pixel times its gradient"
    formula = "Σ over channels of ∂S/∂x · x"
    paper = "Shrikumar et al. 2016, arXiv:1605.01713"
    signed = True

    def attribute(self, glass, target, layer=None):
        upstream = torch.zeros_like(glass.output.step.value)
        upstream[0, target] = 1.0
        image = glass["input"]
        return self.result((gradient_at(glass, image, upstream) * image.step.value)[0].sum(0), "pixel times gradient")


@pytest.fixture
def registered():
    register_method(GradientTimesInput)
    yield
    del METHODS[GradientTimesInput.name]


def test_a_method_from_outside_is_used_like_the_others(registered, run, capsys) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 2)).eval()
    image = torch.rand(1, 6, 6)
    explanation = pellucid.explain(network, image, method="gradient-times-input", target=1).best
    x = image[None].clone().requires_grad_()
    expected = torch.autograd.grad(network(x)[0, 1], x)[0] * image
    np.testing.assert_allclose(explanation.map, expected[0, 0].numpy(), atol=1e-6)
    assert explanation.attribution.signed
    assert "gradient-times-input" in {made.method for made in pellucid.explain(network, image)}

    folder = str(run.directory)
    assert main(["explain", folder, "test/3", "--method", "gradient-times-input", "--out", "maps"]) == 0
    captured = capsys.readouterr()
    assert "gradient-times-input: pixel times gradient" in captured.out
    assert "gradient-times-input.png" in captured.err
    assert main(["explain", folder, "test/3"]) == 0
    assert "gradient-times-input" in capsys.readouterr().out
    assert main(["history", folder, "test/3", "--method", "gradient-times-input"]) == 0
    assert main(["explain", folder, "test/3", "--method", "gradient-time-input"]) == 2
    assert "did you mean 'gradient-times-input'?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["explain", "history", "why"])
def test_help_lists_every_method_as_it_describes_itself(registered, command, capsys) -> None:
    assert main([command, "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "|".join(METHODS) in words.replace("| ", "|")
    for kind in METHODS.values():
        assert kind.summary in words
        assert kind.paper in words


def test_what_methods_say_of_themselves_is_whole() -> None:
    for name, kind in METHODS.items():
        assert kind.name == name
        assert kind.summary
        assert kind.formula
        assert "arXiv" in kind.paper
        assert "\n" not in kind.summary
    assert [name for name, kind in METHODS.items() if kind.takes_layer] == ["grad-cam"]


def test_a_name_is_taken_once(registered) -> None:
    with pytest.raises(ValueError, match="is called 'gradient-times-input' already; give GradientTimesInput another"):
        register_method(GradientTimesInput)
    with pytest.raises(UserError, match=r"no attribution method is called 'cam'; did you mean 'grad-cam'?"):
        method("cam")
