"""Trace one element: of an output, or of a gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.arithmetic.arrays import as_array, check_index, gather
from pellucid.arithmetic.operation import Operation
from pellucid.arithmetic.reading import describe
from pellucid.arithmetic.result import Check, Terms, Trace, TraceMismatch
from pellucid.arithmetic.rounding import sum_slack, tolerance, unit_roundoff
from pellucid.arithmetic.rule import Rule, is_floating, rule_of
from pellucid.ground.errors import UserError
from pellucid.ground.writing import shape_text

__all__ = ["shape_rule", "trace", "trace_gradient"]


def shape_rule(operation: Operation | nn.Module, *shapes: Sequence[int]) -> str:
    """Write an operation's shape rule with the numbers put in.

    >>> print(shape_rule(nn.Conv2d(3, 16, 3, padding=1), (1, 3, 32, 32)))
    ⌊(L + 2p − d(k−1) − 1)/s⌋ + 1
    height: ⌊(32 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 32
    width: ⌊(32 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 32
    """
    operation = _operation(operation)
    return str(rule_of(operation).shape(operation, [tuple(shape) for shape in shapes]))


def trace(
    operation: Operation | nn.Module,
    inputs: Tensor | Sequence[Tensor],
    index: Sequence[int],
    *,
    output: Tensor | None = None,
    mask: Tensor | None = None,
) -> Trace:
    """Decompose one element of an operation's output, and check it against PyTorch's number.

    Args:
        operation: a module, or what `describe` or `describe_call` returned.
        inputs: the operand, or the operands, with their batch axis; float32 or another floating type.
        index: of the element, the batch axis first.
        output: what PyTorch computed, if it is at hand; computed here otherwise (the whole output).
        mask: for a dropout in training, 1 for each element kept and 0 for each dropped; recovered from
            `output` otherwise.

    Raises:
        NoArithmetic: nothing here does this operation's arithmetic.
        UserError: an index outside of the output, operands that do not fit, NaN or infinity among the numbers.
        TraceMismatch: the recomputed value is not PyTorch's.

    >>> relu = trace(nn.ReLU(), torch.tensor([[-1.5, 2.0]]), (0, 1))
    >>> relu.value, relu.check.difference
    (2.0, 0.0)
    """
    operation, operands, rule = _ready(operation, inputs, mask)
    operation = rule.prepare(operation, operands, output, None)
    expected = rule.shape(operation, [tuple(operand.shape) for operand in operands]).shape
    position = check_index(index, expected, f"the output of {operation.kind}")
    if output is None:
        with torch.no_grad():
            output = rule.compute(operation, operands)
    _check_shape(output, expected, f"the output given for {operation.kind}")
    decomposition = rule.decompose(operation, operands, position)
    element = _element(output, position, f"the output of {operation.kind}", decomposition.value)
    check = Check(decomposition.value, element, tolerance(decomposition.slack, output.dtype))
    result = Trace(
        operation=operation,
        of="output",
        operand=0,
        index=position,
        shape=expected,
        terms=decomposition.terms,
        bias=decomposition.bias,
        combine=decomposition.combine,
        value=decomposition.value,
        details=decomposition.details,
        formula=rule.formula(operation),
        check=check,
    )
    return _checked(result)


def trace_gradient(
    operation: Operation | nn.Module,
    inputs: Tensor | Sequence[Tensor],
    grad_output: Tensor | None = None,
    *,
    of: str = "input",
    index: Sequence[int],
    operand: int = 0,
    output: Tensor | None = None,
    mask: Tensor | None = None,
    gradient: Tensor | None = None,
) -> Trace:
    """Decompose one element of a gradient: the sum of upstream gradient times local derivative, over all positions.

    Args:
        operation: a module, or what `describe` or `describe_call` returned.
        inputs: the operand, or the operands, with their batch axis.
        grad_output: the gradient of the loss at the operation's output, in the output's shape; 1 for a loss itself.
        of: `input`, or a tensor that the operation owns: `weight`, `bias`.
        index: of the element, in that tensor.
        operand: which operand, for `of="input"`.
        output: what PyTorch computed; only a dropout in training needs it, or `mask`.
        mask: see `trace`.
        gradient: the whole gradient tensor as autograd has it, if it is at hand; computed here otherwise.

    Raises:
        NoArithmetic, UserError, TraceMismatch: as `trace` does.

    >>> layer = nn.Linear(2, 1)
    >>> x, upstream = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0], [10.0]])
    >>> trace_gradient(layer, x, upstream, of="weight", index=(0, 1)).value  # 1·2 + 10·4
    42.0
    """
    operation, operands, rule = _ready(operation, inputs, mask)
    operation = rule.prepare(operation, operands, output, gradient)
    shape = rule.shape(operation, [tuple(x.shape) for x in operands]).shape
    if grad_output is None:
        if shape:
            raise UserError(f"grad_output is missing; expected the gradient at the output, of shape {list(shape)}")
        grad_output = next(filter(is_floating, operands), operands[0]).new_ones(())
    _check_shape(grad_output, shape, "grad_output")
    known = [name for name in rule.differentiable if name == "input" or operation.tensors.get(name) is not None]
    if of not in known:
        raise UserError(f"{operation.kind} has no gradient of {of!r}; expected {' or '.join(known)}")
    if of == "input":
        if not 0 <= operand < len(operands):
            raise UserError(f"operand is {operand}; {operation.kind} has {len(operands)} operands, counted from 0")
        target = operands[operand]
    else:
        target = operation.tensor(of)
    position = check_index(index, tuple(target.shape), f"the {of} of {operation.kind}")
    local = rule.local_derivatives(operation, operands, of, operand, position)
    upstream = gather(grad_output, local.positions, "the upstream gradient")
    products = upstream * local.derivatives
    if gradient is None:
        gradient = _autograd(rule, operation, operands, grad_output, of, operand)
    _check_shape(gradient, tuple(target.shape), "gradient")
    slack = sum_slack(products) + local.slack * float(np.abs(products).sum())
    slack += float((np.abs(upstream) * local.floor).sum())
    terms = Terms(
        values=upstream,
        operand=np.zeros(len(upstream), dtype=np.int64),
        index=local.positions,
        ranks=(len(shape),),
        weights=local.derivatives,
        products=products,
        weight_index=local.index,
        weight_of=local.index_of,
    )
    value = float(products.sum())
    element = _element(gradient, position, f"the gradient of {operation.kind}", value)
    if not math.isfinite(value) and element != value:
        raise UserError(
            f"the gradient of {operation.kind} at {list(position)} comes to {value}, because the operation has no "
            "finite derivative there; expected an input at which it has one"
        )
    # Where a type changes on the way, the coarser one rounds.
    dtype = max(gradient.dtype, grad_output.dtype, key=unit_roundoff)
    result = Trace(
        operation=operation,
        of=of,
        operand=operand,
        index=position,
        shape=tuple(target.shape),
        terms=terms,
        bias=None,
        combine="sum",
        value=value,
        details=local.details,
        formula=local.formula,
        check=Check(value, element, tolerance(slack, dtype)),
    )
    return _checked(result)


def _operation(operation: Operation | nn.Module) -> Operation:
    return describe(operation) if isinstance(operation, nn.Module) else operation


def _ready(
    operation: Operation | nn.Module, inputs: Tensor | Sequence[Tensor], mask: Tensor | None
) -> tuple[Operation, list[Tensor], Rule]:
    operation = _operation(operation)
    rule = rule_of(operation)
    operands = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if not any(map(is_floating, operands)) and not (operands and rule.takes_integers(operation)):
        given = operands[0].dtype if operands and isinstance(operands[0], Tensor) else inputs
        raise UserError(f"{operation.kind} was given {given}; expected a tensor of floating-point numbers")
    if mask is not None:
        _check_shape(mask, tuple(operands[0].shape), "mask")
        operation = operation.with_tensors(mask=mask)
    return operation, operands, rule


def _check_shape(tensor: Tensor, shape: tuple[int, ...], what: str) -> None:
    if tuple(tensor.shape) != shape:
        raise UserError(f"{what} has the shape {shape_text(tensor.shape)}; expected {shape_text(shape)}")


def _element(tensor: Tensor, index: tuple[int, ...], what: str, recomputed: float) -> float:
    element = float(as_array(tensor)[index])
    # An infinity that comes out of the arithmetic too is no mistake: a mask, the logarithm of zero.
    if not math.isfinite(element) and element != recomputed:
        raise UserError(
            f"{what} is {element} at {list(index)}; expected a finite number: look for what made it "
            f"(a division by zero, the logarithm of a negative number, a number too large for {tensor.dtype})"
        )
    return element


def _autograd(
    rule: Rule, operation: Operation, inputs: Sequence[Tensor], grad_output: Tensor, of: str, operand: int
) -> Tensor:
    leaves = [x.detach().clone() if is_floating(x) else x for x in inputs]
    if of == "input":
        target = leaves[operand].requires_grad_()
    else:
        target = operation.tensor(of).detach().clone().requires_grad_()
        operation = operation.with_tensors(**{of: target})
    with torch.enable_grad():
        result = rule.compute(operation, leaves)
        if not result.requires_grad:  # a comparison, or a function that is constant almost everywhere
            return torch.zeros_like(target)
        (gradient,) = torch.autograd.grad(result, target, grad_output.to(result.dtype), allow_unused=True)
    return torch.zeros_like(target) if gradient is None else gradient


def _checked(result: Trace) -> Trace:
    check = result.check
    if not check.passed:
        raise TraceMismatch(
            f"{result.title}: {check}; rounding does not explain it, so the trace or the tensors it was given are wrong"
        )
    return result
