"""Why a class: a map of the pixels that speak for it, and whether the map is to be believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.arithmetic import twin_of
from pellucid.attribution.faithfulness import (
    Faithfulness,
    Probability,
    measure_map,
    measure_moved,
    measure_random_orders,
)
from pellucid.attribution.methods import METHODS, Attribution, attribute
from pellucid.glass.glass import Glass, look
from pellucid.glass.walking import class_index
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.ground.tables import text_table
from pellucid.run import Run

if TYPE_CHECKING:
    pass

__all__ = ["Comparison", "Explanation", "best_explanation", "compare", "explain", "explain_glass"]

HEADINGS = ("map", "deletion", "moved elsewhere", "insertion", "moved elsewhere", "")
RIGHT = (1, 2, 3, 4)


@dataclass(frozen=True, eq=False)
class Explanation(Shown):
    """A map of one class's score, with what it is worth.

    Attributes:
        glass: the network on the image.
        target: the number of the class.
        attribution: the map and how it was made.
        scores: deletion and insertion in the order of the map.
        moved: the same for the map moved to random places.
        random: the same for single pixels in random orders.
    """

    glass: Glass
    target: int
    attribution: Attribution
    scores: Faithfulness
    moved: tuple[Faithfulness, ...]
    random: tuple[Faithfulness, ...]

    def __repr__(self) -> str:
        return f"Explanation({self.method} of {self.class_name!r}: {self.verdict})"

    @property
    def map(self) -> NDArray[np.float64]:
        """`[H, W]`; the larger, the more the pixel speaks for the class."""
        return self.attribution.map

    @property
    def method(self) -> str:
        """What made the map."""
        return self.attribution.method

    @property
    def class_name(self) -> str:
        """The class that is explained."""
        assert self.glass.prediction is not None
        return self.glass.prediction.classes[self.target]

    @property
    def better_deletion(self) -> bool:
        """Whether deletion is lower than with the map moved anywhere."""
        return self.scores.deletion < min(each.deletion for each in self.moved)

    @property
    def better_insertion(self) -> bool:
        """Whether insertion is higher than with the map moved anywhere."""
        return self.scores.insertion > max(each.insertion for each in self.moved)

    @property
    def verdict(self) -> str:
        """What the scores say of the map: `explains`, `in part` or `does not explain`."""
        return ("does not explain", "in part", "explains")[self.better_deletion + self.better_insertion]

    @property
    def title(self) -> str:
        """Which class of which image, by which network."""
        assert self.glass.prediction is not None
        share = self.glass.prediction.probabilities[self.target]
        return f"{self.glass.title}; why {self.class_name} ({share:.1%})"

    def __str__(self) -> str:
        lines = [self.title, f"{self.method}: {self.attribution.facts[0]}"]
        lines += [f"  {fact}" for fact in self.attribution.facts[1:]]
        lines += [f"  {line}" for line in text_table(HEADINGS, score_rows((self,)), right=RIGHT)]
        return "\n".join([*lines, f"  {verdict_line(self)}"])

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, words and lists; ready for JSON."""
        return {
            "method": self.method,
            "class": self.class_name,
            "layer": self.attribution.layer,
            "facts": list(self.attribution.facts),
            "map": self.map.tolist(),
            "scores": self.scores.to_dict(),
            "moved": [each.to_dict() for each in self.moved],
            "random": [each.to_dict() for each in self.random],
            "verdict": self.verdict,
        }


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """Several maps of the same score, side by side."""

    explanations: tuple[Explanation, ...]

    def __repr__(self) -> str:
        return f"Comparison({list(self.explanations)})"

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    def __len__(self) -> int:
        return len(self.explanations)

    def __getitem__(self, method: str) -> Explanation:
        return {each.method: each for each in self.explanations}[method]

    @cached_property
    def best(self) -> Explanation:
        """The one whose insertion exceeds its deletion most."""
        return max(self.explanations, key=lambda each: each.scores.insertion - each.scores.deletion)

    def __str__(self) -> str:
        first = self.explanations[0]
        lines = [first.title]
        if first.glass.picture.fitted:
            lines.append(f"image       {first.glass.picture.fitted}")
        lines += [f"prediction  {first.glass.prediction}", ""]
        lines += text_table(HEADINGS, score_rows(self.explanations), right=RIGHT)
        lines += ["", *(f"{each.method}: {'; '.join(each.attribution.facts)}" for each in self)]
        return "\n".join([*lines, "", MEANING])

    def to_dict(self) -> dict[str, Any]:
        """The prediction, every map with its scores, the random orders once."""
        first = self.explanations[0]
        assert first.glass.prediction is not None
        maps = [{key: each for key, each in one.to_dict().items() if key != "random"} for one in self]
        return {
            "run": None if first.glass.run is None else str(first.glass.run.directory),
            "epoch": first.glass.epoch,
            "image": first.glass.picture.to_dict(),
            "prediction": first.glass.prediction.to_dict(),
            "class": first.class_name,
            "explanations": maps,
            "random": [each.to_dict() for each in first.random],
        }


MEANING = (
    "deletion: mean probability of the class while pixels are painted over, the map's strongest first; low is good.\n"
    "insertion: the same while sharp pixels come into a blurred image; high is good.\n"
    "A map explains the decision where it does better in both than it does when moved elsewhere in the image."
)


