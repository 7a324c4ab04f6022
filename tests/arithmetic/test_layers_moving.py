"""Interpolation and rearrangements in every spelling, against PyTorch and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from layers_checks import check_module, check_traces, tensor
from torch import nn

from pellucid.arithmetic import NoArithmetic, describe_call, rule_of

SIZES = [{"scale_factor": 2}, {"size": (7, 5)}, {"scale_factor": 1.9}, {"scale_factor": (0.6, 1.5)},
         {"scale_factor": 1.9, "recompute_scale_factor": True}]  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(
    ("mode", "align"),
    [
        ("bilinear", True),
        ("bilinear", False),
        ("bicubic", True),
        ("bicubic", False),
        ("nearest", None),
        ("nearest-exact", None),
    ],
)
def test_interpolation(mode, align, sizes, dtype):
    x = tensor((2, 2, 4, 3), dtype, 0)
    keywords = {**sizes, "mode": mode, "align_corners": align}
    call = describe_call(F.interpolate, (x,), {**keywords, "antialias": False})
    check_traces(call.operation, lambda x: F.interpolate(x, **keywords), [x], {}, 0)
    check_module(nn.Upsample(**keywords), x, 1)


def test_interpolation_of_lines_and_volumes():
    for mode, shape in (("linear", (1, 2, 5)), ("trilinear", (1, 2, 3, 2, 3))):
        check_module(nn.Upsample(scale_factor=2, mode=mode), tensor(shape, torch.float32, 0), 0)
    check_module(nn.UpsamplingBilinear2d(scale_factor=2), tensor((1, 1, 3, 3), torch.float32, 0), 0)


MOVES = {
    "narrow": (1, 1, 2), "select": (1, 2), "index_select": (1, torch.tensor([2, 0, 2])), "flip": ([1, 2],),
    "roll": (2, 1), "movedim": (1, 2), "moveaxis": (1, -1), "swapaxes": (0, 1), "repeat_interleave": (2, 1),
    "tile": ((1, 2, 2),), "rot90": (1, (1, 2)), "diagonal": (0, 1, 2), "broadcast_to": ((3, 2, 4, 3),),
    "unflatten": (1, (2, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_moves(name):
    x = tensor((2, 4, 3), torch.float32, 0)
    spellings = [getattr(torch.Tensor, name), getattr(torch, name, None), name]
    for spelling in filter(None, spellings):
        call = describe_call(spelling, (x, *MOVES[name]))
        check_traces(call.operation, lambda x: getattr(x, name)(*MOVES[name]), [x], {}, 0)


PADS = [nn.ConstantPad2d(1, 0.3), nn.ConstantPad3d(1, 0.1), nn.ZeroPad3d(1), nn.ReflectionPad3d(1),
        nn.ReplicationPad3d(1), nn.CircularPad1d(1), nn.CircularPad2d(1), nn.CircularPad3d(1),
        nn.PixelUnshuffle(2), nn.PixelShuffle(2), nn.ChannelShuffle(2)]  # fmt: skip


@pytest.mark.parametrize("module", PADS, ids=str)
def test_modules(module):
    rank = 3 if "3d" in str(type(module)) else 1 if "1d" in str(type(module)) else 2
    check_module(module, tensor((1, 4, *(4,) * rank), torch.float32, 0), 0, elements=20)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("size", [(2, 3), (3, 9), (7, 4), (1, 5), (13, 2), (6, 7)])
def test_interpolation_with_antialiasing(mode, align, size):
    """Every output is what PyTorch gives in float64, shrunk and enlarged; elements are traced in float32."""
    keywords = {"size": size, "mode": mode, "align_corners": align, "antialias": True}
    x = torch.randn(1, 1, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    call = describe_call(F.interpolate, (x,), keywords)
    rows, columns = rule_of(call.operation)._matrices(call.operation, tuple(x.shape))
    np.testing.assert_allclose(rows @ x[0, 0].numpy() @ columns.T, F.interpolate(x, **keywords)[0, 0], atol=1e-12)
    check_traces(call.operation, lambda x: F.interpolate(x, **keywords), [x.float()], {}, 0)


@pytest.mark.parametrize("recompute", [True, False])
def test_interpolation_with_antialiasing_by_a_factor(recompute):
    keywords = {"scale_factor": 0.55, "mode": "bicubic", "antialias": True, "recompute_scale_factor": recompute}
    x = torch.randn(1, 2, 9, 11, generator=torch.Generator().manual_seed(1))
    call = describe_call(F.interpolate, (x,), keywords)
    check_traces(call.operation, lambda x: F.interpolate(x, **keywords), [x], {}, 0)


def test_antialiasing_that_pytorch_has_not_is_refused():
    with pytest.raises(NoArithmetic, match="with antialiasing"):
        describe_call(F.interpolate, (torch.zeros(1, 1, 4),), {"size": 2, "mode": "linear", "antialias": True})
    with pytest.raises(NoArithmetic, match="bilinear interpolation with antialiasing to one column"):
        describe_call(F.interpolate, (torch.zeros(1, 1, 4, 4), (3, 1)), {"mode": "bilinear", "antialias": True})
