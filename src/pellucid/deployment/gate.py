"""The gate: an exported file is kept only if it answers every picture as the run does.

What the run says is computed as everywhere else, by the decoder, the network in torch and the table of predictions; the
graph's answer comes from the runtime that will run it. Compared are the pixels that the network gets, to the last bit,
the decision, and every probability.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.data.decode import BrokenImage
from pellucid.deployment.gate_pictures import GatePicture, pixel_format
from pellucid.deployment.graph import PIXELS, ROUNDING, Deciding
from pellucid.ground.devices import full_float32
from pellucid.ground.errors import UserError
from pellucid.ground.outside import visible
from pellucid.ground.writing import counted
from pellucid.networks import as_logits
from pellucid.prediction.prediction import percent
from pellucid.prediction.predictions import Predictions
from pellucid.prediction.predictor import Predictor

__all__ = ["TOLERANCE", "GateFigures", "Graph", "pass_gate"]

TOLERANCE = 1e-4
"""How far a probability may be from the run's."""

Graph = Callable[[NDArray[np.uint8]], dict[str, NDArray[Any]]]
"""An exported file in its runtime: uint8 `[B, H, W, C]` to its outputs by name, `PIXELS` among them."""

AT_ONCE = 16


@dataclass(frozen=True)
class GateFigures:
    """What an exported file was compared on, and how far it was from the run."""

    held_out: int
    """Images of the run's own set."""
    hard: int
    """Pictures made to be difficult."""
    largest_difference: float
    """Of any probability."""
    worst: str
    """The picture with that difference."""
    on_the_edge: int
    """Pictures between two decisions: a difference of a millionth in a probability tips them either way."""
    tolerance: float = TOLERANCE
    pixels: str = "identical"
    decisions: str = "identical"

    @property
    def pictures(self) -> int:
        """How many were compared."""
        return self.held_out + self.hard

    def to_dict(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)

    def __str__(self) -> str:
        edge = ""
        if self.on_the_edge:
            edge = f" ({counted(self.on_the_edge, 'picture')} within a millionth of two decisions not counted)"
        return (
            f"checked on {self.held_out:,} of the run's images and {self.hard} difficult ones: the same pixels to the "
            f"last bit, the same decision on every one{edge}, probabilities at most {self.largest_difference:.1e} apart"
        )


@dataclass(frozen=True)
class _Answer:
    """What is said of one picture."""

    pixels: NDArray[np.uint8]
    probabilities: NDArray[np.float64]
    label: int
    abstain: bool

    def describe(self, classes: Sequence[str]) -> str:
        confidence = float(self.probabilities[self.label])
        return f"{visible(classes[self.label])} {percent(confidence)}{' (unsure)' if self.abstain else ''}"


def pass_gate(
    predictor: Predictor,
    deciding: Deciding,
    graph: Graph,
    pictures: Iterable[GatePicture],
    advance: Callable[[int], None] = lambda count: None,
) -> GateFigures:
    """Compare a graph with the run on every picture.

    Args:
        predictor: the run with the weights that were exported.
        deciding: its temperature and threshold.
        graph: what was exported.
        pictures: what to compare on.
        advance: is told how many pictures have just been compared.

    Raises:
        UserError: they differ; it shows the worst picture and both answers.
    """
    faults: list[tuple[tuple[int, float], str]] = []
    held_out = hard = edges = 0
    largest, worst = 0.0, ""
    for batch in _batches(pictures, predictor):
        names = [picture.name for picture, _ in batch]
        expected = _expected(predictor, deciding, [picture for picture, _ in batch])
        given = _given(graph, np.stack([upright for _, upright in batch]))
        for (picture, _), mine, theirs in zip(batch, expected, given, strict=True):
            difference = float(np.abs(mine.probabilities - theirs.probabilities).max())
            if not difference <= largest:
                largest, worst = difference, picture.name
            fault, on_the_edge = _fault(mine, theirs, difference, deciding)
            if fault is not None:
                faults.append((fault, _both(picture.name, mine, theirs, predictor.run.classes)))
            edges += on_the_edge
            held_out += picture.held_out
            hard += not picture.held_out
        advance(len(names))
    if faults:
        pictures_in_all = counted(held_out + hard, "picture")
        raise UserError(
            f"the exported file does not answer as the run does, on {len(faults):,} of {pictures_in_all}, so no file "
            f"was written. Worst:\n{max(faults)[1]}"
        )
    return GateFigures(held_out, hard, largest, worst, edges)


