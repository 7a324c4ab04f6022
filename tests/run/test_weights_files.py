"""Files of weights: the same tensors are the same bytes, which other programs read."""

from __future__ import annotations

import torch
from safetensors.torch import load

from pellucid.run.weights import open_weights, seal_weights


def test_the_same_weights_are_the_same_bytes() -> None:
    """safetensors' own order of the metadata differs from call to call: without ours about five in six would differ."""
    tensors = {
        "größe.weight": torch.arange(6.0).reshape(2, 3),
        'a"b\\.bias': torch.zeros(2),
        "steps": torch.tensor(3),
        "none": torch.empty(0, 2),
    }
    contents = {seal_weights(tensors, "a run", 3) for _ in range(30)}
    assert len(contents) == 1
    (content,) = contents
    for read in (load(content), open_weights(content, "a run", 3)):
        assert read.keys() == tensors.keys()
        assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())
