"""One forward pass of one image: every operation with its values, and single units of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.arithmetic import RecordedStep, Recording
from pellucid.glass.units import check_index, parse_unit, unit_text
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.shown import Shown
from pellucid.networks import Head, as_logits
from pellucid.prediction.calibration import read_calibration
from pellucid.prediction.picture import Picture
from pellucid.prediction.prediction import Prediction
from pellucid.run import Run

__all__ = ["ForwardPass", "Node", "Unit"]


@dataclass(frozen=True, eq=False)
class ForwardPass(Shown):
    """Every operation of one forward pass of one image, by name, with the values that came out.

    `glass["conv2"]` is a node, `glass["conv2"][3, 4, 5]` one of its units, `glass.unit("conv2[3,4,5]")` the same unit.

    Attributes:
        network: the module that ran, as it was given or as the run keeps it.
        recording: the operations with their values, with the batch axis.
        picture: the image.
        training: whether the network ran in training mode.
        run: the run it belongs to, with `epoch` the epoch of its weights; None for a bare module.
        classes: the classes' names, where they are known.
        from_image: the numbers of the steps whose values depend on the image; others are parameters and constants.
    """

    network: nn.Module
    recording: Recording
    picture: Picture
    training: bool
    run: Run | None = None
    epoch: int | None = None
    classes: tuple[str, ...] | None = None
    from_image: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.title!r}: {len(self.nodes)} nodes)"

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Every node by name, in the order they ran; the first is `input`."""
        return {step.name: Node(self, step) for step in self.recording.steps}

    @property
    def output(self) -> Node:
        """The node whose value the network returned."""
        return self.node(self.recording.output)

    @cached_property
    def hidden(self) -> frozenset[int]:
        """The numbers of the steps of which it is not known all through what they depend on the image.

        They have no arithmetic, or values of the image chose what they do.
        """
        return self.recording.hidden

    @cached_property
    def prediction(self) -> Prediction | None:
        """Each class's probability; None for a network that does not return one logit for each class."""
        return Prediction.of(self.output.step.value, self.head, self.classes, self.picture.label)

    @cached_property
    def calibrated_probabilities(self) -> tuple[float, ...] | None:
        """Each class's probability at the run's temperature; None where it has none for these weights.

        Everything else here is as trained, at temperature 1: logits, gradients and probabilities belong together.
        """
        if self.run is None or self.epoch is None or self.training or self.prediction is None:
            return None
        calibration = read_calibration(self.run, self.epoch)
        if calibration is None or calibration.temperature is None:
            return None
        logits = as_logits(self.output.step.value.detach().double(), self.head) / calibration.temperature
        return tuple(logits.softmax(1)[0].tolist())

    @property
    def calibrated_confidence(self) -> float | None:
        """The confidence in the predicted class at that temperature; None where there is none."""
        shares = self.calibrated_probabilities
        return None if shares is None else max(shares)

    @cached_property
    def head(self) -> Head:
        """What the outputs mean: as the run recorded it; of a bare module, as its last operation says."""
        if self.run is not None:
            return self.run.head
        operation = self.output.step.operation
        return Head.of_output(self.output.step.value, operation.kind if operation is not None else None)

    def node(self, number: int) -> Node:
        """Give a node by its number in the order."""
        return self.nodes[self.recording.steps[number].name]

    def __getitem__(self, name: str) -> Node:
        if name not in self.nodes:
            raise UserError(f"no layer is called {name!r}; {did_you_mean(name, self.nodes)}")
        return self.nodes[name]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def unit(self, text: str) -> Unit:
        """Find a unit that is written `conv2[3,4,5]`.

        Raises:
            UserError: no such layer, or no such index in it; the message names the nearest.
        """
        name, index = parse_unit(text)
        node = self[name]
        return node[() if index is None else index]

    def top_output(self) -> Unit:
        """The predicted class's logit; the largest output where there are no classes."""
        if self.prediction is not None:
            return self.output[self.prediction.index]
        index = np.unravel_index(int(self.output.value.argmax()), self.output.shape)
        return self.output[tuple(int(position) for position in index)]

    @property
    def title(self) -> str:
        """Which network, with which weights, on which image."""
        name = type(self.network).__name__ if self.run is None else str(self.run.directory)
        epoch = f", epoch {self.epoch}" if self.epoch is not None else ""
        if self.run is not None and self.epoch is not None:
            epoch = f", {self.run.epoch_words(self.epoch)}"
        mode = ", training mode" if self.training else ""
        return f"{name}{epoch}{mode}, on {self.picture.source}"

    def to_dict(self, *, values: bool = False) -> dict[str, Any]:
        """The nodes in order and the prediction; `values` adds every number of every node."""
        return {
            "network": type(self.network).__name__,
            "run": None if self.run is None else str(self.run.directory),
            "epoch": self.epoch,
            "training": self.training,
            "image": self.picture.to_dict(),
            "prediction": None if self.prediction is None else self.prediction.to_dict(),
            "output": self.output.name,
            "nodes": [node.to_dict(values=values) for node in self],
            "notes": list(self.recording.notes),
        }


