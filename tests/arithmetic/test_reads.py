"""What an output reads is where its gradient is not zero: no element less, and no more where that is called exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from layers_checks import random_index
from torch import nn

from pellucid.arithmetic import Call, describe_call, rule_of
from pellucid.arithmetic.positions import Positions

X = (2, 6, 3, 4)
CALLS = [
    (torch.sum, {"dim": (1, 3)}),
    (torch.mean, {"dim": (2, 3), "keepdim": True}),
    (torch.var, {"dim": 1}),
    (torch.norm, {"dim": (0, 2), "keepdim": True}),
    (torch.logsumexp, {"dim": -1}),
    (torch.sum, {}),
    (torch.cumsum, {"dim": 2}),
    (torch.cumsum, {"dim": -3}),
    (torch.softmax, {"dim": 1}),
    (F.log_softmax, {"dim": -1}),
    (F.softmin, {"dim": 2}),
    (F.normalize, {"dim": 1}),
    (F.normalize, {"dim": (2, 3)}),
    (F.local_response_norm, {"size": 3, "alpha": 1.0}),
    (F.local_response_norm, {"size": 4, "alpha": 1.0}),
    (F.glu, {"dim": 1}),
    (F.glu, {}),
    (F.instance_norm, {}),
    (F.layer_norm, {"normalized_shape": (3, 4)}),
    (F.rms_norm, {"normalized_shape": (4,)}),
    (F.group_norm, {"num_groups": 3}),
    (F.batch_norm, {"running_mean": None, "running_var": None, "training": True}),
    (F.batch_norm, {"running_mean": torch.zeros(6).double(), "running_var": torch.ones(6).double()}),
    (nn.PReLU(6), None),
    (nn.PReLU(), None),
    (F.hardswish, {}),
    (torch.exp, {}),
    (torch.clamp, {"min": -9.0}),
    ("double", {}),
]


def check_reads(call: Call, compute, generator):
    """Mark two outputs in one product; compare with where the gradient of all that it marks is not zero."""
    leaves = [x.detach().clone().requires_grad_() for x in call.inputs]
    output = compute(*leaves)
    first, second = (Positions.at(random_index(output.shape, generator), output.shape) for _ in range(2))
    for asked in (first, first.union(second)):
        marks = np.ones(output.shape, dtype=bool)
        for axis, mask in enumerate(asked.axes):
            marks &= mask.reshape([-1 if other == axis else 1 for other in range(output.dim())])
        rule, shapes = rule_of(call.operation), [tuple(x.shape) for x in call.inputs]
        # What is read through a mean and a variance contains the elements themselves.
        besides = rule.reads_statistics(call.operation, shapes, asked)
        itself = rule.reads(call.operation, shapes, asked)
        read = [more or plain for plain, more in zip(itself, besides, strict=True)]
        touched = [torch.zeros(x.shape, dtype=torch.bool) for x in leaves]
        for index in np.argwhere(marks):  # one by one, so that nothing cancels
            gradients = torch.autograd.grad(output[tuple(index)], leaves, retain_graph=True, allow_unused=True)
            for seen, gradient in zip(touched, gradients, strict=True):
                seen |= False if gradient is None else gradient != 0
        for positions, seen in zip(read, touched, strict=True):
            assert positions is not None
            inside = np.ones(seen.shape, dtype=bool)
            for axis, mask in enumerate(positions.axes):
                inside &= mask.reshape([-1 if other == axis else 1 for other in range(seen.dim())])
            assert not (seen.numpy() & ~inside).any()
            if positions.exact:
                assert (seen.numpy() == inside).all()


@pytest.mark.parametrize("case", CALLS, ids=range(len(CALLS)))
def test_reads(case):
    function, keywords = case
    x = torch.randn(X, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.5
    if isinstance(function, nn.Module):
        function = function.double()
    call = describe_call(function, (x,), keywords)
    run = getattr(torch.Tensor, function) if isinstance(function, str) else function
    generator = torch.Generator().manual_seed(2)
    for _ in range(3):
        check_reads(call, lambda leaf: run(leaf, **(keywords or {})), generator)


def test_reads_of_operands_that_are_broadcast():
    generator = torch.Generator().manual_seed(3)
    x, gate = torch.rand(2, 3, 4, dtype=torch.float64) + 1, torch.rand(3, 1, dtype=torch.float64) + 1
    for function in (torch.add, torch.mul, torch.div, torch.pow, torch.atan2):
        check_reads(describe_call(function, (x, gate)), function, generator)
