"""The verb `explain`: make maps of the evidence for a class and measure how faithful each is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pellucid.attribution.explanation import Explanation, Explanations
from pellucid.attribution.faithfulness import (
    TEST_STEPS,
    Faithfulness,
    against_moved,
    measure_map,
    measure_random_orders,
)
from pellucid.attribution.images import images_at_once
from pellucid.attribution.probability import Probability, probability_of
from pellucid.attribution.registry import ALL, METHODS, Attribution, attribute, methods_of
from pellucid.glass.glass import Glass, look
from pellucid.glass.walking import class_index
from pellucid.ground.errors import UserError
from pellucid.run import Run

__all__ = [
    "PASSES",
    "QUICK_PASSES",
    "best_explanation",
    "explain",
    "explain_glass",
    "pass_seconds",
    "quick_explanation",
    "suitable_explanation",
]

PASSES = 5000
"""So many images, about, go through a network for the best of all maps, its scores and its test."""
QUICK_PASSES = 380
"""And so many for a quick one."""
AFFORDABLE = 45.0
"""Seconds of a processor; where the best of all maps takes more, `suitable_explanation` takes a quick one."""
QUICK_METHODS = ("grad-cam", "saliency")
"""The first that the network has the layers for; saliency needs none."""
QUICK_STEPS = 8


def explain(
    network: Run | str | Path | nn.Module,
    image: Any,
    method: str | Sequence[str] = ALL,
    target: int | str | None = None,
    *,
    layer: str | None = None,
    epoch: int | str | None = None,
    **more: Any,
) -> Explanations:
    """Map the pixels that are evidence for a class, by one or several methods, and measure how faithful each map is.

    Args:
        network, image, epoch: as `look` takes them; `more` (`preprocessing`, `classes`) goes there too.
        method: `all`, the name of one of `METHODS`, or several names.
        target: the class, by name or number; the most probable by default.
        layer: for the methods that take one; a layer with rows and columns, the last one by default.

    Raises:
        UserError: as `look` does; no such method, class or layer; captum is not installed.

    >>> import torch
    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    >>> explanation = explain(network, torch.rand(1, 6, 6), "grad-cam", target=1).best
    >>> explanation.map.shape, explanation.attribution.layer
    ((6, 6), '0')
    """
    return explain_glass(look(network, image, epoch=epoch, **more), method, target, layer=layer)


def explain_glass(
    glass: Glass, method: str | Sequence[str] = ALL, target: int | str | None = None, *, layer: str | None = None
) -> Explanations:
    """Do the same for a network that was looked into already; arguments as those of `explain`.

    Raises:
        UserError: as `explain`.
    """
    chosen = methods_of(method)
    index = class_index(glass, glass.top_output().index[0] if target is None else target)
    some_take_it = any(kind.takes_layer for kind in chosen)
    maps = [
        attribute(glass, kind.name, index, layer if kind.takes_layer or not some_take_it else None) for kind in chosen
    ]
    probability, x = probability_of(glass, index), _image(glass)
    random, tries = measure_random_orders(probability, x), len(maps)
    scores = [measure_map(probability, x, attribution.map) for attribution in maps]
    return Explanations(
        tuple(
            _measured(glass, index, attribution, measured, probability, random, tries)
            for attribution, measured in zip(maps, scores, strict=True)
        )
    )


def best_explanation(glass: Glass, target: int | str | None = None) -> Explanation:
    """Make every map that can be made, and keep the one whose insertion exceeds its deletion most.

    Its test is corrected for this choice: its p-values are multiplied by the number of maps.

    Without captum only the methods that need none are tried; in a network without layers that have rows and columns,
    only those that need none.

    Raises:
        UserError: no map can be made.
    """
    index = class_index(glass, glass.top_output().index[0] if target is None else target)
    probability, x = probability_of(glass, index), _image(glass)
    candidates: list[tuple[Attribution, Faithfulness]] = []
    failed: UserError | None = None
    for name in METHODS:
        try:
            attribution = attribute(glass, name, index)
        except UserError as error:
            failed = error
            continue
        candidates.append((attribution, measure_map(probability, x, attribution.map)))
    if not candidates:
        assert failed is not None  # there are methods
        raise failed
    attribution, scores = max(candidates, key=lambda candidate: candidate[1].insertion - candidate[1].deletion)
    random = measure_random_orders(probability, x)
    return _measured(glass, index, attribution, scores, probability, random, len(candidates))


def quick_explanation(glass: Glass, target: int | str | None = None) -> Explanation:
    """Make one map by a method chosen before anything is measured, so that its test needs few positions.

    It is Grad-CAM, or saliency where no layer has rows and columns.

    A tenth of the work of `best_explanation`: the p-values need no correction, the curves have fewer points, and there
    are no random orders.

    Raises:
        UserError: no map can be made.
    """
    index = class_index(glass, glass.top_output().index[0] if target is None else target)
    probability, x = probability_of(glass, index), _image(glass)
    try:
        attribution = attribute(glass, QUICK_METHODS[0], index)
    except UserError:  # no layer with rows and columns
        attribution = attribute(glass, QUICK_METHODS[1], index)
    scores = measure_map(probability, x, attribution.map, TEST_STEPS)
    return Explanation(
        glass, index, attribution, scores, against_moved(probability, x, attribution.map, 1, QUICK_STEPS), ()
    )


def suitable_explanation(glass: Glass, target: int | str | None = None) -> Explanation:
    """Make the best of all maps, or a quick one where the network is so expensive that all would take too long.

    Raises:
        UserError: no map can be made.
    """
    quick = PASSES * pass_seconds(glass) > AFFORDABLE
    return quick_explanation(glass, target) if quick else best_explanation(glass, target)


def pass_seconds(glass: Glass) -> float:
    """Measure how many seconds of a processor one image takes through the network."""
    probability, x = probability_of(glass, glass.top_output().index[0]), _image(glass)
    images = x.expand(images_at_once(x, 4), *x.shape[1:])
    probability(images)  # what is prepared once is not counted
    started = time.process_time()
    probability(images)
    return (time.process_time() - started) / len(images)


def _image(glass: Glass) -> Tensor:
    return glass.recording.steps[0].value.detach()


def _measured(
    glass: Glass,
    target: int,
    attribution: Attribution,
    scores: Faithfulness,
    probability: Probability,
    random: tuple[Faithfulness, ...],
    tries: int,
) -> Explanation:
    """Complete an explanation by what its map is compared with: the map moved elsewhere, and random orders."""
    test = against_moved(probability, _image(glass), attribution.map, tries)
    return Explanation(glass, target, attribution, scores, test, random)
