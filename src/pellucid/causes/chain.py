"""From a decision to its causes: prediction, confusion, map, unit, arithmetic, and the images that excite the unit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from pellucid.attribution.explanation import Explanation, best_explanation, explain_glass
from pellucid.causes.carrier import Carrier, find_carrier
from pellucid.causes.confused_pair import ConfusedPair, find_pair
from pellucid.causes.excitation import Excitation, excite
from pellucid.glass.glass import Glass, look
from pellucid.glass.unit_trace import UnitTrace
from pellucid.glass.walking import Path
from pellucid.ground.shown import Shown
from pellucid.run import Run, open_run

if TYPE_CHECKING:
    pass

__all__ = ["Why", "why"]


@dataclass(frozen=True, eq=False)
class Why(Shown):
    """The chain for one image; each link is what its own call gives.

    Attributes:
        glass: `look(run, image)`.
        pair: `find_pair(glass)`.
        explanation: `explain(run, image)`, of the method that does best on this image unless one was named.
        carrier: `find_carrier(glass, predicted, true)`.
        trace: `glass.trace(carrier.unit)`.
        path: `glass.path(carrier.unit)`.
        excitation: `excite(run, carrier.channel)`.
    """

    glass: Glass
    pair: ConfusedPair
    explanation: Explanation
    carrier: Carrier
    trace: UnitTrace
    path: Path
    excitation: Excitation

    def __repr__(self) -> str:
        return f"Why({self.pair.title!r}: {self.explanation!r}, {self.carrier.unit!r})"

    def sections(self) -> list[tuple[str, Any]]:
        """List the links of the chain with their headings."""
        return [
            ("The prediction", self.glass.prediction),
            ("The pair of classes", self.pair),
            ("The map that explains it", self.explanation),
            ("The unit that carried it", self.carrier),
            ("Its arithmetic", self.trace),
            ("From a pixel through it to the score", self.path),
            ("What else excites it", self.excitation),
        ]

    def __str__(self) -> str:
        lines = [self.glass.title]
        if self.glass.picture.fitted:
            lines.append(f"image  {self.glass.picture.fitted}")
        for place, (heading, link) in enumerate(self.sections(), start=1):
            lines += ["", f"{place}. {heading}", *(f"   {line}" for line in str(link).splitlines())]
        return "\n".join(lines)

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
            "carrier": self.carrier.to_dict(),
            "trace": self.trace.to_dict(),
            "path": self.path.to_dict(),
            "excitation": self.excitation.to_dict(),
        }


def why(
    run: Run | str | FilePath,
    image: Any,
    *,
    method: str | None = None,
    epoch: int | str = "last",
    most: int = 6,
    limit: int | None = 2000,
) -> Why:
    """Follow a decision back to its causes.

    Args:
        run: a run or its directory.
        image: as `look` takes it.
        method: what makes the map; None tries all and keeps the one that does best.
        epoch: `last`, `best` or a number.
        most: how many images that excite the unit.
        limit: look for them in so many training images, evenly spaced; None looks at all.

    Raises:
        UserError: as `look`, `explain` and `excite` do.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    glass = look(opened, image, epoch=epoch)
    pair = find_pair(glass)
    if method is None:
        explanation = best_explanation(glass, pair.predicted)
    else:
        explanation = explain_glass(glass, (method,), pair.predicted).explanations[0]
    carrier = find_carrier(glass, pair.predicted, pair.true)
    trace = glass.trace(carrier.unit)
    excitation = excite(opened, carrier.channel, most, epoch=glass.epoch or epoch, limit=limit)
    return Why(glass, pair, explanation, carrier, trace, glass.path(carrier.unit, pair.predicted), excitation)