def explain(
    network: Run | str | Path | nn.Module,
    image: Any,
    method: str = "grad-cam",
    target: int | str | None = None,
    *,
    layer: str | None = None,
    epoch: int | str = "last",
    **more: Any,
) -> Explanation:
    """Map the pixels that speak for a class, and measure what the map is worth.

    Args:
        network, image, epoch: as `look` takes them; `more` (`preprocessing`, `classes`) goes there too.
        method: `saliency`, `integrated-gradients`, `grad-cam` or `occlusion`.
        target: the class, by name or number; the likeliest by default.
        layer: of `grad-cam`, a layer with rows and columns; the last one by default.

    Raises:
        UserError: as `look` does; no such method, class or layer; captum is not installed.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    >>> found = explain(network, torch.rand(1, 6, 6), target=1)
    >>> found.map.shape, found.attribution.layer
    ((6, 6), '0')
    """
    return explain_glass(look(network, image, epoch=epoch, **more), (method,), target, layer).explanations[0]


def compare(
    network: Run | str | Path | nn.Module,
    image: Any,
    methods: Sequence[str] = METHODS,
    target: int | str | None = None,
    *,
    layer: str | None = None,
    epoch: int | str = "last",
    **more: Any,
) -> Comparison:
    """Make several maps of the same score, to see which of them explains it; arguments as those of `explain`."""
    return explain_glass(look(network, image, epoch=epoch, **more), methods, target, layer)


def explain_glass(
    glass: Glass, methods: Sequence[str] = METHODS, target: int | str | None = None, layer: str | None = None
) -> Comparison:
    """Do the same for a network that was looked into already; a layer is Grad-CAM's.

    Raises:
        UserError: as `explain`.
    """
    chosen = class_index(glass, glass.top_output().index[0] if target is None else target)
    made = [
        attribute(glass, method, chosen, layer if method == "grad-cam" or len(methods) == 1 else None)
        for method in methods
    ]
    probability, x = probability_of(glass, chosen), glass.recording.steps[0].value.detach()
    random = measure_random_orders(probability, x)
    return Comparison(
        tuple(
            Explanation(
                glass,
                chosen,
                each,
                measure_map(probability, x, each.map),
                measure_moved(probability, x, each.map),
                random,
            )
            for each in made
        )
    )


def best_explanation(glass: Glass, target: int | str | None = None) -> Explanation:
    """Make every map that can be made, and keep the one whose insertion exceeds its deletion most.

    Without captum that is Grad-CAM's; in a network without layers that have rows and columns, another one.

    Raises:
        UserError: no map can be made.
    """
    chosen = class_index(glass, glass.top_output().index[0] if target is None else target)
    probability, x = probability_of(glass, chosen), glass.recording.steps[0].value.detach()
    best: tuple[float, str] | None = None
    failed: UserError | None = None
    for method in METHODS:
        try:
            scores = measure_map(probability, x, attribute(glass, method, chosen).map)
        except UserError as error:
            failed = error
            continue
        gain = scores.insertion - scores.deletion
        if best is None or gain > best[0]:
            best = gain, method
    if best is None:
        assert failed is not None
        raise failed
    return explain_glass(glass, (best[1],), chosen).explanations[0]


def probability_of(glass: Glass, target: int) -> Probability:
    """Give the function from images `(B, C, H, W)` to one class's probability `(B,)`, in evaluation mode."""
    network = twin_of(glass.network).eval()
    operation = glass.output.step.operation
    gives_probabilities = operation is not None and operation.kind == "softmax"

    def probability(images: Tensor) -> Tensor:
        with torch.no_grad():
            scores = network(images).double()
            shares = scores if gives_probabilities else scores.softmax(1)
        chosen: Tensor = shares[:, target]
        return chosen

    return probability


def verdict_line(found: Explanation) -> str:
    """Say in a sentence what the scores of a map mean."""
    return {
        "explains": "It explains the decision: better in both scores than moved elsewhere.",
        "in part": "It explains the decision in part: in one of the scores it is no better than moved elsewhere.",
        "does not explain": "It does not explain the decision: in both scores it is no better than moved elsewhere.",
    }[found.verdict]


def score_rows(explanations: Sequence[Explanation]) -> list[tuple[str, ...]]:
    """Write a row for each map, and one for the random orders."""
    rows: list[tuple[str, ...]] = []
    for each in explanations:
        deletion, insertion = _spans(each.moved)
        scores = each.scores
        rows.append(
            (each.method, f"{scores.deletion:.3f}", deletion, f"{scores.insertion:.3f}", insertion, each.verdict)
        )
    deletion, insertion = _spans(explanations[0].random)
    return [*rows, ("random order", deletion, "", insertion, "", f"{len(explanations[0].random)} tries")]


def _spans(several: Sequence[Faithfulness]) -> tuple[str, str]:
    deletions, insertions = [one.deletion for one in several], [one.insertion for one in several]
    return (
        f"{min(deletions):.3f} to {max(deletions):.3f}",
        f"{min(insertions):.3f} to {max(insertions):.3f}",
    )
