"""From a decision to its causes: prediction, confusion, map, unit, arithmetic, and what else activates the unit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pellucid.attribution.explaining import explain_glass, suitable_explanation
from pellucid.attribution.explanation import Explanation
from pellucid.attribution.probability import output_noun
from pellucid.attribution.registry import methods_of
from pellucid.causes.activating_images import Activations, activations
from pellucid.causes.confused_pair import ConfusedPair, find_pair
from pellucid.causes.contributor import Contributor, find_contributor
from pellucid.glass.glass import Glass, look
from pellucid.glass.unit_trace import UnitTrace
from pellucid.glass.walking import Path
from pellucid.ground.shown import Shown
from pellucid.run import Run, open_run

__all__ = ["Why", "why"]


@dataclass(frozen=True, eq=False)
class Why(Shown):
    """The chain for one image; each link is what its own call gives.

    Attributes:
        glass: `look(run, image)`.
        pair: `find_pair(glass)`.
        explanation: `explain(run, image).best`, unless a method was named or the network is too expensive to try all.
        contributor: `find_contributor(glass, pair.predicted, pair.other)`.
        trace: `glass.trace(contributor.unit)`.
        path: `glass.path(contributor.unit)`.
        activations: `activations(run, contributor.channel)`.
    """

    glass: Glass
    pair: ConfusedPair
    explanation: Explanation
    contributor: Contributor
    trace: UnitTrace
    path: Path
    activations: Activations

    def __repr__(self) -> str:
        return f"Why({self.pair.predicted!r}, {self.pair.other!r}: {self.explanation!r}, {self.contributor.unit!r})"

    def sections(self) -> list[tuple[str, Any]]:
        """List the links of the chain with their headings."""
        return [
            ("The prediction", self.glass.prediction),
            ("The pair of classes", self.pair),
            ("The map of the evidence", self.explanation),
            ("The unit that contributed most", self.contributor),
            ("Its arithmetic", self.trace),
            (f"From a pixel through it to the {output_noun(self.glass)}", self.path),
            ("What else activates it", self.activations),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Every link as words and numbers; ready for JSON."""
        prediction = self.glass.prediction
        assert prediction is not None  # a pair was found
        return {
            "run": None if self.glass.run is None else str(self.glass.run.directory),
            "epoch": self.glass.epoch,
            "image": self.glass.picture.to_dict(),
            "prediction": prediction.to_dict(),
            "pair": self.pair.to_dict(),
            "explanation": self.explanation.to_dict(),
            "contributor": self.contributor.to_dict(),
            "trace": self.trace.to_dict(),
            "path": self.path.to_dict(),
            "activations": self.activations.to_dict(),
        }


def why(
    run: Run | str | FilePath,
    image: Any,
    *,
    method: str | None = None,
    epoch: int | str | None = None,
    top: int = 6,
    limit: int | None = 2000,
) -> Why:
    """Follow a decision back to its causes.

    Args:
        run: a run or its directory.
        image: as `look` takes it.
        method: what makes the map; None tries all and keeps the most faithful, or takes Grad-CAM where the network is
            so expensive that trying all would take minutes.
        epoch: `last`, `best` or a number; None is the best on validation images, else the last.
        top: how many images that activate the unit.
        limit: look for them in so many training images, evenly spaced; None looks at all.

    Raises:
        UserError: as `look`, `explain` and `activations` do.
    """
    if method is not None:
        methods_of(method)  # a wrong name is told before any work is done
    opened = run if isinstance(run, Run) else open_run(run)
    glass = look(opened, image, epoch=epoch)
    pair = find_pair(glass)
    if method is None:
        explanation = suitable_explanation(glass, pair.predicted)
    else:
        explanation = explain_glass(glass, method, pair.predicted).best
    contributor = find_contributor(glass, pair.predicted, pair.other)
    trace = glass.trace(contributor.unit)
    path = glass.path(contributor.unit, pair.predicted)
    images = activations(opened, contributor.channel, top, epoch=glass.epoch or epoch, limit=limit)
    return Why(glass, pair, explanation, contributor, trace, path, images)
