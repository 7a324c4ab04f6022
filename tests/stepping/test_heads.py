"""A step through a network's own softmax, log-softmax or sigmoid: the loss starts from what the network returns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import pellucid
from pellucid.networks import Head

NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 4, 3, stride=2)
        self.head = nn.Linear(4 * 9, num_classes)
        self.last = nn.Softmax(1)

    def forward(self, x):
        x = nn.functional.adaptive_max_pool2d(torch.tanh(self.first(x)), 3)
        logits = self.head(x.flatten(1))
        return LAST
"""


def of_probabilities(outputs: Tensor) -> Tensor:
    return outputs.log()


def of_shares(outputs: Tensor) -> Tensor:
    return (outputs / outputs.sum(1, keepdim=True)).log()


@pytest.mark.parametrize(
    ("last", "head", "logarithms"),
    [
        ("self.last(logits)", Head.PROBABILITIES, of_probabilities),
        ("nn.functional.softmax(logits, dim=-1)", Head.PROBABILITIES, of_probabilities),
        ("logits.exp() / logits.exp().sum(1, keepdim=True)", Head.PROBABILITIES, of_probabilities),
        ("logits.log_softmax(1)", Head.LOG_PROBABILITIES, lambda outputs: outputs),
        ("torch.sigmoid(logits)", Head.SIGMOIDS, of_shares),
        ("nn.functional.hardsigmoid(logits)", Head.SIGMOIDS, of_shares),
    ],
)
def test_a_step_through_the_head(last, head, logarithms, seen_data: Path, tmp_path: Path):
    """The loss and the gradients of three weights are those of autograd, from the network's outputs alone."""
    (tmp_path / "net.py").write_text(NETWORK.replace("LAST", last))
    run = pellucid.train(
        "mnist",
        network=f"{tmp_path / 'net.py'}:Net",
        data_dir=seen_data,
        device="cpu",
        recipe="tutorial",
        epochs=1,
        batch_size=32,
        label_smoothing=0.1,
        out=tmp_path / "run",
    )
    assert run.head is head
    for weight in ("first.weight[1,0,2,0]", "head.weight[3,7]", "head.bias[2]"):
        step = pellucid.step(run, weight, verify=False)
        assert all(check.passed for check in step.checks.values())
        assert all(link.check.passed for link in step.chain if link.check is not None)
        torch.manual_seed(0)
        network = run.build_network().double().train()
        shares = logarithms(network(run.preprocessing(step.images.pixels).double()))
        true = shares[torch.arange(len(shares)), step.images.labels]
        loss = -(0.9 * true + 0.1 * shares.mean(1)).mean()
        loss.backward()
        name, _, index = weight.rstrip("]").partition("[")
        gradient = dict(network.named_parameters())[name].grad[tuple(map(int, index.split(",")))]
        assert step.loss.value == pytest.approx(loss.item(), rel=1e-5)
        assert step.gradient.check.recomputed == pytest.approx(gradient.item(), rel=1e-3, abs=1e-7)
        torch.testing.assert_close(torch.from_numpy(step.probabilities), shares.exp().detach(), rtol=1e-4, atol=1e-6)
        said = " ".join(str(step).split())
        assert (f"the network returns {head.value}" in said) == (head in (Head.PROBABILITIES, Head.SIGMOIDS))
