"""Cross-entropy of a softmax with class indices or class probabilities, label smoothing and class weights.

With q the target's distribution over K classes, ε the smoothing and v the class weights, the loss of one image is
`Σ_k −a_k · log softmax(x)_k` with `a_k = v_k · ((1 − ε) q_k + ε/K)` (Szegedy et al. 2016, "Rethinking the Inception
architecture"); their mean divides by the weights of the true classes, or for probabilities by the number of images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Floats, Integers, as_array, gather, lattice
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module
from pellucid.arithmetic.result import Terms
from pellucid.arithmetic.rounding import sum_slack
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, Shapes, rule_for
from pellucid.arithmetic.rules.softmax import softened, softmax_slack
from pellucid.ground.errors import UserError

__all__ = ["CrossEntropyRule", "cross_entropy"]


def cross_entropy(
    weight: Tensor | None = None, reduction: str = "mean", label_smoothing: float = 0.0, ignore_index: int = -100
) -> Operation:
    """Describe a cross-entropy; its operands are the logits `(N, K)` or `(N, K, ...)` and the target."""
    settings = {"reduction": reduction, "label_smoothing": label_smoothing, "ignore_index": ignore_index}
    return Operation("cross_entropy", settings, {"weight": weight})


@rule_for("cross_entropy")
class CrossEntropyRule(Rule):
    """Minus the logarithm of the probability given to the target."""

    def formula(self, operation: Operation) -> Formula:
        """Mean, sum, or each image's."""
        outer = {"mean": "1/S · Σ_n ", "sum": "Σ_n ", "none": ""}[operation.settings["reduction"]]
        outer_latex = {"mean": r"\frac1S\sum_n ", "sum": r"\sum_n ", "none": ""}[operation.settings["reduction"]]
        return Formula(
            f"L = {outer}Σ_k −a[n,k] · log softmax(x[n])[k]",
            rf"L = {outer_latex}\sum_k -a_{{n,k}} \log \operatorname{{softmax}}(x_n)_k",
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """One number, or one for each image (and position)."""
        logits, target = shapes[0], shapes[1]
        if len(logits) < 2:
            raise UserError(f"cross_entropy was given logits of shape {list(logits)}; expected batch and classes")
        per_image = (logits[0], *logits[2:])
        if tuple(target) not in (per_image, tuple(logits)):
            raise UserError(
                f"cross_entropy was given logits of shape {list(logits)} and a target of shape {list(target)}; "
                f"expected class numbers of shape {list(per_image)} or probabilities of shape {list(logits)}"
            )
        shape = per_image if operation.settings["reduction"] == "none" else ()
        return ShapeRule(shape, "one number for each image, or one")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch do it."""
        settings = operation.settings
        return F.cross_entropy(
            inputs[0],
            inputs[1],
            operation.tensors["weight"],
            reduction=settings["reduction"],
            label_smoothing=settings["label_smoothing"],
        )

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term a class, of all images that the element sums over; weights are −a, the rest in the details."""
        logits = inputs[0]
        heads = self._images(operation, logits, index)
        divisor = self._divisor(operation, inputs)
        rows, values, weights, products, shares = [], [], [], [], []
        slack = 0.0
        for head in heads:
            line = _line(logits, head)
            class_logits = gather(logits, line, "the logits")
            _, total, largest, probabilities = softened(class_logits)
            factors = -self._amounts(operation, inputs, head) / divisor
            logarithms = class_logits - largest - math.log(total)
            slack += float(np.abs(factors).sum()) * softmax_slack(class_logits, largest, total)
            rows.append(line)
            values.append(class_logits)
            weights.append(factors)
            products.append(factors * logarithms)
            shares.append(probabilities)
        summed = np.concatenate(products)
        terms = Terms(
            values=np.concatenate(values),
            operand=np.zeros(len(summed), dtype=np.int64),
            index=np.concatenate(rows),
            ranks=(logits.dim(), inputs[1].dim()),
            products=summed,
        )
        details = {
            "target_shares": -np.concatenate(weights) * divisor,
            "probabilities": np.concatenate(shares),
            "divisor": divisor,
        }
        slack += sum_slack(summed) + 4 * float(np.abs(summed).sum())
        return Decomposition(terms, float(summed.sum()), slack, details=details)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """All: a loss of several images may be their mean."""
        return tuple(Positions.all(shape, exact=False) for shape in shapes)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Softmax minus target, weighted."""
        if operand != 0:
            raise UserError("cross_entropy has no gradient of its target; expected operand 0, the logits")
        logits = inputs[0]
        head = (index[0], *index[2:])
        line = _line(logits, head)
        class_logits = gather(logits, line, "the logits")
        _, total, largest, probabilities = softened(class_logits)
        amounts = self._amounts(operation, inputs, head)
        divisor = self._divisor(operation, inputs)
        k, together = index[1], float(amounts.sum())
        derivative = (float(probabilities[k]) * together - float(amounts[k])) / divisor
        single_number = operation.settings["reduction"] != "none"
        positions = np.zeros((1, 0), dtype=np.int64) if single_number else np.asarray([head], dtype=np.int64)
        slack = softmax_slack(class_logits, largest, total)
        floor = (float(probabilities[k]) * together * slack + 4 * float(amounts[k])) / divisor
        details = {
            "probability": float(probabilities[k]),
            "target_share": float(amounts[k]),
            "target_sum": together,
            "divisor": divisor,
        }
        formula = Formula(
            "∂L/∂x[n,k] = (softmax(x[n])[k] · Σ_j a[n,j] − a[n,k]) / S",
            r"\partial_{x_{n,k}} L = \frac{1}{S}\Bigl(p_{n,k}\textstyle\sum_j a_{n,j} - a_{n,k}\Bigr)",
        )
        return LocalDerivatives(positions, np.array([derivative]), formula, slack=6.0, floor=floor, details=details)

    def _images(self, operation: Operation, logits: Tensor, index: tuple[int, ...]) -> Integers:
        if operation.settings["reduction"] == "none":
            return np.asarray([index], dtype=np.int64)
        return lattice(*[np.arange(size) for axis, size in enumerate(logits.shape) if axis != 1])

    def _class_weights(self, operation: Operation, classes: int) -> Floats:
        weight = operation.tensors["weight"]
        return np.ones(classes) if weight is None else as_array(weight).astype(np.float64)

    def _amounts(self, operation: Operation, inputs: Sequence[Tensor], head: Sequence[int]) -> Floats:
        """a of one image: the target's distribution, smoothed and weighted."""
        logits, target = inputs
        classes = logits.shape[1]
        if target.is_floating_point():
            shares = gather(target, _line(target, head), "the target")
        else:
            shares = np.zeros(classes)
            shares[self._true_class(operation, target, head, classes)] = 1.0
        smoothing = operation.settings["label_smoothing"]
        weights = self._class_weights(operation, classes)
        amounts: Floats = weights * ((1 - smoothing) * shares + smoothing / classes)
        return amounts

    def _divisor(self, operation: Operation, inputs: Sequence[Tensor]) -> float:
        """S: what the mean divides by."""
        logits, target = inputs
        if operation.settings["reduction"] != "mean":
            return 1.0
        heads = lattice(*[np.arange(size) for axis, size in enumerate(logits.shape) if axis != 1])
        if target.is_floating_point():
            return float(logits.numel() // logits.shape[1])
        weights = self._class_weights(operation, logits.shape[1])
        return float(sum(weights[self._true_class(operation, target, head, len(weights))] for head in heads))

    def _true_class(self, operation: Operation, target: Tensor, head: Sequence[int], classes: int) -> int:
        label = int(as_array(target)[tuple(head)])
        if label == operation.settings["ignore_index"] or not 0 <= label < classes:
            raise UserError(
                f"the target of image {int(head[0])} is class {label}; expected 0 to {classes - 1} "
                "(targets to be ignored have no arithmetic here; leave these images out)"
            )
        return label


def _line(tensor: Tensor, head: Sequence[int]) -> Integers:
    return lattice([head[0]], np.arange(tensor.shape[1]), *[[position] for position in head[1:]])


@for_module(nn.CrossEntropyLoss)
def _from_module(module: Any) -> Operation:
    return cross_entropy(module.weight, module.reduction, module.label_smoothing, module.ignore_index)


@for_function(F.cross_entropy)
def _from_call(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Call:
    return Call(cross_entropy(weight, reduction, label_smoothing, ignore_index), (input, target))
