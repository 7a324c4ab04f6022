"""What a network returns for each class: logits, log-probabilities, probabilities, or shares that need not add up to 1.

Ordinary networks return logits, which a softmax turns into probabilities. Some end in a softmax or a log-softmax of
their own, and some in a sigmoid. What a network returns is found out once, when its run begins, and recorded; loss,
evaluation and calibration then start from `as_logits`, whose softmax gives the network's own probabilities again.

Shape letters: B images, K classes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Head", "as_logits", "head_of"]

IMAGES = 8
SCALES = (1.0, 30.0)
"""Random images, ordinary and far outside of the usual range: what adds up to 1 on all of them does so always."""
TOLERANCE = 1e-3
EXACTLY = 1e-5
SIGMOIDS = ("sigmoid", "sigmoid_", "hardsigmoid")


class Head(StrEnum):
    """What the K outputs of a network mean."""

    LOGITS = "logits"
    LOG_PROBABILITIES = "log-probabilities"
    PROBABILITIES = "probabilities"
    SIGMOIDS = "sigmoids"
    """A number from 0 to 1 for each class by itself; as one label is asked for, their shares of the sum are taken."""

    @property
    def noun(self) -> str:
        """What one of the outputs is called."""
        return {
            Head.LOGITS: "logit",
            Head.LOG_PROBABILITIES: "log-probability",
            Head.PROBABILITIES: "probability",
            Head.SIGMOIDS: "sigmoid output",
        }[self]

    @classmethod
    def of_output(cls, output: Tensor, kind: str | None) -> Head:
        """Say what one output `[B, K]` is, by the kind of the operation that made it and by whether it adds up to 1."""
        if kind in ("log_softmax", "sigmoid"):
            return cls.LOG_PROBABILITIES if kind == "log_softmax" else cls.SIGMOIDS
        values = output.double()
        adds_up = bool((values >= 0).all() and ((values.sum(-1) - 1).abs() < EXACTLY).all())
        return cls.PROBABILITIES if kind == "softmax" or adds_up else cls.LOGITS

    @property
    def remark(self) -> str:
        """What a person should know before training such a network; empty for logits and log-probabilities."""
        if self is Head.PROBABILITIES:
            return (
                "the network ends in a softmax: the loss is that of its probabilities, through their logarithm; leave "
                "the softmax out, and the loss is computed from the logits, which is more accurate"
            )
        if self is Head.SIGMOIDS:
            return (
                "the network ends in a sigmoid for each class: their shares of the sum are taken as probabilities, as "
                "each image has one label; leave the sigmoid out to train on logits"
            )
        return ""


def as_logits(outputs: Tensor, head: Head) -> Tensor:
    """Turn a network's outputs `[B, K]` into numbers whose softmax is what the network says; floating, same shape.

    Logits and log-probabilities stay: the softmax of log-probabilities are the probabilities. Of probabilities and
    sigmoids it is the logarithm; one of zero counts as the smallest normal number.

    >>> as_logits(torch.tensor([[0.25, 0.75]]), Head.PROBABILITIES).softmax(1)
    tensor([[0.2500, 0.7500]])
    """
    if head in (Head.LOGITS, Head.LOG_PROBABILITIES):
        return outputs
    return outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log()


def head_of(network: nn.Module, input_shape: tuple[int, int, int]) -> Head:
    """Find out what a network returns, by running it in evaluation mode on random images `(C, H, W)`.

    The network is left as it was found. Outputs that are not finite tell nothing: they count as logits.

    >>> head_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Softmax(1)), (1, 2, 2))
    <Head.PROBABILITIES: 'probabilities'>
    """
    modes = [(module, module.training) for module in network.modules()]
    images = torch.randn((IMAGES, *input_shape), generator=torch.Generator().manual_seed(0))
    watch = _LastCall()
    try:
        network.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]), watch:
            outputs = [network(images * scale) for scale in SCALES]
    finally:
        for module, training in modes:
            module.training = training
    values = torch.cat([output.double() for output in outputs])
    if not bool(torch.isfinite(values).all()):
        return Head.LOGITS
    bounded = bool((values >= 0).all() and (values <= 1 + TOLERANCE).all())
    if bounded and bool(((values.sum(1) - 1).abs() < TOLERANCE).all()):
        return Head.PROBABILITIES
    if bool((values <= TOLERANCE).all() and (values.logsumexp(1).abs() < TOLERANCE).all()):
        return Head.LOG_PROBABILITIES
    return Head.SIGMOIDS if bounded and watch.made(outputs[-1]) else Head.LOGITS


class _LastCall(TorchFunctionMode):
    """Notices which tensors a sigmoid returned."""

    def __init__(self) -> None:
        super().__init__()
        self._sigmoids: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in SIGMOIDS and isinstance(result, Tensor):
            self._sigmoids.append(result)
        return result

    def made(self, output: Tensor) -> bool:
        return any(result is output for result in self._sigmoids)
