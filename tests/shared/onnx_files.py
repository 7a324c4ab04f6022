"""Model files of the form that `pellucid export` writes, small and made by hand.

The graph averages the pixels of an image `[B, H, W, C]` and answers `dark` or `bright`, with a logit that grows by one
for every 16 levels above 128.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SIZE = (8, 8)


def write_model(path: Path, weight: float = 1 / 16, **changes: Any) -> Path:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    threshold = changes.get("threshold", 0.75)
    weights = {
        "weight": np.array([[-weight / 2, weight / 2]], np.float32),
        "bias": np.array([64 * weight, -64 * weight], np.float32),
        "axes": np.array([1, 2, 3], np.int64),
        "one": np.array([1], np.int64),
        "threshold": np.array(threshold or 0.0, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        helper.make_node("ReduceMax", ["probabilities", "one"], ["confidence"], keepdims=0),
        helper.make_node("Less", ["confidence", "threshold"], ["abstain"]),
    ]
    graph = helper.make_graph(
        nodes,
        "pellucid",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", "H", "W", "C"])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["B", 2]),
            helper.make_tensor_value_info("label", TensorProto.INT64, ["B"]),
            helper.make_tensor_value_info("abstain", TensorProto.BOOL, ["B"]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    facts = {
        "format": 1,
        "classes": ["dark", "bright"],
        "threshold": threshold,
        "temperature": 1.0,
        "network": "brightness",
        "height": SIZE[0],
        "width": SIZE[1],
        "channels": 3,
        "fit": "stretch",
        "pixel_range": None,
    } | changes
    helper.set_model_props(model, {"pellucid": json.dumps(facts)} if facts["format"] else {})
    onnx.save(model, path)
    return path
