"""Receptive fields of all the operations of a network: of windows their size, of anything else what is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pellucid.arithmetic.dependence import dependence, ends_of, steps_from_image
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.recorded_step import RecordedStep, Recording
from pellucid.arithmetic.rule import EVERYTHING, UNKNOWN, Reach, Rule, rule_of

__all__ = ["Field", "Fields", "Seen", "receptive_fields"]

MOST_FOLLOWED = 9
"""So many outputs of a layer are followed back, at most."""

FOLLOWED_TOGETHER = 150
"""So many of all layers together, though one of each."""


@dataclass(frozen=True)
class Field:
    """Receptive field along one axis of the input image, the same at all positions.

    Output i depends on pixels `start + jump·i` up to `start + jump·i + size − 1`; pixels outside of the image are its
    padding.
    """

    size: Fraction
    jump: Fraction
    start: Fraction

    def through(self, reach: Reach) -> Field:
        """Return the field of an output that reads these outputs.

        >>> pixel = Field(Fraction(1), Fraction(1), Fraction(0))
        >>> window = Reach(Fraction(3), Fraction(2), Fraction(-1))
        >>> twice = pixel.through(window).through(window)
        >>> int(twice.size), int(twice.jump), int(twice.start)
        (7, 4, -3)
        """
        return Field(
            size=self.size + (reach.size - 1) * self.jump,
            jump=self.jump * reach.stride,
            start=self.start + reach.start * self.jump,
        )


@dataclass(frozen=True)
class Seen:
    """How many pixels along each axis lie in the box that the widest of some outputs in the middle sees of this image.

    Of operations whose outputs differ in what they see.
    """

    sizes: tuple[int, ...]


Fields = tuple[Field, ...] | Seen | str
"""A field an axis, or what was seen of this very image, or `EVERYTHING`, or `UNKNOWN`."""


def receptive_fields(recording: Recording) -> list[Fields]:
    """Find what each step's outputs see of the image.

    Windows are followed forwards, as a field an axis; behind what is no window (enlargements, slices, borders that are
    repeated) some outputs in the middle of each layer are followed back to the image.
    """
    nominal: list[Fields] = []
    for step in recording.steps:
        nominal.append(_field(step, nominal))
    lacking = sum(field == UNKNOWN for field in nominal)
    if not lacking or recording.steps[0].value.dim() < 3:
        return nominal
    from_image = steps_from_image(recording)
    most = max(1, min(MOST_FOLLOWED, FOLLOWED_TOGETHER // lacking))
    fields: list[Fields] = []
    for step, field in zip(recording.steps, nominal, strict=True):
        if field != UNKNOWN:
            fields.append(field)
            continue
        operands = [number for number in step.operands if number in from_image]
        by_element = step.operation is not None and type(rule_of(step.operation)).reads is Rule.reads
        if by_element and len(operands) == 1 and recording.steps[operands[0]].value.shape == step.value.shape:
            fields.append(fields[operands[0]])
        else:
            fields.append(_seen(recording, step, from_image, most))
    return fields


def _seen(recording: Recording, step: RecordedStep, from_image: frozenset[int], most: int) -> Fields:
    """Follow a few outputs in the middle back; `UNKNOWN` where that is not exact."""
    shape = tuple(step.value.shape)
    if not all(shape) or not all(recording.steps[0].value.shape):
        return UNKNOWN
    widest = np.zeros(recording.steps[0].value.dim() - 2, dtype=np.int64)
    indices = list(dict.fromkeys(_in_the_middle(shape)))[:most]
    for index in indices:
        read = dependence(recording, step.number, Positions.at(index, shape), from_image)
        if read is None:
            return UNKNOWN
        if not read.direct:
            continue
        ends, exact = ends_of(read.direct)
        if not exact:
            return UNKNOWN
        widest = np.maximum(widest, [end - first for first, end in ends])
    sizes = tuple(int(size) for size in widest)
    return EVERYTHING if sizes == tuple(recording.steps[0].value.shape[2:]) else Seen(sizes)


def _in_the_middle(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Find different channels in the middle of the other axes, and the next positions: windows may differ by phase."""
    for step in range(3):
        middle = tuple(min(size // 2 + step, size - 1) for size in shape)
        yield middle
        if len(shape) > 1:
            yield (middle[0], 0, *middle[2:])
            yield (middle[0], shape[1] - 1, *middle[2:])


def _field(step: RecordedStep, before: list[Fields]) -> Fields:
    if step.is_source:
        if step.label == "input":
            return tuple(Field(Fraction(1), Fraction(1), Fraction(0)) for _ in range(max(step.value.dim() - 2, 0)))
        return ()
    if step.operation is None:
        return UNKNOWN
    # A parameter or a constant depends on no pixel.
    reading = _union([before[number] for number in step.operands if before[number] != ()])
    if not isinstance(reading, tuple):
        return reading
    reach = rule_of(step.operation).reach(step.operation, [tuple(x.shape) for x in step.inputs])
    if isinstance(reach, str):
        return reach
    if not reach:
        return reading
    if len(reach) != len(reading):
        return UNKNOWN
    return tuple(field.through(window) for field, window in zip(reading, reach, strict=True))


def _union(fields: Sequence[Fields]) -> Fields:
    """The field of something that reads at the same position from several branches."""
    if UNKNOWN in fields:
        return UNKNOWN
    if EVERYTHING in fields:
        return EVERYTHING
    known = [field for field in fields if isinstance(field, tuple)]
    if not known:
        return ()
    axes = list(zip(*known, strict=False))
    if any(len(field) != len(axes) for field in known) or any(len({field.jump for field in axis}) > 1 for axis in axes):
        return UNKNOWN
    union = []
    for axis in axes:
        start = min(field.start for field in axis)
        end = max(field.start + field.size for field in axis)
        union.append(Field(end - start, axis[0].jump, start))
    return tuple(union)
