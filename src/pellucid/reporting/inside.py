"""The sections that look into the network: the worst mistakes with their maps and arithmetic, filters, feature maps."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.attribution import best_explanation
from pellucid.attribution.layers import spatial_layers
from pellucid.causes import filters, maps
from pellucid.evaluation.mistakes import Mistake, find_mistakes
from pellucid.figures.attribution import overlay
from pellucid.glass import Glass, look
from pellucid.ground.errors import UserError
from pellucid.reporting.pictures import data_uri, mosaic
from pellucid.reporting.source import Source

__all__ = ["filters_section", "maps_section", "mistakes_section"]

MISTAKES = 9
LARGEST = 224
LAYERS = 8
CHANNELS = 64


def mistakes_section(source: Source) -> dict[str, Any]:
    """Show the surest mistakes: image, map of the class it was taken for, the strongest terms of that class's score."""
    assert source.evaluation is not None
    if source.predictions is None or source.chosen is None:
        return {"cards": [], "count": source.evaluation.images - source.evaluation.correct}
    found = find_mistakes(source.predictions, source.chosen, most=MISTAKES)
    return {"cards": [_card(source, one) for one in found.shown], "count": found.count}


def filters_section(source: Source) -> dict[str, Any] | None:
    """Show the filters of the first convolution; None where they are no pictures."""
    try:
        found = filters(source.run, epoch=source.epoch)
    except UserError:
        return None
    pictures = []
    for weights in found.weights[:CHANNELS]:
        values = weights.transpose(1, 2, 0) if len(weights) == 3 else weights.mean(0)[..., None]
        largest = float(np.abs(values).max()) or 1.0
        pictures.append(data_uri(np.rint(255 * (0.5 + 0.5 * values / largest)).astype(np.uint8), exact=True))
    return {"title": found.title, "pictures": pictures, "more": len(found.weights) - len(pictures)}


def maps_section(source: Source) -> dict[str, Any] | None:
    """Show the channels of the layers on the image that the network is surest of and right about."""
    predictions, chosen = source.predictions, source.chosen
    if predictions is None or chosen is None:
        return None
    right = np.flatnonzero(predictions.right)
    rows = right if len(right) else np.arange(len(predictions))
    row = int(rows[predictions.confidence[rows].argmax()])
    glass = look(source.run, chosen.pixels(row), epoch=source.epoch)
    nodes = spatial_layers(glass)
    if len(nodes) > LAYERS:
        nodes = [nodes[round(at)] for at in np.linspace(0, len(nodes) - 1, LAYERS)]
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
    place = chosen.path_of(predictions.sources[row]) or predictions.sources[row]
    return {
        "image": data_uri(_enlargeable(chosen.pixels(row))),
        "source": place,
        "label": predictions.classes[predictions.labels[row]],
        "confidence": float(predictions.confidence[row]),
        "layers": layers,
        "command": f"pellucid maps {_quoted(source)} {shlex.quote(place)}",
    }


def _card(source: Source, mistake: Mistake) -> dict[str, Any]:
    assert source.predictions is not None
    assert source.chosen is not None
    pixels = source.chosen.pixels(mistake.index)
    glass = look(source.run, pixels, epoch=source.epoch)
    probabilities = source.predictions.probabilities[mistake.index]
    likeliest = np.argsort(-probabilities)[:3]
    place = mistake.path or mistake.image
    return {
        "mistake": mistake,
        "place": place,
        "image": data_uri(_enlargeable(pixels)),
        "map": _map(glass, mistake.predicted),
        "bars": [(source.run.classes[at], float(probabilities[at])) for at in likeliest],
        "arithmetic": _arithmetic(glass, mistake.predicted),
        "command": f"pellucid trace {_quoted(source)} {shlex.quote(place)}",
    }


def _map(glass: Glass, target: str) -> dict[str, str] | None:
    try:
        found = best_explanation(glass, target)
    except UserError:  # a network without rows and columns has no map
        return None
    assert glass.picture.pixels is not None
    pixels = glass.picture.pixels
    colours = overlay(pixels[..., 0] if pixels.shape[2] == 1 else pixels, found.map)
    picture = np.rint(255 * np.clip(colours, 0, 1)).astype(np.uint8)
    return {"picture": data_uri(_enlargeable(picture)), "method": found.method, "verdict": found.verdict}


def _arithmetic(glass: Glass, target: str) -> str | None:
    """Take the score of the class apart; None where it has no arithmetic of its own."""
    if glass.prediction is None:
        return None
    try:
        return str(glass.trace(glass.output[(glass.prediction.classes.index(target),)]))
    except UserError:
        return None


def _enlargeable(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Leave out pixels of large pictures that no one would see."""
    step = max(1, -(-max(pixels.shape[:2]) // LARGEST))
    return pixels[::step, ::step]


def _quoted(source: Source) -> str:
    return shlex.quote(str(source.run.directory))
