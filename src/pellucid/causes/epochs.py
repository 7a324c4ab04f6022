"""What a network makes of the same image, epoch by epoch.

Shape letters: H rows and W columns of the image; h rows and w columns of a layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.attribution.faithfulness import Faithfulness, measure_map
from pellucid.attribution.probability import probability_of
from pellucid.attribution.registry import attribute
from pellucid.causes.activating_images import find_position
from pellucid.causes.contributor import find_contributor
from pellucid.glass.glass import Glass, look
from pellucid.glass.units import unit_text
from pellucid.glass.walking import class_index
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.prediction.picture import Picture, open_picture
from pellucid.prediction.prediction import Prediction
from pellucid.run import Run, open_run

__all__ = ["History", "Moment", "history"]


@dataclass(frozen=True, eq=False)
class Moment:
    """The network after one epoch.

    Attributes:
        epoch: counted from 1.
        prediction: each class's probability.
        value: the unit's; of a channel its largest.
        unit: which unit that is.
        feature_map: `[h, w]`, the unit's channel; None where its layer has no rows and columns.
        map: `[H, W]`, the attribution of the class.
        scores: how faithful that map is.
    """

    epoch: int
    prediction: Prediction
    value: float
    unit: str
    feature_map: NDArray[np.float64] | None
    map: NDArray[np.float64]
    scores: Faithfulness

    def __repr__(self) -> str:
        return f"Moment(epoch {self.epoch}: {self.prediction}; {self.unit} = {self.value:.7g})"

    def to_dict(self) -> dict[str, Any]:
        """Everything as words, numbers and lists."""
        return {
            "epoch": self.epoch,
            "prediction": self.prediction.to_dict(),
            "unit": self.unit,
            "value": self.value,
            "feature_map": None if self.feature_map is None else self.feature_map.tolist(),
            "map": self.map.tolist(),
            "deletion": self.scores.deletion,
            "insertion": self.scores.insertion,
        }


@dataclass(frozen=True, eq=False)
class History(Shown):
    """The same image, unit and class over the epochs whose weights a run keeps.

    Attributes:
        run: whose network.
        last: the network of the last epoch, looked into.
        unit: the channel or unit, as it was asked for.
        target: the class whose map is made.
        method, layer: how the map is made, and of which layer; None for a method that takes none.
        moments: one an epoch, the earliest first.
    """

    run: Run
    last: Glass
    unit: str
    target: str
    method: str
    layer: str | None
    moments: tuple[Moment, ...]

    def __repr__(self) -> str:
        return f"History({self.run.directory}, {self.picture.source}, {self.unit}: {len(self)} epochs)"

    def __iter__(self) -> Iterator[Moment]:
        return iter(self.moments)

    def __len__(self) -> int:
        return len(self.moments)

    def __getitem__(self, order: int) -> Moment:
        return self.moments[order]

    def at(self, epoch: int) -> Moment:
        """Give the moment after an epoch.

        Raises:
            UserError: its weights are not kept.
        """
        by_epoch = {moment.epoch: moment for moment in self.moments}
        if epoch not in by_epoch:
            listed = ", ".join(map(str, by_epoch))
            raise UserError(f"{self.run.directory} keeps no weights of epoch {epoch}; expected one of: {listed}")
        return by_epoch[epoch]

    @property
    def picture(self) -> Picture:
        """The image."""
        return self.last.picture

    def to_dict(self) -> dict[str, Any]:
        """Everything as words, numbers and lists; ready for JSON."""
        return {
            "run": str(self.run.directory),
            "image": self.picture.to_dict(),
            "unit": self.unit,
            "class": self.target,
            "method": self.method,
            "layer": self.layer,
            "moments": [moment.to_dict() for moment in self.moments],
        }


def history(
    run: Run | str | Path,
    image: Any,
    unit: str | None = None,
    *,
    method: str = "grad-cam",
    target: int | str | None = None,
    layer: str | None = None,
) -> History:
    """Look at the same image with the weights of every epoch that a run keeps.

    Args:
        run: a run or its directory.
        image: as `look` takes it.
        unit: a channel `conv2[7]` or a unit `conv2[7,3,5]`; by default the channel of the
            unit that contributed most to the last epoch's decision.
        method: what makes the maps, as `explain` takes it.
        target: the class whose maps are made, by name or number; by default the last epoch's prediction.
        layer: for a method that takes one.

    Raises:
        UserError: there is no such unit, class or method, or no weights yet.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    opened.resolve_epoch("last")
    picture = open_picture(image, opened.preprocessing, opened)
    last = look(opened, picture, epoch="last")
    chosen = class_index(last, last.top_output().index[0] if target is None else target)
    named = find_contributor(last, chosen).channel if unit is None else unit
    node, index = find_position(last, named)
    moments = []
    for epoch in opened.epochs():
        glass = last if epoch == last.epoch else look(opened, picture, epoch=epoch)
        attribution = attribute(glass, method, chosen, layer)
        scores = measure_map(probability_of(glass, chosen), glass.recording.steps[0].value, attribution.map)
        moments.append(_moment(glass, node.name, index, attribution.map, scores))
    prediction = moments[-1].prediction
    return History(
        opened, last, unit_text(node.name, index), prediction.classes[chosen], method, attribution.layer, tuple(moments)
    )


def _moment(
    glass: Glass, layer: str, index: tuple[int, ...], values: NDArray[np.float64], scores: Faithfulness
) -> Moment:
    node = glass[layer]
    feature_map = None
    position = index
    if len(node.shape) == 3:
        feature_map = np.asarray(node.value[index[0]].detach().double().cpu().numpy())
        if len(index) == 1:
            row, column = np.unravel_index(int(feature_map.argmax()), feature_map.shape)
            position = (*index, int(row), int(column))
    assert glass.prediction is not None  # there are classes
    assert glass.epoch is not None  # a run's network has one
    unit = node[position]
    return Moment(glass.epoch, glass.prediction, unit.value, unit.name, feature_map, values, scores)
