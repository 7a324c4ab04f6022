"""What a network answers: each class's probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

__all__ = ["Prediction"]


@dataclass(frozen=True)
class Prediction:
    """The probabilities of all classes for one image, which add up to one.

    `classes` are the names, or the numbers as words where nobody gave names; `label` is the number of the true class,
    where the image's data set says so.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    label: int | None = None

    @classmethod
    def of(
        cls, output: Tensor, kind: str | None, classes: tuple[str, ...] | None, label: int | None
    ) -> Prediction | None:
        """Turn a network's output `(1, K)` into probabilities; None when it has another shape.

        Scores go through the softmax. A network whose last operation (`kind`) is a softmax gives probabilities itself;
        the softmax of a logarithmic one's are the same probabilities again.
        """
        if output.dim() != 2 or output.shape[0] != 1 or output.shape[1] < 2:
            return None
        shares = (output.double() if kind == "softmax" else output.double().softmax(1))[0].tolist()
        names = classes if classes and len(classes) == len(shares) else tuple(str(each) for each in range(len(shares)))
        return cls(names, tuple(shares), label)

    @property
    def index(self) -> int:
        """The number of the likeliest class."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def name(self) -> str:
        """The likeliest class's name."""
        return self.classes[self.index]

    @property
    def probability(self) -> float:
        """The likeliest class's probability, 0 to 1."""
        return self.probabilities[self.index]

    @property
    def truth(self) -> str | None:
        """The true class's name, where it is known."""
        return None if self.label is None else self.classes[self.label]

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """List the likeliest classes and their probabilities, the likeliest first.

        >>> Prediction(("cat", "dog"), (0.25, 0.75)).top(1)
        [('dog', 0.75)]
        """
        pairs = sorted(zip(self.classes, self.probabilities, strict=True), key=lambda pair: -pair[1])
        return pairs[:count]

    def __str__(self) -> str:
        truth = f" (truth: {self.truth})" if self.truth is not None else ""
        return ", ".join(f"{name} {share:.1%}" for name, share in self.top(3)) + truth

    def to_dict(self) -> dict[str, Any]:
        """Every class's probability, the likeliest class, the true one."""
        return {
            "class": self.name,
            "index": self.index,
            "probability": self.probability,
            "truth": self.truth,
            "probabilities": dict(zip(self.classes, self.probabilities, strict=True)),
        }
