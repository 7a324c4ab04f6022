"""The table of attribution methods: maps of how much each pixel of an image has to do with a class's logit.

A method is one class in one file of `methods/`, which adds itself with `@register_method`; so does anybody's own, from
outside. Names, help texts and error messages derive from the table.

Shape letters: C channels of the input, H rows, W columns; D channels of a layer, h and w its rows and columns; K
classes. In formulas S is the logit of the class that is explained, x the image, a the values of a layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pellucid.attribution.probability import require_finite_outputs
from pellucid.glass.glass import Glass
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.writing import shape_text

__all__ = ["ALL", "METHODS", "Attribution", "AttributionMethod", "attribute", "method", "methods_of", "register_method"]

METHODS: dict[str, AttributionMethod] = {}
"""Every method by name; iterating gives the names."""

ALL = "all"
"""Stands for all methods wherever a method can be chosen."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """One map.

    Attributes:
        method: one of `METHODS`.
        map: `[H, W]` float64; the larger, the stronger the pixel is evidence for the class.
        signed: whether values below zero mean that a pixel is evidence against the class.
        layer: whose values the map was made of; None for a method that takes no layer.
        facts: what was computed, in sentences.
    """

    method: str
    map: NDArray[np.float64]
    signed: bool
    layer: str | None
    facts: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Attribution({self.method}, {shape_text(self.map.shape)})"


class AttributionMethod(ABC):
    """One way to make a map: a subclass says what it is, and overrides `attribute`.

    >>> class Brightness(AttributionMethod):
    ...     name = "brightness"
    ...     summary = "the image itself"
    ...     formula = "Σ over channels of x"
    ...
    ...     def attribute(self, glass, target, layer=None):
    ...         return self.result(glass.recording.steps[0].value[0].sum(0), "the sum of the channels")
    """

    name: ClassVar[str]
    """What a person types."""
    summary: ClassVar[str]
    """One line for help texts: what is computed."""
    formula: ClassVar[str]
    """The same as a formula, in the letters of this module."""
    paper: ClassVar[str] = ""
    """Authors, year and address of the paper; empty where there is none."""
    signed: ClassVar[bool] = False
    """Whether values below zero mean evidence against the class."""
    takes_layer: ClassVar[bool] = False
    """Whether a layer can be chosen."""
    needs_captum: ClassVar[bool] = False
    """Whether it is computed by captum, which is installed by the extra `explain`."""

    @abstractmethod
    def attribute(self, glass: Glass, target: int, layer: str | None = None) -> Attribution:
        """Make the map.

        Args:
            glass: a network on an image `[C, H, W]`, with one output for each class.
            target: the class's number.
            layer: a layer's name, only where `takes_layer` is true; None takes the method's default.

        Raises:
            UserError: there is no such layer; captum is needed and not installed.
        """

    def result(self, values: Tensor, *facts: str, layer: str | None = None) -> Attribution:
        """Wrap a map `[H, W]` and the sentences about it as this method's result."""
        return Attribution(self.name, values.detach().double().cpu().numpy(), self.signed, layer, facts)


Class = TypeVar("Class", bound=type[AttributionMethod])


def register_method(kind: Class) -> Class:
    """Add a method to the table; a decorator of its class.

    Raises:
        ValueError: there is a method of that name already.
    """
    if kind.name in METHODS or kind.name == ALL:
        raise ValueError(f"an attribution method is called {kind.name!r} already; give {kind.__name__} another name")
    METHODS[kind.name] = kind()
    return kind


def method(name: str) -> AttributionMethod:
    """Find a method by name.

    Raises:
        UserError: there is none; the message has the nearest name.

    >>> method("grad-cam").takes_layer
    True
    """
    if name not in METHODS:
        raise UserError(f"no attribution method is called {name!r}; {did_you_mean(name, (ALL, *METHODS))}")
    return METHODS[name]


def methods_of(chosen: str | Sequence[str]) -> tuple[AttributionMethod, ...]:
    """List the methods that a person chose: `all`, one name, or several.

    Raises:
        UserError: there is no such method, or none was chosen.

    >>> [kind.name for kind in methods_of(["occlusion", "saliency"])]
    ['occlusion', 'saliency']
    """
    names: Sequence[str] = (chosen,) if isinstance(chosen, str) else chosen
    if ALL in names:
        return tuple(METHODS.values())
    if not names:
        raise UserError(f"no attribution method was chosen; expected {ALL}, or some of: {', '.join(METHODS)}")
    return tuple(method(name) for name in dict.fromkeys(names))


def attribute(glass: Glass, name: str, target: int, layer: str | None = None) -> Attribution:
    """Make one map of a class's logit by the method of that name.

    Args:
        glass: a network with one output for each class.
        name: one of `METHODS`.
        target: the class's number.
        layer: for a method that takes one; None takes the method's default.

    Raises:
        UserError: no such method or layer; captum is not installed; a layer for a method that takes none; outputs that
            are not finite numbers.
    """
    chosen = method(name)
    shape = glass.recording.steps[0].value.shape
    if len(shape) != 4:
        raise UserError(f"the input has the shape {list(shape[1:])}; a map of pixels needs an image, [C, H, W]")
    if layer is not None and not chosen.takes_layer:
        others = ", ".join(kind.name for kind in METHODS.values() if kind.takes_layer)
        raise UserError(f"{name} looks at the pixels and takes no layer ({layer!r} was given); with a layer: {others}")
    require_finite_outputs(glass)
    return chosen.attribute(glass, target, layer)
