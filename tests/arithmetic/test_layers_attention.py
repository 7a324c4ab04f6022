"""Multi-head attention is taken apart into steps with the module's own result."""

import pytest
import torch
from torch import nn

from pellucid.arithmetic import record


@pytest.mark.parametrize("first", [True, False])
def test_multihead_attention_is_taken_apart(first):
    class Self(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=first)

        def forward(self, x):
            return self.attention(x, x, x, need_weights=False)[0]

    network, x = Self().eval(), torch.randn(2, 5, 8)
    recording = record(network, x)
    assert torch.allclose(recording.steps[recording.output].value, network(x), atol=1e-6)
    assert [step.label for step in recording.steps if step.operation is None and not step.is_source] == []
