"""The sections that look into the network: the worst mistakes with their maps and arithmetic, filters, feature maps."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.attribution.explaining import (
    PASSES,
    QUICK_PASSES,
    best_explanation,
    pass_seconds,
    quick_explanation,
)
from pellucid.attribution.layers import spatial_layers
from pellucid.attribution.showing import verdict_sentence
from pellucid.causes import filters, maps
from pellucid.evaluation.mistakes import Mistake, mistakes_among
from pellucid.figures.attribution import overlay
from pellucid.glass import Glass, look
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress
from pellucid.ground.writing import counted
from pellucid.reporting.pictures import data_uri, mosaic, signed_colours
from pellucid.reporting.source import Source

__all__ = ["filters_section", "maps_section", "mistakes_section"]

MISTAKES = 9
BUDGET, QUICK_BUDGET = 60.0, 25.0
"""Seconds of a processor for all maps of mistakes: the best of all methods, or else quick ones."""
LARGEST = 224
LAYERS = 8
CHANNELS = 64


def mistakes_section(source: Source) -> dict[str, Any]:
    """Show the most confident mistakes: image, map of the predicted class, the trace of that class's logit."""
    assert source.evaluation is not None
    if source.predictions is None or source.chosen is None:
        return {"cards": [], "count": source.evaluation.images - source.evaluation.correct, "maps": ""}
    mistakes = mistakes_among(source.predictions, source.chosen, top=MISTAKES)
    cards: list[dict[str, Any]] = []
    plan = _Plan()
    with progress("maps of mistakes", len(mistakes.shown), "mistakes") as advance:
        for mistake in mistakes.shown:
            cards.append(_card(source, mistake, plan, len(mistakes.shown)))
            advance(1)
    return {"cards": cards, "count": mistakes.count, "maps": plan.sentence(len(cards))}


@dataclass
class _Plan:
    """How many mistakes get a map, and how it is made, by what the network costs; decided at the first one."""

    maps: int | None = None
    quick: bool = False
    seconds: float = 0.0
    made: int = 0
    method: str = ""

    def decide(self, glass: Glass, cards: int) -> None:
        """Measure what a pass costs, and choose what fits the budget."""
        if self.maps is not None:
            return
        self.seconds = pass_seconds(glass)
        self.quick = self.seconds * PASSES * cards > BUDGET
        affordable = int(QUICK_BUDGET / (self.seconds * QUICK_PASSES)) if self.seconds else cards
        self.maps = min(cards, max(1, affordable)) if self.quick else cards

    def sentence(self, cards: int) -> str:
        """Say what was left out and why; empty where nothing was."""
        if not self.quick or not self.made:
            return ""
        only = f"Maps for the {counted(self.made, 'most confident mistake')} only" if self.made < cards else "Maps"
        return (
            f"{only}, each by {self.method} alone, since an image takes this network "
            f"{1000 * self.seconds:.0f} ms and testing all methods needs {PASSES:,} of them for each mistake; "
            "for any other: pellucid explain."
        )


def filters_section(source: Source) -> dict[str, Any] | None:
    """Show the filters of the first convolution; None where they cannot be drawn.

    Filters of three channels are drawn in their colours, around grey; others as signed values, blue above zero.
    """
    try:
        first = filters(source.run, epoch=source.epoch)
    except UserError:
        return None
    coloured = first.weights.shape[1] == 3
    pictures = []
    for weights in first.weights[:CHANNELS]:
        values = weights.transpose(1, 2, 0) if coloured else weights.mean(0)
        share = values / (float(np.abs(values).max()) or 1.0)
        pixels = np.rint(255 * (0.5 + 0.5 * share)).astype(np.uint8) if coloured else signed_colours(share)
        pictures.append(data_uri(pixels, exact=True))
    zero = "grey is zero" if coloured else "white is zero, blue is above zero, orange below"
    return {"title": first.title, "zero": zero, "pictures": pictures, "more": len(first.weights) - len(pictures)}


def maps_section(source: Source) -> dict[str, Any] | None:
    """Show the channels of the layers on the image that the network classifies correctly with most confidence."""
    predictions, chosen = source.predictions, source.chosen
    if predictions is None or chosen is None:
        return None
    right = np.flatnonzero(predictions.right)
    rows = right if len(right) else np.arange(len(predictions))
    row = int(rows[predictions.confidence[rows].argmax()])
    glass = look(source.run, chosen.pixels(row), epoch=source.epoch)
    nodes = spatial_layers(glass)
    if len(nodes) > LAYERS:
        nodes = [nodes[round(index)] for index in np.linspace(0, len(nodes) - 1, LAYERS)]
    layers = []
    for node in nodes:
        values = maps(glass, layer=node.name).values
        shown = values[:CHANNELS]
        columns = min(len(shown), 16 if len(shown) > 16 else 8)
        layers.append(
            {
                "name": node.name,
                "label": node.label,
                "channels": len(values),
                "size": f"{values.shape[2]} × {values.shape[1]}",
                "signed": bool((values < 0).any()),
                "picture": data_uri(mosaic(shown, columns), exact=True),
                "columns": columns,
            }
        )
    image = predictions.sources[row]
    return {
        "image": data_uri(_enlargeable(chosen.pixels(row))),
        "source": image,
        "label": predictions.classes[predictions.labels[row]],
        "confidence": float(predictions.confidence[row]),
        "layers": layers,
        "command": f"pellucid maps . {shlex.quote(image)}",
    }


def _card(source: Source, mistake: Mistake, plan: _Plan, cards: int) -> dict[str, Any]:
    assert source.predictions is not None
    assert source.chosen is not None
    pixels = source.chosen.pixels(mistake.index)
    glass = look(source.run, pixels, epoch=source.epoch)
    probabilities = source.predictions.probabilities[mistake.index]
    top = np.argsort(-probabilities)[:3]
    return {
        "mistake": mistake,
        "image": data_uri(_enlargeable(pixels)),
        "map": _map(glass, mistake.predicted, plan, cards),
        "bars": [(source.run.classes[index], float(probabilities[index])) for index in top],
        "arithmetic": _arithmetic(glass, mistake.predicted),
        "command": f"pellucid trace . {shlex.quote(mistake.image)}",
    }


def _map(glass: Glass, target: str, plan: _Plan, cards: int) -> dict[str, str] | None:
    try:
        plan.decide(glass, cards)
        if plan.made == plan.maps:
            return None
        best = quick_explanation(glass, target) if plan.quick else best_explanation(glass, target)
    except UserError:  # a network without rows and columns has no map
        return None
    plan.made, plan.method = plan.made + 1, best.method
    assert glass.picture.pixels is not None
    pixels = glass.picture.pixels
    colours = overlay(pixels[..., 0] if pixels.shape[2] == 1 else pixels, best.map)
    picture = np.rint(255 * np.clip(colours, 0, 1)).astype(np.uint8)
    return {
        "picture": data_uri(_enlargeable(picture)),
        "method": best.method,
        "verdict": verdict_sentence(best),
    }


def _arithmetic(glass: Glass, target: str) -> str | None:
    """Trace the logit of the class; None where it has no arithmetic of its own."""
    if glass.prediction is None:
        return None
    try:
        return str(glass.trace(glass.output[(glass.prediction.classes.index(target),)]))
    except UserError:
        return None


def _enlargeable(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Leave out pixels of large pictures that nobody would see."""
    step = max(1, -(-max(pixels.shape[:2]) // LARGEST))
    return pixels[::step, ::step]
