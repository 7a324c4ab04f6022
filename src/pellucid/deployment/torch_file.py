"""The graph as the bytes of a `.pt2` file, which torch loads without the network's code."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from pellucid.deployment.gate import Graph
from pellucid.deployment.graph import OUTPUTS, PIXELS

__all__ = ["torch_bytes", "torch_graph"]


def torch_bytes(program: ExportedProgram, metadata: Mapping[str, Any]) -> bytes:
    """Save a program; what it says of itself is the extra file `pellucid`, as JSON."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights that are parts of a larger tensor, which are saved whole
        torch.export.save(program, file, extra_files={"pellucid": json.dumps(metadata, ensure_ascii=False)})
    return file.getvalue()


def torch_graph(content: bytes) -> Graph:
    """Load what `torch_bytes` gave and run it."""
    module = torch.export.load(io.BytesIO(content)).module()

    def run(images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        with torch.inference_mode():
            values = module(torch.from_numpy(images))
        return {name: value.numpy() for name, value in zip((*OUTPUTS, PIXELS), values, strict=True)}

    return run
