"""Instance, RMS and local response normalisation, unit length, and activations with a partner, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from layers_checks import check_function, check_module, check_traces, tensor
from torch import nn

from pellucid.arithmetic import describe_call, trace, trace_gradient
from pellucid.ground.errors import UserError

DTYPES = [torch.float32, torch.float64]
KEPT = nn.InstanceNorm2d(4, affine=True, track_running_stats=True).eval()
nn.init.normal_(KEPT.running_mean)
nn.init.uniform_(KEPT.running_var, 0.1, 2)
MODULES = [
    (nn.InstanceNorm1d(4), (2, 4, 6)),
    (nn.InstanceNorm1d(4, affine=True), (2, 4, 6)),
    (nn.InstanceNorm2d(4), (2, 4, 3, 5)),
    (nn.InstanceNorm2d(4, affine=True), (2, 4, 3, 5)),
    (nn.InstanceNorm2d(4, affine=True, track_running_stats=True), (2, 4, 3, 5)),
    (KEPT, (2, 4, 3, 5)),
    (nn.BatchNorm2d(4, track_running_stats=False).eval(), (2, 4, 3, 5)),
    (nn.BatchNorm1d(4, affine=False, track_running_stats=False), (6, 4)),
    (nn.RMSNorm(5), (2, 3, 5)),
    (nn.RMSNorm((3, 5), eps=1e-3), (2, 3, 5)),
    (nn.RMSNorm(5, elementwise_affine=False), (4, 5)),
    (nn.LocalResponseNorm(3), (2, 7, 3, 2)),
    (nn.LocalResponseNorm(2, alpha=0.5, beta=0.5, k=2.0), (2, 7, 4)),
    (nn.LocalResponseNorm(9, alpha=2.0), (1, 3, 2, 2)),
    (nn.PReLU(), (2, 3, 4)),
    (nn.PReLU(3), (2, 3, 4, 2)),
    (nn.GLU(), (2, 3, 4)),
    (nn.GLU(1), (2, 6, 3)),
    (nn.Softmin(1), (2, 6, 3)),
    (nn.Softmax2d(), (2, 6, 3, 2)),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("offset", [0.0, 10.0])
@pytest.mark.parametrize("case", MODULES, ids=lambda case: str(case[0]))
def test_module(case, offset, dtype):
    module, shape = case
    allowed = 0.05 if dtype == torch.float32 else 1e-8
    check_module(module, tensor(shape, dtype, 1) + offset, 2, elements=8, allowed=allowed)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("function", "shape", "keywords"),
    [
        (F.normalize, (3, 4, 2), {}),
        (F.normalize, (3, 4, 2), {"dim": -1, "p": 1}),
        (F.normalize, (3, 4, 2), {"dim": (1, 2), "eps": 3.0}),
        (F.normalize, (3, 4), {"p": 3.0, "dim": 0}),
        (F.glu, (3, 4), {}),
        (F.instance_norm, (2, 3, 4, 4), {}),
        (F.layer_norm, (2, 3, 4), {"normalized_shape": (4,)}),
        (F.group_norm, (2, 4, 3), {"num_groups": 2}),
        (F.rms_norm, (2, 3, 4), {"normalized_shape": (4,)}),
        (F.local_response_norm, (2, 5, 3), {"size": 3}),
        (F.softmax, (2, 5, 3), {"dim": 1}),
        (F.softmin, (2, 5, 3), {"dim": 1}),
        (F.log_softmax, (2, 5, 3), {"dim": 1, "_stacklevel": 5}),
        (torch.softmax, (2, 5, 3), {"dim": 1}),
        ("log_softmax", (2, 5, 3), {"dim": 1, "dtype": torch.float64}),
    ],
)
def test_function(function, shape, keywords, dtype):
    x = tensor(shape, dtype, 3)
    check_function(function, [x], 4, ((x,), keywords), elements=8)


def test_a_weight_that_is_handed_to_a_function_has_its_gradient_too():
    x, weight, bias = (tensor(shape, torch.float64, seed) for seed, shape in enumerate([(2, 3, 4, 4), (3,), (3,)]))
    owned = {"weight": weight.requires_grad_(), "bias": bias.requires_grad_()}
    call = describe_call(F.instance_norm, (x,), owned)
    check_traces(call.operation, lambda leaf: F.instance_norm(leaf, **owned), [x], owned, 5)
    slope = tensor((3,), torch.float64, 6).requires_grad_()
    call = describe_call(F.prelu, (x, slope))
    check_traces(call.operation, lambda leaf: F.prelu(leaf, slope), [x], {"weight": slope}, 7)


def test_a_vector_of_zeros_keeps_its_gradient():
    x = torch.zeros(2, 3)
    check_function(F.normalize, [x], 8, ((x,), {"eps": 0.5}), elements=6)
    call = describe_call(F.normalize, (torch.tensor([[3.0, 4.0]]),))
    assert trace(call.operation, call.inputs, (0, 1)).value == 0.8


@pytest.mark.parametrize(
    "module", [nn.GLU(), nn.GLU(1), nn.PReLU(4).double(), nn.LocalResponseNorm(2), nn.GroupNorm(2, 4).double()]
)
def test_every_element(module):
    """The first and last ones of halves, groups and neighbourhoods too; each is checked against PyTorch."""
    x = tensor((2, 4, 2), torch.float64, 0)
    output = module(x).detach()
    for index in np.ndindex(*output.shape):
        trace(module, x, index, output=output)
    upstream = tensor(tuple(output.shape), torch.float64, 1)
    for index in np.ndindex(*x.shape):
        trace_gradient(module, x, upstream, index=index)


def test_a_slope_is_named_only_where_it_multiplies():
    x = torch.tensor([[-2.0, 0.5, 0.0, 3.0]])
    named = [trace(nn.PReLU(4), x, (0, channel)).terms.weight_index[0].tolist() for channel in range(4)]
    assert named == [[0], [-1], [2], [-1]]


def test_partners_by_hand():
    prelu = nn.PReLU(2)
    with torch.no_grad():
        prelu.weight.copy_(torch.tensor([0.5, 0.25]))
    x = torch.tensor([[-2.0, -4.0], [3.0, -8.0]])
    assert [trace(prelu, x, (0, 1)).value, trace(prelu, x, (1, 0)).value] == [-1, 3]
    upstream = torch.tensor([[1.0, 10.0], [100.0, 1.0]])
    assert trace_gradient(prelu, x, upstream, of="weight", index=(1,)).value == -40 - 8
    with pytest.raises(UserError, match=r"expected 2 channels on axis 1"):
        trace(prelu, torch.zeros(1, 3), (0, 0))
    gated = trace(nn.GLU(), torch.tensor([[6.0, 0.0]]), (0, 0))
    assert (gated.value, gated.details["gate"]) == (3, 0.5)
    with pytest.raises(UserError, match="expected an even size"):
        trace(nn.GLU(), torch.zeros(1, 3), (0, 0))
    squares = nn.LocalResponseNorm(3, alpha=3.0, beta=1.0, k=1.0)
    assert trace(squares, torch.tensor([[[1.0], [2.0], [3.0]]]), (0, 1, 0)).value == pytest.approx(2 / 15)


def test_a_single_image_is_asked_for_its_batch_axis():
    """A layer takes it, channels first; read as a batch it would be normalised over other numbers."""
    with pytest.raises(UserError, match=r"expected 4 axes.*a single image gets its batch axis by x\[None\]"):
        trace(nn.InstanceNorm2d(4), torch.randn(4, 3, 5), (0, 0, 0))
