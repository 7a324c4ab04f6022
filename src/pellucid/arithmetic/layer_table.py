"""A network's operations as a table: shapes, parameters, multiply-adds, receptive field, memory.

Counted for one image, in evaluation mode. A multiply-add is one product that is added to a sum: those of convolutions
and fully connected layers, taps on padding included, biases not; every other operation counts none. The receptive field
is how many pixels along each axis an output can depend on through windows (`fields.py`); the means and variances of
normalisations reach further and are not counted, as is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import torch
from torch import nn

from pellucid.arithmetic.fields import Fields, Seen, receptive_fields
from pellucid.arithmetic.recording import RecordedStep, record
from pellucid.arithmetic.rule import EVERYTHING, UNKNOWN, rule_of
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown

__all__ = ["LayerTable", "Row", "summarise"]


@dataclass(frozen=True)
class Row:
    """One operation.

    `parameters` counts those that no earlier row has counted; `owned` counts all that it uses. `memory` is the bytes of
    its output, zero where it is a view of its input. `operands` name the rows that it reads. `explanation` is the
    shape rule with the numbers put in. `kernel`, `stride`, `padding` and the like are in `settings`, in a few words in
    `summary`. `noun` is what text calls such an operation, `group` which of the tints a diagram gives it.
    """

    name: str
    label: str
    kind: str
    noun: str
    group: str
    output_shape: tuple[int, ...]
    parameters: int
    owned: int
    multiply_adds: int
    field: Fields
    memory: int
    operands: tuple[str, ...]
    formula: str
    explanation: tuple[str, ...]
    settings: dict[str, Any]
    summary: str
    is_source: bool
    note: str = ""

    @property
    def field_text(self) -> str:
        """The receptive field as people write it.

        The start and the jump are in `field`.
        """
        if isinstance(self.field, str):
            return {EVERYTHING: "all", UNKNOWN: "?"}[self.field]
        sizes = self.field.sizes if isinstance(self.field, Seen) else [ceil(axis.size) for axis in self.field]
        return "×".join(map(str, sizes)) or "-"


@dataclass(frozen=True)
class LayerTable(Shown):
    """The rows, the first of which is the input, and the totals."""

    network: str
    input_shape: tuple[int, ...]
    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    multiply_adds: int
    parameter_memory: int
    activation_memory: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, words and lists; ready for JSON."""
        document = asdict(self)
        document["input_shape"] = list(self.input_shape)
        document["non_trainable"] = self.parameters - self.trainable
        document["notes"] = list(self.notes)
        document["rows"] = [_row_dict(row) for row in self.rows]
        return document


def summarise(network: nn.Module, input_shape: Sequence[int], name: str = "") -> LayerTable:
    """List what a network does to one input of this shape (without the batch axis), row by row.

    Raises:
        UserError: the network fails on it, or does not return one tensor.

    >>> table = summarise(nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.MaxPool2d(2)), (3, 32, 32))
    >>> [(row.label, row.output_shape, row.parameters, row.field_text) for row in table.rows][1:]
    [('Conv2d', (16, 32, 32), 448, '3×3'), ('MaxPool2d', (16, 16, 16), 0, '4×4')]
    """
    parameters = list(network.parameters())
    first = next((parameter for parameter in parameters if parameter.is_floating_point()), torch.zeros(()))
    x = torch.zeros((1, *input_shape), dtype=first.dtype, device=first.device)
    recording = record(network, x, training=False)
    counted: set[int] = set()
    rows: list[Row] = []
    for step, field in zip(recording.steps, receptive_fields(recording), strict=True):
        own = {id(parameter): parameter.numel() for parameter in step.parameters}
        fresh = sum(count for identity, count in own.items() if identity not in counted)
        counted |= set(own)
        rows.append(_row(step, field, fresh, sum(own.values()), [rows[number].name for number in step.operands]))
    notes = list(recording.notes)
    unused = [name for name, parameter in network.named_parameters() if id(parameter) not in counted]
    if unused:
        shown = ", ".join(unused[:4]) + (f" and {len(unused) - 4} more" if len(unused) > 4 else "")
        notes.append(f"no operation of this pass uses these parameters: {shown}")
    unknown = sorted({row.label for row in rows if row.note})
    if unknown:
        notes.append(f"no arithmetic for {', '.join(unknown)}: their multiply-adds are not counted")
    return LayerTable(
        network=name or type(network).__name__,
        input_shape=tuple(int(size) for size in input_shape),
        rows=tuple(rows),
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        multiply_adds=sum(row.multiply_adds for row in rows),
        parameter_memory=sum(parameter.numel() * parameter.element_size() for parameter in parameters),
        activation_memory=sum(row.memory for row in rows),
        notes=tuple(notes),
    )


def _row(step: RecordedStep, field: Fields, fresh: int, owned: int, operands: list[str]) -> Row:
    shape = tuple(step.value.shape)
    kind, noun, group = step.label.lower() if step.is_source else "unknown", step.label, ""
    formula, summary, products = "", "", 0
    explanation: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    if step.operation is not None:
        shapes = [tuple(x.shape) for x in step.inputs]
        rule = rule_of(step.operation)
        expected = rule.shape(step.operation, shapes)
        if expected.shape != shape:
            raise UserError(f"{step.name}: the shape rule gives {list(expected.shape)}, the network {list(shape)}")
        kind, noun, group = step.operation.kind, rule.noun(step.operation), rule.group
        formula, summary = rule.formula(step.operation).text, rule.summary(step.operation, shapes)
        explanation = expected.lines
        products = rule.multiply_adds(step.operation, shapes)
        settings = {name: value for name, value in step.operation.settings.items() if not callable(value)}
    is_weight = step.is_source and step.label == "parameter"
    return Row(
        name=step.name,
        label=step.label,
        kind=kind,
        noun=noun,
        group=group,
        output_shape=shape if is_weight or step.value.dim() == 0 else shape[1:],
        parameters=fresh,
        owned=owned,
        multiply_adds=products,
        field=field,
        # A parameter's memory is counted among the parameters'.
        memory=0 if step.in_place or is_weight else step.value.numel() * step.value.element_size(),
        operands=tuple(operands),
        formula=formula,
        explanation=explanation,
        settings=settings,
        summary=summary or ("weights of its own" if owned else ""),
        is_source=step.is_source,
        note=step.reason,
    )


def _row_dict(row: Row) -> dict[str, Any]:
    document = {
        name: list(value) if isinstance(value, tuple) else value for name, value in vars(row).items() if name != "field"
    }
    document["settings"] = {name: _listed(value) for name, value in row.settings.items()}
    if isinstance(row.field, str):
        document["receptive_field"] = {"covers": row.field}
    elif isinstance(row.field, Seen):
        document["receptive_field"] = {"covers": "seen", "size": list(row.field.sizes)}
    else:
        document["receptive_field"] = {
            "covers": "window",
            "size": [float(axis.size) for axis in row.field],
            "jump": [float(axis.jump) for axis in row.field],
            "start": [float(axis.start) for axis in row.field],
        }
    return document


def _listed(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_listed(member) for member in value]
    return value if isinstance(value, int | float | str | bool) or value is None else str(value)