@dataclass(frozen=True, eq=False)
class Node:
    """One operation of a forward pass with the values that came out; `node[3, 4, 5]` is one of its units.

    The image and the parameters that operations take as inputs are nodes as well.
    """

    glass: ForwardPass = field(repr=False)
    step: RecordedStep = field(repr=False)

    def __repr__(self) -> str:
        return f"Node({self.name!r}: {self.label}, {'×'.join(map(str, self.shape)) or 'one number'})"

    @property
    def name(self) -> str:
        """The module's path, or the function's name; its second use ends in `_2`."""
        return self.step.name

    @property
    def label(self) -> str:
        """The module's class, or the function's name."""
        return self.step.label

    @property
    def reason(self) -> str:
        """Why there is no arithmetic for this operation; empty where there is."""
        return self.step.reason

    @property
    def batched(self) -> bool:
        """Whether the first axis is the batch's: the values depend on the image and the axis has length one."""
        value = self.step.value
        return self.step.number in self.glass.from_image and value.dim() > 0 and value.shape[0] == 1

    @property
    def value(self) -> Tensor:
        """The values that came out, without the batch axis."""
        return self.step.value[0] if self.batched else self.step.value

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape, without the batch axis."""
        return tuple(self.step.value.shape[1:] if self.batched else self.step.value.shape)

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes whose values it takes, in the operation's order."""
        return tuple(self.glass.node(number) for number in self.step.operands)

    @property
    def consumers(self) -> tuple[Node, ...]:
        """The nodes that take this one's values."""
        return tuple(node for node in self.glass if self.step.number in node.step.operands)

    @property
    def operation(self) -> str:
        """The operation's kind (`conv2d`, `relu`), or its label where there is no arithmetic for it."""
        return self.step.operation.kind if self.step.operation is not None else self.label

    def __getitem__(self, index: int | tuple[int, ...]) -> Unit:
        whole = index if isinstance(index, tuple) else (index,)
        return Unit(self, check_index(self.name, whole, self.shape))

    def at(self, index: tuple[int, ...]) -> Unit:
        """Give the unit at an index with the batch axis, as traces give it."""
        return Unit(self, index[1:] if self.batched else index)

    def to_dict(self, *, values: bool = False) -> dict[str, Any]:
        """Name, operation, inputs, shape, and the smallest, mean and largest value; `values` adds all of them."""
        value = self.value.detach().double()
        finite = bool(torch.isfinite(value).all()) and value.numel() > 0
        document: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "operation": self.operation,
            "inputs": [node.name for node in self.inputs],
            "shape": list(self.shape),
            "min": float(value.min()) if finite else None,
            "mean": float(value.mean()) if finite else None,
            "max": float(value.max()) if finite else None,
            "arithmetic": not self.reason,
            "note": self.reason or None,
        }
        if values:
            document["values"] = value.tolist() if finite else None
        return document


@dataclass(frozen=True)
class Unit:
    """One value of a node: a neuron at one position. Two units are equal when node and index are.

    Attributes:
        node: the operation it belongs to.
        index: channel, row, column (or one number after flattening), without the batch axis.
    """

    node: Node
    index: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Unit({self.name} = {self.value:.7g})"

    @property
    def name(self) -> str:
        """How it is written: `conv2[3,4,5]`."""
        return unit_text(self.node.name, self.index)

    @property
    def full_index(self) -> tuple[int, ...]:
        """The index with the batch axis."""
        return (0, *self.index) if self.node.batched else self.index

    @property
    def value(self) -> float:
        """The network's own value."""
        return float(self.node.step.value[self.full_index])

    def __float__(self) -> float:
        return self.value
