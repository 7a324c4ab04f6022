"""What each letter of a printed formula stands for."""

from __future__ import annotations

import re

__all__ = ["letters_of"]

IMAGE, OUTPUT = ("n", "image of the batch"), ("o", "output")
POOLING = (IMAGE, ("c", "channel"), ("i", "position in the output"), ("W", "window"))
NORMALISATION = (("μ", "mean"), ("σ", "standard deviation"), ("γ", "weight"), ("β", "bias"), ("ε", "small constant"))
DEVIATION = (("m", "how many values there are"), ("c", "correction of the count"))
SOFTMAX = (("i", "this class"), ("j", "every class"), ("M", "the largest input"))

LETTERS: dict[str, tuple[tuple[str, str], ...]] = {
    "conv": (
        IMAGE,
        ("o", "output channel"),
        ("c", "input channel"),
        ("hij", "position in the output"),
        ("mkl", "position in the kernel"),
        ("s", "stride"),
        ("d", "dilation"),
        ("p", "padding"),
    ),
    "linear": (IMAGE, OUTPUT, ("i", "input")),
    "max_pool": POOLING,
    "avg_pool": POOLING,
    "adaptive": POOLING,
    "mean": (("m", "how many values are averaged"),),
    "variance": DEVIATION,
    "standard_deviation": DEVIATION,
    "normalize": (("p", "order of the norm"), ("ε", "small constant")),
    "norm": (("p", "order of the norm"),),
    "leaky_relu": (("a", "slope below zero"),),
    "prelu": (("w", "weight"),),
    "elu": (("α", "scale below zero"),),
    "celu": (("α", "scale below zero"),),
    "softplus": (("β", "steepness"),),
    "softshrink": (("λ", "threshold"),),
    "hardshrink": (("λ", "threshold"),),
    "threshold": (("a", "threshold"), ("b", "value below it")),
    "glu": (("a", "first half"), ("b", "second half"), ("σ", "sigmoid")),
    "local_response_norm": (
        ("c", "channel"),
        ("S", "sum of squares"),
        ("k", "constant added"),
        ("α", "scale of the squares"),
        ("β", "exponent"),
    ),
    "instance_norm": NORMALISATION,
    "rms_norm": (("γ", "weight"), ("ε", "small constant")),
    "running_sum": (("i", "position in the output"), ("j", "position in the input")),
    "dropout": (("m", "mask"), ("p", "probability of dropping a value")),
    "batch_norm": NORMALISATION,
    "group_norm": NORMALISATION,
    "layer_norm": NORMALISATION,
    "softmax": SOFTMAX,
    "log_softmax": SOFTMAX,
    "softmin": SOFTMAX,
    "cross_entropy": (
        IMAGE,
        ("k", "class"),
        ("x", "logits"),
        ("a", "target probability"),
        ("S", "what the mean divides by"),
    ),
}
"""By the beginning of an operation's kind; letters that share a meaning stand together."""


def letters_of(kind: str, formula: str) -> str:
    """Explain the letters of a formula; empty where it has none that needs it.

    >>> letters_of("linear", "y[n,o] = b[o] + Σ_i w[o,i] · x[n,i]")
    'n image of the batch, o output, i input'
    """
    meanings = next((meanings for name, meanings in LETTERS.items() if kind.startswith(name)), ())
    used = set(re.findall(r"(?<![^\W_])[^\W\d_](?![^\W\d_])", formula))
    parts = []
    for letters, meaning in meanings:
        present = [letter for letter in letters if letter in used]
        if present:
            parts.append(f"{' '.join(present)} {meaning}")
    return ", ".join(parts)
