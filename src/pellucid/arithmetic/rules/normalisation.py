"""Batch, group, instance, layer and RMS normalisation: subtract a mean, divide by a deviation, scale and shift.

They differ only in which elements the mean and the variance are taken over: of one channel in all images, of a group of
channels in one image, of one channel in one image, of the last axes; or, for batch normalisation in evaluation, both
were kept from training. RMS normalisation subtracts nothing, and divides by the root of the mean square.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Floats, Integers, gather, index_row, lattice
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module, spellings
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, Shapes, check_rank, input_terms, rule_for
from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted

__all__ = ["NormalisationRule", "batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def batch_norm(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    eps: float = 1e-5,
) -> Operation:
    """Describe batch normalisation; without running statistics, or in training, the batch's own are used."""
    settings = {"eps": eps, "training": training or running_mean is None}
    tensors = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    return Operation("batch_norm", settings, tensors)


def group_norm(groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Operation:
    """Describe group normalisation."""
    return Operation("group_norm", {"groups": groups, "eps": eps}, {"weight": weight, "bias": bias})


def instance_norm(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,
    eps: float = 1e-5,
    rank: int | None = None,
) -> Operation:
    """Describe instance normalisation; with `training` false the running statistics are used.

    A layer knows the `rank` of its batches, as it takes a single image too, whose channels come first.
    """
    settings = {"eps": eps, "training": training or running_mean is None} | ({"rank": rank} if rank else {})
    tensors = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    return Operation("instance_norm", settings, tensors)


def rms_norm(normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Operation:
    """Describe RMS normalisation over the last axes; without an ε it is the machine's, of the input's type."""
    settings = {"normalized_shape": tuple(int(size) for size in normalized_shape), "eps": eps}
    return Operation("rms_norm", settings, {"weight": weight, "bias": None})


def layer_norm(
    normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Operation:
    """Describe layer normalisation over the last axes, which have this shape."""
    settings = {"normalized_shape": tuple(int(size) for size in normalized_shape), "eps": eps}
    return Operation("layer_norm", settings, {"weight": weight, "bias": bias})


KEEPING = ("batch_norm", "instance_norm")
"""These may keep a mean and a variance from training."""

LAST_AXES = ("layer_norm", "rms_norm")
"""These have a weight for each element of the axes that they normalise over."""

OVER = {
    "batch_norm": "the channel in all images",
    "group_norm": "the channels of the group",
    "instance_norm": "the channel of the image",
    "layer_norm": "the last axes",
}


@rule_for("batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm")
class NormalisationRule(Rule):
    """`y = γ · (x − μ) / √(σ² + ε) + β`, written as one product and one bias: `x · scale + shift`."""

    group = "normalisation"
    differentiable = ("input", "weight", "bias")

    def noun(self, operation: Operation) -> str:
        """Batch, group, instance, layer or RMS normalisation."""
        if operation.kind == "rms_norm":
            return "RMS normalisation"
        return operation.kind.replace("_norm", " normalisation")

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """How many groups, or that each channel has its scale and shift."""
        if operation.kind == "group_norm":
            return counted(operation.settings["groups"], "group")
        return "" if operation.tensors["weight"] is None else "a scale and a shift for each channel"

    def formula(self, operation: Operation) -> Formula:
        """The same for all; what μ and σ² are taken over differs."""
        if operation.kind == "rms_norm":
            return Formula(
                "y = γ · x / √(mean of x² + ε), over the last axes",
                r"y = \gamma\,\frac{x}{\sqrt{\overline{x^2} + \varepsilon}}",
            )
        if operation.kind in KEEPING and not operation.settings["training"]:
            over = "kept from training"
        else:
            over = OVER[operation.kind]
        return Formula(
            f"y = γ · (x − μ) / √(σ² + ε) + β, with μ and σ² {'of' if 'kept' not in over else ''} {over}".replace(
                "  ", " "
            ),
            r"y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta",
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The input's, if its channels or last axes are those of the layer."""
        shape, settings = shapes[0], operation.settings
        if operation.kind in LAST_AXES:
            asked = settings["normalized_shape"]
            if tuple(shape[len(shape) - len(asked) :]) != asked:
                raise UserError(
                    f"{operation.kind} was given an input of shape {list(shape)}; "
                    f"expected its last axes to be {list(asked)}"
                )
            return ShapeRule(shape, "the input's shape")
        ranks = [settings["rank"]] if "rank" in settings else [2, 3, 4, 5]
        check_rank(operation, shape, ranks, "batch, channels, then the image's")
        for name, tensor in operation.tensors.items():
            if tensor is not None and tensor.numel() != shape[1]:
                raise UserError(
                    f"{operation.kind} was given {shape[1]} channels (input of shape {list(shape)}); "
                    f"expected {tensor.numel()}, as its {name} has"
                )
        if operation.kind == "group_norm" and shape[1] % settings["groups"]:
            raise UserError(f"group_norm cannot divide {shape[1]} channels into {settings['groups']} equal groups")
        return ShapeRule(shape, "the input's shape")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch normalise; running statistics are read and never written."""
        settings, tensors, x = operation.settings, operation.tensors, inputs[0]
        weight, bias, eps = tensors["weight"], tensors["bias"], settings["eps"]
        if operation.kind == "rms_norm":
            return F.rms_norm(x, list(settings["normalized_shape"]), weight, eps)
        if operation.kind == "instance_norm":
            kept = (None, None) if settings["training"] else (tensors["running_mean"], tensors["running_var"])
            return F.instance_norm(x, *kept, weight, bias, use_input_stats=settings["training"], eps=eps)
        if operation.kind == "group_norm":
            return F.group_norm(x, settings["groups"], weight, bias, eps)
        if operation.kind == "layer_norm":
            return F.layer_norm(x, list(settings["normalized_shape"]), weight, bias, eps)
        if settings["training"]:
            return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
        return F.batch_norm(x, tensors["running_mean"], tensors["running_var"], weight, bias, eps=eps)

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One product, of the element and its scale; mean, variance, scale and shift are in the details."""
        x, source = inputs[0], index_row(index)
        values = gather(x, source, "the input")
        number = float(values[0])
        mean, variance, count, largest = self._statistics(operation, x, index)
        standard_deviation = math.sqrt(variance + _epsilon(operation, x))
        gamma, beta = self._affine(operation, source)
        scale = float(gamma[0]) / standard_deviation
        shift = float(beta[0]) - mean * scale
        normalised = (number - mean) / standard_deviation
        # The framework rounds the mean, the standard deviation, the difference and the product; the sums of mean and
        # variance have `count` terms.
        growth = 4 + (min(count, 4 * math.sqrt(count)) if count else 0.0)
        slack = growth * (abs(scale) * (abs(number) + abs(mean) + largest) + abs(float(gamma[0]) * normalised))
        slack += 4 * abs(float(beta[0]))
        products = np.array([number * scale])
        terms = input_terms(x.shape, source, values, weights=np.array([scale]), products=products)
        details: dict[str, Any] = {
            "mean": mean,
            "variance": variance,
            "epsilon": _epsilon(operation, x),
            "normalised": normalised,
            "scale": float(gamma[0]),
            "shift": float(beta[0]),
        }
        if count:
            details["count"] = count
        return Decomposition(terms, number * scale + shift, slack, bias=shift, details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """For an input: itself and, through mean and variance, all that share them; for γ and β: all they act on."""
        x = inputs[0]
        if of == "input":
            return self._input_derivatives(operation, x, index)
        positions = self._sharing(operation, tuple(x.shape), index)
        if of == "bias":
            formula = Formula("∂L/∂β = Σ_i ∂L/∂y_i, over all positions i with this β", r"\partial_\beta L = \sum_i g_i")
            return LocalDerivatives(positions, np.ones(len(positions)), formula)
        formula = Formula(
            "∂L/∂γ = Σ_i ∂L/∂y_i · x̂_i, over all positions i with this γ", r"\partial_\gamma L = \sum_i g_i\, \hat x_i"
        )
        normalised, rounding = self._normalised(operation, x, positions)
        return LocalDerivatives(positions, normalised, formula, floor=rounding)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The element itself, which cancels out where it is its own mean."""
        return (output.inexact() if self._is_its_own_mean(operation, shapes[0]) else output,)

    def reads_statistics(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """All that the mean and the variance are taken of; nothing where they were kept from training."""
        rank = len(shapes[0])
        if self._is_its_own_mean(operation, shapes[0]):
            return (None,)
        if operation.kind in LAST_AXES:
            return (output.whole(*range(rank - self._rank(operation), rank)),)
        if operation.kind in KEEPING and not operation.settings["training"]:
            return (None,)
        image = tuple(range(2, rank))
        if operation.kind == "batch_norm":
            return (output.whole(0, *image),)
        if operation.kind == "instance_norm":
            return (output.whole(*image),)
        groups = output.axes[1].reshape(operation.settings["groups"], -1).any(axis=1)
        channels = np.repeat(groups, shapes[0][1] // operation.settings["groups"])
        return (output.with_axis(1, channels).whole(*image),)

    def _input_derivatives(self, operation: Operation, x: Tensor, index: tuple[int, ...]) -> LocalDerivatives:
        source = index_row(index)
        mean, variance, count, largest = self._statistics(operation, x, index)
        standard_deviation = math.sqrt(variance + _epsilon(operation, x))
        if not count:
            gamma, _ = self._affine(operation, source)
            formula = Formula(
                "∂L/∂x = ∂L/∂y · γ / √(σ² + ε)", r"\partial_x L = g\,\gamma / \sqrt{\sigma^2+\varepsilon}"
            )
            return LocalDerivatives(source, gamma / standard_deviation, formula, slack=6.0)
        centred = operation.kind != "rms_norm"
        members = self._members(operation, tuple(x.shape), index)
        gamma, _ = self._affine(operation, members)
        values = gather(x, members, "the input")
        normalised = (values - mean) / standard_deviation
        here = (members == source).all(axis=1)
        own = float(normalised[here][0])
        derivatives = gamma / standard_deviation * (here - centred / count - normalised * own / count)
        formula = Formula(
            "∂L/∂x_i = Σ_j ∂L/∂y_j · γ_j/√(σ²+ε) · (δ_ij − 1/m − x̂_i x̂_j/m)",
            r"\partial_{x_i} L = \sum_j g_j \frac{\gamma_j}{\sqrt{\sigma^2+\varepsilon}}"
            r"\Bigl(\delta_{ij} - \tfrac1m - \tfrac{\hat x_i \hat x_j}{m}\Bigr)",
        )
        if not centred:
            formula = Formula(
                "∂L/∂x_i = Σ_j ∂L/∂y_j · γ_j/√(σ²+ε) · (δ_ij − x̂_i x̂_j/m), σ² the mean of x²",
                r"\partial_{x_i} L = \sum_j g_j \frac{\gamma_j}{\sqrt{\sigma^2+\varepsilon}}"
                r"\Bigl(\delta_{ij} - \tfrac{\hat x_i \hat x_j}{m}\Bigr)",
            )
        # What rounding does to x̂ enters twice; it is large where the mean is many standard deviations from zero.
        growth = 4 + min(count, 4 * math.sqrt(count))
        off = growth * (1 + largest / standard_deviation)
        size = np.abs(gamma) / standard_deviation
        floor = size * (here + (1 + off * (np.abs(normalised) + abs(own)) + np.abs(normalised * own)) / count)
        floor = floor + size * growth * (here + np.abs(normalised * own) / count)
        details = {"mean": mean, "variance": variance, "count": count, "normalised": own}
        return LocalDerivatives(members, derivatives, formula, slack=6.0, floor=floor, details=details)

    def _is_its_own_mean(self, operation: Operation, shape: Sequence[int]) -> bool:
        """Whether the mean that is subtracted is of a single element, so that nothing is left of it."""
        if operation.kind == "rms_norm" or (operation.kind in KEEPING and not operation.settings["training"]):
            return False
        settings = operation.settings
        if operation.kind == "layer_norm":
            return bool(math.prod(settings["normalized_shape"]) == 1)
        others = {"batch_norm": shape[0], "group_norm": shape[1] // settings.get("groups", 1), "instance_norm": 1}
        return bool(others[operation.kind] * math.prod(shape[2:]) == 1)

    def _members(self, operation: Operation, shape: tuple[int, ...], index: Sequence[int]) -> Integers:
        """List the elements that share the index's mean and variance."""
        everywhere = [np.arange(size) for size in shape]
        if operation.kind == "batch_norm":
            return lattice(everywhere[0], [index[1]], *everywhere[2:])
        if operation.kind == "instance_norm":
            return lattice([index[0]], [index[1]], *everywhere[2:])
        if operation.kind == "group_norm":
            size = shape[1] // operation.settings["groups"]
            first = index[1] // size * size
            return lattice([index[0]], np.arange(first, first + size), *everywhere[2:])
        kept = len(shape) - len(operation.settings["normalized_shape"])
        return lattice(*[[position] for position in index[:kept]], *everywhere[kept:])

    def _sharing(self, operation: Operation, shape: tuple[int, ...], index: Sequence[int]) -> Integers:
        """List the elements that an element of γ or β acts on."""
        everywhere = [np.arange(size) for size in shape]
        if operation.kind in LAST_AXES:
            return lattice(*everywhere[: len(shape) - len(index)], *[[position] for position in index])
        return lattice(everywhere[0], [index[0]], *everywhere[2:])

    def _affine(self, operation: Operation, positions: Integers) -> tuple[Floats, Floats]:
        """Read γ and β at each position; 1 and 0 where the layer has none."""
        if operation.kind in LAST_AXES:
            own = positions[:, positions.shape[1] - len(operation.settings["normalized_shape"]) :]
        else:
            own = positions[:, 1:2]
        weight, bias = operation.tensors["weight"], operation.tensors["bias"]
        gamma = np.ones(len(positions)) if weight is None else gather(weight, own, "the weight")
        beta = np.zeros(len(positions)) if bias is None else gather(bias, own, "the bias")
        return gamma, beta

    def _statistics(self, operation: Operation, x: Tensor, index: Sequence[int]) -> tuple[float, float, int, float]:
        """Mean, variance, how many elements they were taken over (0: kept from training), and the largest of these."""
        if operation.kind in KEEPING and not operation.settings["training"]:
            channel = index_row([index[1]])
            mean = float(gather(operation.tensor("running_mean"), channel, "the running mean")[0])
            variance = float(gather(operation.tensor("running_var"), channel, "the running variance")[0])
            return mean, variance, 0, 0.0
        values = gather(x, self._members(operation, tuple(x.shape), index), "the input")
        if operation.kind == "rms_norm":
            return 0.0, float(np.square(values).mean()), len(values), float(np.abs(values).max())
        return float(values.mean()), float(values.var()), len(values), float(np.abs(values).max())

    def _normalised(self, operation: Operation, x: Tensor, positions: Integers) -> tuple[Floats, Floats]:
        """x̂ at positions that may have different statistics, and how far rounding may take each, in unit roundoffs."""
        values = gather(x, positions, "the input")
        if operation.kind == "batch_norm":
            groups: Sequence[slice] = [slice(0, len(positions))]
        else:
            # Rows of one image, or of one position before the normalised axes, share their statistics.
            shared = {"group_norm": 1, "instance_norm": 2}.get(operation.kind)
            key = positions[:, : positions.shape[1] - self._rank(operation) if shared is None else shared]
            starts = np.flatnonzero(np.r_[True, (key[1:] != key[:-1]).any(axis=1)]) if key.shape[1] else np.array([0])
            groups = [slice(int(a), int(b)) for a, b in zip(starts, [*starts[1:], len(positions)], strict=True)]
        normalised, rounding = np.empty(len(values)), np.empty(len(values))
        for rows in groups:
            mean, variance, count, largest = self._statistics(operation, x, positions[rows.start].tolist())
            standard_deviation = math.sqrt(variance + _epsilon(operation, x))
            normalised[rows] = (values[rows] - mean) / standard_deviation
            growth = 4 + (min(count, 4 * math.sqrt(count)) if count else 0.0)
            far = (np.abs(values[rows]) + abs(mean) + largest) / standard_deviation
            rounding[rows] = growth * (far + np.abs(normalised[rows]))
        return normalised, rounding

    def _rank(self, operation: Operation) -> int:
        return len(operation.settings["normalized_shape"])


def _epsilon(operation: Operation, x: Tensor) -> float:
    epsilon = operation.settings["eps"]
    return torch.finfo(x.dtype).eps if epsilon is None else float(epsilon)


@for_module(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
def _from_batch_norm(module: Any) -> Operation:
    return batch_norm(module.running_mean, module.running_var, module.weight, module.bias, module.training, module.eps)


@for_module(nn.GroupNorm)
def _from_group_norm(module: Any) -> Operation:
    return group_norm(module.num_groups, module.weight, module.bias, module.eps)


@for_module(nn.LayerNorm)
def _from_layer_norm(module: Any) -> Operation:
    return layer_norm(module.normalized_shape, module.weight, module.bias, module.eps)


@for_module(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
def _from_instance_norm(module: Any) -> Operation:
    own = module.training or not module.track_running_stats
    rank = module._get_no_batch_dim() + 1
    return instance_norm(module.running_mean, module.running_var, module.weight, module.bias, own, module.eps, rank)


@for_module(nn.RMSNorm)
def _from_rms_norm(module: Any) -> Operation:
    return rms_norm(module.normalized_shape, module.weight, module.eps)


@for_function(F.instance_norm, torch.instance_norm)
def _from_instance_norm_call(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Call:
    return Call(instance_norm(running_mean, running_var, weight, bias, use_input_stats, eps), (input,))


@for_function(*spellings("rms_norm"))
def _from_rms_norm_call(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Call:
    return Call(rms_norm(normalized_shape, weight, eps), (input,))


@for_function(torch.batch_norm)
def _from_plain_batch_norm_call(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Call:
    return Call(batch_norm(running_mean, running_var, weight, bias, training, eps), (input,))


@for_function(F.batch_norm)
def _from_batch_norm_call(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Call:
    return Call(batch_norm(running_mean, running_var, weight, bias, training, eps), (input,))


@for_function(F.group_norm, torch.group_norm)
def _from_group_norm_call(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Call:
    return Call(group_norm(num_groups, weight, bias, eps), (input,))


@for_function(F.layer_norm, torch.layer_norm)
def _from_layer_norm_call(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Call:
    return Call(layer_norm(normalized_shape, weight, bias, eps), (input,))
