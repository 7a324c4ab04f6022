"""Matrix products, einsum and attention, against PyTorch and autograd."""

from __future__ import annotations

import operator

import pytest
import torch
import torch.nn.functional as F
from layers_checks import check_traces, tensor

from pellucid.arithmetic import describe_call
from pellucid.arithmetic.rule import rule_of

DTYPES = [torch.float32, torch.float64]
RANKS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 2, 3), (2, 3, 4)),
         ((2, 1, 2, 3), (4, 3, 2)), ((3,), (2, 3, 4)), ((5, 2, 3), (3,))]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", RANKS)
def test_matmul(shapes, dtype):
    for seed, function in enumerate((torch.matmul, operator.matmul, torch.Tensor.matmul)):
        inputs = [tensor(shape, dtype, seed + number) for number, shape in enumerate(shapes)]
        call = describe_call(function, inputs)
        check_traces(call.operation, function, call.inputs, {}, seed)


EQUATIONS = [("ij,jk->ik", [(2, 3), (3, 4)]), ("bij,bkj->bik", [(2, 3, 4), (2, 2, 4)]), ("ii->i", [(3, 3)]),
             ("ij->", [(2, 3)]), ("...ij,jk", [(2, 2, 3), (3, 2)]), ("i,ij,j->", [(2,), (2, 3), (3,)]),
             ("nchw,kc->nkhw", [(1, 3, 2, 2), (4, 3)]), ("ij->ji", [(2, 3)]), ("ii", [(3, 3)])]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum(equation, shapes, dtype):
    inputs = [tensor(shape, dtype, number) for number, shape in enumerate(shapes)]
    call = describe_call(torch.einsum, (equation, *inputs))
    check_traces(call.operation, lambda *leaves: torch.einsum(equation, *leaves), call.inputs, {}, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [(2, 4), (4,), (1, 4), ()])
def test_addmm(bias, dtype):
    added, first, second = tensor(bias, dtype, 0), tensor((2, 3), dtype, 1), tensor((3, 4), dtype, 2)
    call = describe_call(torch.addmm, (added, first, second), {"beta": 0.5, "alpha": 2.0})
    run = lambda first, second, added: torch.addmm(added, first, second, beta=0.5, alpha=2.0)  # noqa: E731
    check_traces(call.operation, run, call.inputs, {}, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("how", ["plain", "causal", "truth", "added", "scale"])
@pytest.mark.parametrize("batch", [(2,), (2, 3)])
def test_attention(batch, how, dtype):
    q, k, v = (tensor((*batch, rows, width), dtype, rows) for rows, width in ((3, 4), (5, 4), (5, 2)))
    allowed = torch.tensor([[True, False, True, True, False]] * 3)
    keywords = {
        "plain": {}, "causal": {"is_causal": True}, "truth": {"attn_mask": allowed}, "scale": {"scale": 0.3},
        "added": {"attn_mask": tensor((3, 5), dtype, 9)},
    }[how]  # fmt: skip
    call = describe_call(F.scaled_dot_product_attention, (q, k, v), keywords)
    run = lambda *leaves: F.scaled_dot_product_attention(*leaves, **keywords)  # noqa: E731
    check_traces(call.operation, run, call.inputs, {}, 0)
    assert rule_of(call.operation).multiply_adds(call.operation, [x.shape for x in call.inputs]) == (
        q.shape[:-1].numel() * 5 * (4 + 2)
    )
