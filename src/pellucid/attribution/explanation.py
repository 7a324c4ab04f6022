"""Why a class: maps of the pixels that are evidence for it, each with a measure of how faithful it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.attribution.faithfulness import Faithfulness, MovedTest
from pellucid.attribution.registry import Attribution
from pellucid.glass.glass import Glass
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.shown import Shown
from pellucid.prediction.prediction import Prediction

__all__ = ["Explanation", "Explanations"]


@dataclass(frozen=True, eq=False)
class Explanation(Shown):
    """A map of the evidence for one class, and how faithful it is.

    Attributes:
        glass: the network on the image.
        target: the number of the class.
        attribution: the map and how it was made.
        scores: deletion and insertion in the order of the map.
        test: these scores against those of the map moved to random positions.
        random: the same for single pixels in random orders.
    """

    glass: Glass
    target: int
    attribution: Attribution
    scores: Faithfulness
    test: MovedTest
    random: tuple[Faithfulness, ...]

    def __repr__(self) -> str:
        return f"Explanation({self.method} of {self.class_name!r}: {self.verdict})"

    @property
    def map(self) -> NDArray[np.float64]:
        """`[H, W]`; the larger, the stronger the pixel is evidence for the class."""
        return self.attribution.map

    @property
    def method(self) -> str:
        """The name of the method that made the map."""
        return self.attribution.method

    @property
    def prediction(self) -> Prediction:
        """What the network answers."""
        assert self.glass.prediction is not None  # a class was explained, so there are classes
        return self.glass.prediction

    @property
    def class_name(self) -> str:
        """The class that is explained."""
        return self.prediction.classes[self.target]

    @property
    def verdict(self) -> str:
        """Which of the two tests against moved maps it passes: `passes both tests`, `deletion test only`, and so on."""
        passed = (self.test.passes_deletion, self.test.passes_insertion)
        return {
            (True, True): "passes both tests",
            (True, False): "deletion test only",
            (False, True): "insertion test only",
            (False, False): "passes neither test",
        }[passed]

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, words and lists; ready for JSON."""
        return {
            "method": self.method,
            "class": self.class_name,
            "layer": self.attribution.layer,
            "facts": list(self.attribution.facts),
            "map": self.map.tolist(),
            "scores": self.scores.to_dict(),
            "test": self.test.to_dict(),
            "random": [order.to_dict() for order in self.random],
            "verdict": self.verdict,
        }


@dataclass(frozen=True, eq=False)
class Explanations(Shown):
    """Maps of the evidence for one class by one or several methods: iterate, or index by a method's name.

    `explanations["grad-cam"]` is one, `explanations[0]` the first, `explanations.best` the most faithful.
    """

    explanations: tuple[Explanation, ...]

    def __repr__(self) -> str:
        return f"Explanations({list(self.explanations)})"

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    def __len__(self) -> int:
        return len(self.explanations)

    def __getitem__(self, method: str | int) -> Explanation:
        if isinstance(method, int):
            return self.explanations[method]
        by_name = {explanation.method: explanation for explanation in self}
        if method not in by_name:
            raise UserError(f"there is no map by {method!r}; {did_you_mean(method, by_name)}")
        return by_name[method]

    @cached_property
    def best(self) -> Explanation:
        """The one whose insertion exceeds its deletion most."""
        return max(self, key=lambda explanation: explanation.scores.insertion - explanation.scores.deletion)

    def to_dict(self) -> dict[str, Any]:
        """The prediction, every map with its scores, the random orders once."""
        first = self.explanations[0]
        maps = [explanation.to_dict() for explanation in self]
        for document in maps:
            del document["random"]
        return {
            "run": None if first.glass.run is None else str(first.glass.run.directory),
            "epoch": first.glass.epoch,
            "image": first.glass.picture.to_dict(),
            "prediction": first.prediction.to_dict(),
            "class": first.class_name,
            "explanations": maps,
            "random": [order.to_dict() for order in first.random],
        }
