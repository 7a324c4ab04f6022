"""The graph as the bytes of an ONNX file."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from pellucid.deployment.gate import Graph
from pellucid.deployment.graph import OUTPUTS, PIXELS
from pellucid.ground.errors import UserError

if TYPE_CHECKING:
    import onnx

__all__ = ["onnx_bytes", "onnx_graph", "with_metadata", "without_output"]

OPSET = 18


def onnx_bytes(program: ExportedProgram, input_name: str, outputs: Sequence[str]) -> bytes:
    """Convert a program that takes one tensor into an ONNX file whose outputs have these names.

    Args:
        program: its outputs are tensors, as many as names.
        input_name: what the tensor is called.
        outputs: what the program returns, in order.
    """
    with _quiet():
        converted = torch.onnx.export(program, external_data=False, verbose=False, opset_version=OPSET, optimize=True)
    assert converted is not None
    model: onnx.ModelProto = converted.model_proto
    _name(model, input_name, outputs)
    return _written(model)


def without_output(content: bytes, name: str) -> bytes:
    """Leave an output out of a file of `onnx_bytes`; the rest stays as it is."""
    model = _read(content)
    graph = model.graph
    outputs = [value for value in graph.output if value.name != name]
    nodes = [node for node in graph.node if name not in node.output]
    del graph.output[:], graph.node[:]
    graph.output.extend(outputs)
    graph.node.extend(nodes)
    return _written(model)


def with_metadata(content: bytes, metadata: Mapping[str, Any]) -> bytes:
    """Put what a file says of itself into it, as JSON."""
    model = _read(content)
    model.metadata_props.add(key="pellucid", value=json.dumps(metadata, ensure_ascii=False, allow_nan=False))
    return _written(model)


def onnx_graph(content: bytes, with_pixels: bytes) -> Graph:
    """Run a file in ONNX Runtime; the pixels come from the same file with that output.

    Raises:
        UserError: ONNX Runtime has not got one of its operations.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session, fitting = (onnxruntime.InferenceSession(part, options) for part in (content, with_pixels))
    except Exception as error:  # pybind classes of its own
        raise UserError(f"ONNX Runtime cannot run the exported file: {str(error).splitlines()[0]}") from error

    def run(images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        given = {session.get_inputs()[0].name: images}
        (pixels,) = fitting.run([PIXELS], given)
        return {**dict(zip(OUTPUTS, session.run(list(OUTPUTS), given), strict=True)), PIXELS: pixels}

    return run


def _read(content: bytes) -> onnx.ModelProto:
    import onnx

    return onnx.load_model_from_string(content)


def _written(model: onnx.ModelProto) -> bytes:
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
