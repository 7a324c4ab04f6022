"""An operation that pellucid does not know joins from outside, with everything that is known of it in one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic import (
    Call,
    Decomposition,
    Formula,
    LocalDerivatives,
    NoArithmetic,
    Operation,
    Rule,
    describe_call,
    for_function,
    for_module,
    reading,
    record,
    rule,
    rule_for,
    summarise,
    trace,
    trace_gradient,
)
from pellucid.arithmetic.arrays import gather, index_row
from pellucid.arithmetic.rule import input_terms
from pellucid.figures.architecture import architecture_svg
from pellucid.ground.errors import UserError
from pellucid.ground.writing import number


class Squash(nn.Module):
    """`s · x / (1 + |x|)`: a softsign of any height."""

    def __init__(self, height: float = 1.0):
        super().__init__()
        self.height = height

    def forward(self, x):
        return self.height * x / (1 + x.abs())


@pytest.fixture(autouse=True)
def _squash(monkeypatch):
    """Register everything about the operation, and forget it after the test."""
    for module, table in ((rule, "RULES"), (reading, "MODULES"), (reading, "FUNCTIONS")):
        monkeypatch.setattr(module, table, dict(getattr(module, table)))

    @rule_for("squash")
    class SquashRule(Rule):
        group = "activation"

        def noun(self, operation: Operation) -> str:
            return "squash"

        def summary(self, operation: Operation, shapes) -> str:
            return f"up to {number(operation.settings['height'])}"

        def formula(self, operation: Operation) -> Formula:
            return Formula("y = s · x / (1 + |x|)", r"y = \frac{s\,x}{1 + |x|}")

        def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
            return F.softsign(inputs[0]) * operation.settings["height"]

        def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
            source = index_row(index)
            values = gather(inputs[0], source, "the input")
            result = operation.settings["height"] * values / (1 + np.abs(values))
            terms = input_terms(inputs[0].shape, source, values, products=result)
            return Decomposition(terms, float(result[0]), slack=4 * abs(float(result[0])), combine="function")

        def local_derivatives(
            self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
        ) -> LocalDerivatives:
            source = index_row(index)
            slope = operation.settings["height"] / (1 + np.abs(gather(inputs[0], source, "the input"))) ** 2
            return LocalDerivatives(source, slope, Formula("∂L/∂x = ∂L/∂y · s / (1 + |x|)²", "g"), slack=8.0)

    @for_module(Squash)
    def from_module(module: Squash) -> Operation:
        return Operation("squash", {"height": module.height})

    @for_function(F.softsign)
    def from_call(input: Tensor) -> Call:
        return Call(Operation("squash", {"height": 1.0}), (input,))


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.squash = Squash(2.0)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(F.softsign(self.squash(self.conv(x)).flatten(1)))


def test_it_is_traced_forward_and_backward():
    x = torch.tensor([[-1.0, 3.0]])
    forward = trace(Squash(2.0), x, (0, 1), output=Squash(2.0)(x))
    assert forward.value == 1.5
    assert "y = s · x / (1 + |x|)" in str(forward)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(Squash(2.0)(leaf), leaf, torch.tensor([[1.0, 4.0]]))
    backward = trace_gradient(Squash(2.0), x, torch.tensor([[1.0, 4.0]]), index=(0, 1), gradient=gradient)
    assert backward.value == pytest.approx(4 * 2 / 16)
    assert describe_call(F.softsign, (x,)).operation.kind == "squash"
    with pytest.raises(UserError, match="squash has no gradient of 'weight'; expected input"):
        trace_gradient(Squash(2.0), x, x, of="weight", index=(0, 0))


def test_a_network_shows_it_as_one_operation_in_table_and_diagram():
    steps = {step.name: step for step in record(Small(), torch.randn(1, 1, 4, 4)).steps}
    assert [name for name, step in steps.items() if step.operation and step.operation.kind == "squash"] == [
        "squash",
        "softsign",
    ]
    table = summarise(Small(), (1, 4, 4))
    row = next(row for row in table.rows if row.name == "squash")
    assert (row.label, row.output_shape, row.field_text, row.note) == ("Squash", (2, 2, 2), "3×3", "")
    assert "1 convolution, 2 squashs, 1 flattening, 1 fully connected layer" in " ".join(str(table).split())
    svg = architecture_svg(table)
    assert svg.count('class="pa-box pa-activation"') == 2
    assert ">up to 2</text>" in svg


def test_a_kind_has_one_rule():
    with pytest.raises(ValueError, match="'relu' has a rule already, ActivationRule; expected another kind"):

        @rule_for("relu")
        class Mine(type(rule.RULES["squash"])):
            pass


def test_without_a_rule_it_is_seen_and_not_decomposed(monkeypatch):
    monkeypatch.setattr(rule, "RULES", {kind: known for kind, known in rule.RULES.items() if kind != "squash"})
    with pytest.raises(NoArithmetic, match="no arithmetic for this operation: squash"):
        trace(Squash(), torch.ones(1), (0,))
    assert summarise(Small(), (1, 4, 4)).notes == (
        "no arithmetic for Squash, softsign: their multiply-adds are not counted",
    )
