"""The verb `explain`: make maps of the evidence for a class and measure how faithful each is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pellucid.attribution.explanation import Explanation, Explanations
from pellucid.attribution.faithfulness import Faithfulness, against_moved, measure_map, measure_random_orders
from pellucid.attribution.probability import Probability, probability_of
from pellucid.attribution.registry import ALL, METHODS, Attribution, attribute, methods_of
from pellucid.glass.glass import Glass, look
from pellucid.glass.walking import class_index
from pellucid.ground.errors import UserError
from pellucid.run import Run

__all__ = ["best_explanation", "explain", "explain_glass"]


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