def _batches(
    pictures: Iterable[GatePicture], predictor: Predictor
) -> Iterator[list[tuple[GatePicture, NDArray[np.uint8]]]]:
    """Put pictures together that follow each other and have one size."""
    target = pixel_format(predictor)
    batch: list[tuple[GatePicture, NDArray[np.uint8]]] = []
    for picture in pictures:
        try:
            upright = picture.upright(target)
        except BrokenImage as error:
            raise UserError(f"{picture.name} cannot be read any more: {error}; put the image back") from error
        if batch and (len(batch) == AT_ONCE or batch[0][1].shape != upright.shape):
            yield batch
            batch = []
        batch.append((picture, upright))
    if batch:
        yield batch


@full_float32()
def _expected(predictor: Predictor, deciding: Deciding, pictures: Sequence[GatePicture]) -> list[_Answer]:
    """Answer as the run does."""
    target, run = pixel_format(predictor), predictor.run
    pixels = np.stack([picture.fitted(target) for picture in pictures])
    with torch.inference_mode():
        inputs = predictor.preprocessing(torch.from_numpy(pixels).to(predictor.device))
        logits = as_logits(predictor.network(inputs).float(), run.head).cpu().numpy()
    names, labels = [picture.name for picture in pictures], np.zeros(len(pictures), np.int64)
    predictions = Predictions.from_logits(run.classes, names, labels, logits).at_temperature(deciding.temperature)
    abstain = predictions.confidence < (deciding.threshold or 0.0)
    return [
        _Answer(*answer)
        for answer in zip(
            pixels, predictions.probabilities, predictions.predicted.tolist(), abstain.tolist(), strict=True
        )
    ]


def _given(graph: Graph, images: NDArray[np.uint8]) -> list[_Answer]:
    """Ask the exported file."""
    outputs = graph(images)
    values = (outputs[PIXELS], outputs["probabilities"].astype(np.float64), outputs["label"], outputs["abstain"])
    return [
        _Answer(pixels, row, int(label), bool(abstain)) for pixels, row, label, abstain in zip(*values, strict=True)
    ]


def _fault(
    mine: _Answer, theirs: _Answer, difference: float, deciding: Deciding
) -> tuple[tuple[int, float] | None, bool]:
    """Say how bad a difference is, None where it is none; and whether the picture lies between two decisions."""
    edge = False
    severity = 0
    if mine.label != theirs.label:
        edge = abs(mine.probabilities[mine.label] - mine.probabilities[theirs.label]) <= ROUNDING
        severity = 0 if edge else 3
    elif mine.abstain != theirs.abstain:
        edge = abs(mine.probabilities[mine.label] - (deciding.threshold or 0.0)) <= 2 * ROUNDING
        severity = 0 if edge else 2
    if not severity and (not difference <= TOLERANCE or not np.array_equal(mine.pixels, theirs.pixels)):
        severity = 1
    return ((severity, difference if np.isfinite(difference) else np.inf) if severity else None), edge


def _both(name: str, mine: _Answer, theirs: _Answer, classes: Sequence[str]) -> str:
    difference = np.abs(mine.probabilities - theirs.probabilities)
    at = int(difference.argmax())
    if mine.pixels.shape != theirs.pixels.shape:
        pixels = f"its pixels are {theirs.pixels.shape} instead of {mine.pixels.shape}"
    else:
        levels = np.abs(mine.pixels.astype(np.int16) - theirs.pixels)
        pixels = (
            f"{int((levels > 0).sum()):,} of {levels.size:,} pixel values differ, by up to {int(levels.max())} of 255"
            if levels.any()
            else "its pixels are the same"
        )
    return (
        f"  {visible(name)}\n"
        f"  the run:           {mine.describe(classes)}\n"
        f"  the exported file: {theirs.describe(classes)}\n"
        f"  {pixels}; the probability of {visible(classes[at])} differs most, by {difference[at]:.2g} "
        f"(allowed: {TOLERANCE:g})"
    )
