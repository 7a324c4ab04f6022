"""A network as its page needs it: every recorded operation as plain data, and the numbers that it owns.

    {"nodes": [{"name": "conv1", "kind": "conv2d", "settings": {…}, "operands": [0], "shape": [1, 16, 26, 26],
                "tensors": {"weight": {"shape": [16, 1, 3, 3], "at": 4711, "in": "graph"}, …}, …}, …], "output": 9}

A tensor is where its bytes are (float32, little-endian): in the exported graph where they stand there, else among the
numbers that go along. So a page holds every weight once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic import NoArithmetic, RecordedStep, Recording, rule_of
from pellucid.arithmetic.rules.rearrangement import IN_ORDER, RearrangementRule
from pellucid.ground.plain import plain

__all__ = ["Plan", "outline_of", "plan_of"]

MOST_ORIGINS = 2_000_000
"""A rearrangement of more elements is shown without where each came from."""


@dataclass
class Plan:
    """What `plan_of` gives.

    Attributes:
        document: for JSON.
        numbers: the bytes of the tensors that do not stand in the graph.
    """

    document: dict[str, Any]
    numbers: bytearray = field(default_factory=bytearray)


def plan_of(recording: Recording, graph: bytes = b"") -> Plan:
    """Write down a recording of one image.

    Args:
        recording: in evaluation mode, with a batch of one.
        graph: the exported network, in which weights are looked for.
    """
    plan = Plan(outline_of(recording))
    for node, step in zip(plan.document["nodes"], recording.steps, strict=True):
        _add_numbers(node, step, plan.numbers, graph)
    return plan


def outline_of(recording: Recording) -> dict[str, Any]:
    """Write down the operations of a recording without any numbers, for a page that asks a server for them."""
    return {
        "nodes": [_node(step) for step in recording.steps],
        "output": recording.output,
        "notes": list(recording.notes),
    }


def _node(step: RecordedStep) -> dict[str, Any]:
    shape = [int(size) for size in step.value.shape]
    node: dict[str, Any] = {
        "name": step.name,
        "label": step.label,
        "operands": list(step.operands),
        "shape": shape,
        "source": step.is_source,
        "reason": step.reason,
    }
    if step.operation is None:
        return node
    operation, rule = step.operation, rule_of(step.operation)
    shapes = [tuple(x.shape) for x in step.inputs]
    node["kind"] = operation.kind
    node["group"] = rule.group
    node["noun"] = rule.noun(operation)
    node["summary"] = rule.summary(operation, shapes)
    node["formula"] = rule.formula(operation).text
    node["settings"] = _settings(operation.settings)
    return node


def _add_numbers(node: dict[str, Any], step: RecordedStep, numbers: bytearray, graph: bytes) -> None:
    """Add to a node what its operation owns, and the value of a parameter or constant."""
    if step.is_source and step.number:  # no value of the graph
        node["value"] = _place(step.value, numbers, graph)
    if step.operation is None:
        return
    operation, rule = step.operation, rule_of(step.operation)
    tensors = {name: _place(tensor, numbers, graph) for name, tensor in operation.tensors.items() if tensor is not None}
    if isinstance(rule, RearrangementRule):
        if operation.kind in IN_ORDER:
            node["settings"]["in_order"] = True
        elif step.value.numel() <= MOST_ORIGINS:
            try:
                origins = rule.origins(operation, tuple(step.inputs[0].shape))
            except (NoArithmetic, RuntimeError):
                origins = None
            if origins is not None and origins.shape == tuple(step.value.shape):
                node["settings"]["origins"] = True
                tensors["origins"] = _place(torch.from_numpy(origins.astype(np.int32)), numbers, b"")
    if tensors:
        node["tensors"] = tensors


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what JSON can hold: numbers, words and lists of them."""
    kept = {}
    for name, setting in settings.items():
        if setting is None or isinstance(setting, bool | int | float | str | tuple | list | np.generic):
            kept[name] = plain(setting)
    return kept


def _place(tensor: Tensor, numbers: bytearray, graph: bytes) -> dict[str, Any]:
    whole = tensor.detach().cpu().contiguous()
    kind = "int32" if whole.dtype == torch.int32 else "float32"
    content = (whole if kind == "int32" else whole.float()).numpy().astype(f"<{kind[0]}4").tobytes()
    place: dict[str, Any] = {"shape": [int(size) for size in whole.shape], "type": kind}
    at = graph.find(content) if content else -1
    if at >= 0:
        return {**place, "in": "graph", "at": at}
    place |= {"in": "numbers", "at": len(numbers)}
    numbers += content
    return place
