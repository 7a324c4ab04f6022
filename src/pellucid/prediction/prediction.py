"""What a network predicts for one image: each class's probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pellucid.ground.shown import Shown, as_html, as_text
from pellucid.ground.tables import html_table
from pellucid.ground.writing import counted

if TYPE_CHECKING:
    from torch import Tensor

    from pellucid.networks import Head

__all__ = ["Prediction", "percent", "with_article"]

MOST_ROWS = 10
"""So many classes are listed in a notebook."""


@dataclass(frozen=True)
class Prediction(Shown):
    """The probabilities of all classes for one image, which add up to one.

    Attributes:
        classes: the names, or the numbers as words where they have no names.
        probabilities: 0 to 1, in the order of the classes.
        label: the number of the true label, where the image's data set says so.
        threshold: the confidence below which it is unsure; None where no answer is.
        source: where the image came from, if that is known.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    label: int | None = None
    threshold: float | None = None
    source: str = ""

    @classmethod
    def of(cls, output: Tensor, head: Head, classes: tuple[str, ...] | None, label: int | None) -> Prediction | None:
        """Turn a network's output `(1, K)` into probabilities; None when it has another shape.

        `head` says what the output is; logits go through the softmax, probabilities are used as they are.
        """
        from pellucid.networks import as_logits

        if output.dim() != 2 or output.shape[0] != 1 or output.shape[1] < 2:
            return None
        shares = as_logits(output.double(), head).softmax(1)[0].tolist()
        names = (
            classes if classes and len(classes) == len(shares) else tuple(str(index) for index in range(len(shares)))
        )
        return cls(names, tuple(shares), label)

    @property
    def index(self) -> int:
        """The number of the top class."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def name(self) -> str:
        """The top class's name."""
        return self.classes[self.index]

    @property
    def probability(self) -> float:
        """The top class's probability, 0 to 1."""
        return self.probabilities[self.index]

    @property
    def unsure(self) -> bool:
        """Whether the top class's probability is below the confidence threshold.

        >>> Prediction(("cat", "dog"), (0.25, 0.75), threshold=0.8).unsure
        True
        """
        return self.probability < (self.threshold or 0.0)

    @property
    def true_label(self) -> str | None:
        """The true label's name, where it is known."""
        return None if self.label is None else self.classes[self.label]

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """List the most probable classes and their probabilities, the top class first.

        >>> Prediction(("cat", "dog"), (0.25, 0.75)).top(1)
        [('dog', 0.75)]
        """
        pairs = sorted(zip(self.classes, self.probabilities, strict=True), key=lambda pair: -pair[1])
        return pairs[:count]

    def sentence(self, network: str, image: str, calibrated: float | None = None) -> str:
        """Say what the network predicts, how sure it is, what comes next and, where it is known, whether it is right.

        `calibrated` is the confidence at the run's temperature, said beside that as trained.

        >>> print(Prediction(("cat", "dog"), (0.25, 0.75), label=0).sentence("simple-cifar", "test/3"))
        simple-cifar is 75.0% sure that test/3 is a dog, which is wrong: it is a cat; next comes cat with 25.0%.
        """
        verdict = ""
        if self.true_label is not None:
            right = self.label == self.index
            verdict = ", which is right" if right else f", which is wrong: it is {with_article(self.true_label)}"
        (name, share), (following, rest) = self.top(2)
        sure = f"{percent(share)} sure{_calibrated(calibrated)}"
        return (
            f"{network} is {sure} that {image} is {with_article(name)}{verdict}; "
            f"next comes {following} with {percent(rest)}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Every class's probability, the top class, the true label."""
        return {
            "class": self.name,
            "index": self.index,
            "probability": self.probability,
            "unsure": self.unsure,
            "true_label": self.true_label,
            "probabilities": dict(zip(self.classes, self.probabilities, strict=True)),
        }


@as_text.register
def _(prediction: Prediction) -> str:
    label = f" (true label: {prediction.true_label})" if prediction.true_label is not None else ""
    unsure = "unsure: " if prediction.unsure else ""
    return unsure + ", ".join(f"{name} {percent(share)}" for name, share in prediction.top(3)) + label


@as_html.register
def _(prediction: Prediction) -> Markup:
    rows = [(name, percent(share)) for name, share in prediction.top(MOST_ROWS)]
    more = f"and {counted(len(prediction.classes) - MOST_ROWS, 'class', 'classes')} more"
    rows += [(more, "")] if len(prediction.classes) > MOST_ROWS else []
    return Markup("<p>{}</p>{}").format(str(prediction), html_table(("class", "probability"), rows))


def _calibrated(confidence: float | None) -> str:
    return "" if confidence is None else f" (calibrated: {percent(confidence)})"


def percent(share: float) -> str:
    """Write a probability; one that only rounding makes certain or impossible is not called so.

    >>> percent(0.731), percent(0.9999), percent(1.0), percent(0.0001)
    ('73.1%', 'more than 99.9%', '100.0%', 'less than 0.1%')
    """
    if 0.9995 <= share < 1.0:
        return "more than 99.9%"
    return "less than 0.1%" if 0.0 < share < 0.0005 else f"{share:.1%}"


def with_article(name: str) -> str:
    """Put the article before a class's name; a number is read as it is spoken, a plural has none.

    >>> [with_article(name) for name in ("frog", "airplane", "8", "7", "bus", "sandals")]
    ['a frog', 'an airplane', 'an 8', 'a 7', 'a bus', 'sandals']
    """
    if name.endswith("s") and not name.endswith(("ss", "us", "is")):
        return name
    vowel = name[:1].lower() in tuple("aeiou") or name[:1] == "8" or name in ("11", "18")
    return f"an {name}" if vowel else f"a {name}"
