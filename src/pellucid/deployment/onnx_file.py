"""The graph as the bytes of an ONNX file."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch.export import ExportedProgram

if TYPE_CHECKING:
    import onnx

__all__ = ["onnx_bytes"]

OPSET = 18


def onnx_bytes(program: ExportedProgram, input_name: str, outputs: Sequence[str], metadata: Mapping[str, str]) -> bytes:
    """Convert a program that takes one tensor into an ONNX file whose outputs have these names.

    Args:
        program: its outputs are tensors, as many as names.
        input_name: what the tensor is called.
        outputs: what the program returns, in order.
        metadata: texts that are kept in the file.
    """
    with _quiet():
        converted = torch.onnx.export(program, external_data=False, verbose=False, opset_version=OPSET, optimize=True)
    assert converted is not None
    model: onnx.ModelProto = converted.model_proto
    _name(model, input_name, outputs)
    for key, text in metadata.items():
        model.metadata_props.add(key=key, value=text)
    content: bytes = model.SerializeToString()
    return content


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what the converter says of itself: that torchvision is absent, that parts of torch grow old."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logger = logging.getLogger("torch.onnx")
        before = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(before)


def _name(model: onnx.ModelProto, input_name: str, outputs: Sequence[str]) -> None:
    """Call input and outputs as asked; whatever else has one of these names gets another.

    Every output is a copy, as one value may be several outputs, or an input.
    """
    from onnx import helper

    graph = model.graph
    kept = {input_name, *outputs}
    new = {graph.input[0].name: input_name}
    for inner in _graphs(graph):
        named = [*inner.initializer, *inner.value_info, *inner.output]
        for name in [value.name for value in named] + [name for node in inner.node for name in node.output]:
            if name in kept and name not in new:
                new[name] = f"{name} (inside)"
    for inner in _graphs(graph):
        for value in (*inner.input, *inner.initializer, *inner.value_info, *inner.output):
            value.name = new.get(value.name, value.name)
        for node in inner.node:
            node.input[:] = [new.get(name, name) for name in node.input]
            node.output[:] = [new.get(name, name) for name in node.output]
    for value, name in zip(graph.output, outputs, strict=True):
        graph.node.append(helper.make_node("Identity", [value.name], [name], name=f"output {name}"))
        value.name = name


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)
