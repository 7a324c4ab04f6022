"""What a network returns is found out once; loss, predictions and figures are those of its own probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from learnable_sets import write_learnable_mnist
from torch import nn

import pellucid
from pellucid.cli import main
from pellucid.networks import Head, as_logits, head_of
from pellucid.run.record import HEADS

SHAPE = (1, 4, 4)
BODY = (nn.Flatten(), nn.Linear(16, 3))


class Called(nn.Module):
    """A network whose last step is a function."""

    def __init__(self, function):
        super().__init__()
        self.body, self.function = nn.Sequential(*BODY), function

    def forward(self, x):
        return self.function(self.body(x))


@pytest.mark.parametrize(
    ("network", "head"),
    [
        (nn.Sequential(*BODY), Head.LOGITS),
        (nn.Sequential(*BODY, nn.ReLU()), Head.LOGITS),
        (nn.Sequential(*BODY, nn.Tanh()), Head.LOGITS),
        (nn.Sequential(*BODY, nn.LayerNorm(3), nn.ReLU()), Head.LOGITS),
        (nn.Sequential(*BODY, nn.Softmax(1)), Head.PROBABILITIES),
        (nn.Sequential(*BODY, nn.LogSoftmax(1)), Head.LOG_PROBABILITIES),
        (nn.Sequential(*BODY, nn.Sigmoid()), Head.SIGMOIDS),
        (Called(lambda x: F.softmax(x, dim=1)), Head.PROBABILITIES),
        (Called(lambda x: x.softmax(-1).reshape(-1, 3)), Head.PROBABILITIES),
        (Called(lambda x: x.exp() / x.exp().sum(1, keepdim=True)), Head.PROBABILITIES),
        (Called(lambda x: F.log_softmax(x, 1)), Head.LOG_PROBABILITIES),
        (Called(lambda x: x.softmax(1).log()), Head.LOG_PROBABILITIES),
        (Called(torch.sigmoid), Head.SIGMOIDS),
        (Called(lambda x: x.sigmoid_()), Head.SIGMOIDS),
        (Called(lambda x: x.clamp(-9, 9)), Head.LOGITS),
    ],
)
def test_what_a_network_returns_is_found_out(network, head):
    torch.manual_seed(0)
    network.train()
    state = torch.get_rng_state()
    assert head_of(network, SHAPE) is head
    assert network.training
    assert torch.equal(state, torch.get_rng_state())


def test_the_record_of_a_run_knows_the_same_heads():
    assert tuple(Head) == HEADS


def test_the_softmax_of_as_logits_is_what_the_network_says():
    logits = torch.randn(5, 3, dtype=torch.float64) * 4
    shares = logits.softmax(1)
    for head, outputs in (
        (Head.LOGITS, logits),
        (Head.LOG_PROBABILITIES, logits.log_softmax(1)),
        (Head.PROBABILITIES, shares),
        (Head.SIGMOIDS, 0.5 * shares),  # each by itself; their shares of the sum count
    ):
        torch.testing.assert_close(as_logits(outputs, head).softmax(1), shares)
    assert torch.isfinite(as_logits(torch.tensor([[0.0, 1.0]]), Head.PROBABILITIES)).all()


NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, classes))
    def forward(self, x):
        return LAST
"""


@pytest.mark.parametrize(
    "last", ["self.body(x).log_softmax(1)", "self.body(x).softmax(1)", "torch.sigmoid(self.body(x))"]
)
def test_a_run_with_a_head_of_its_own(last, tmp_path: Path, monkeypatch, capsys):
    """Softmax and log-softmax heads train like logits, and predict what the network returns, not its softmax."""
    write_learnable_mnist(tmp_path / "data" / "MNIST" / "raw")
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    for name, text in (("plain", "self.body(x)"), ("headed", last)):
        (tmp_path / f"{name}.py").write_text(NETWORK.replace("LAST", text))
        network = f"{tmp_path / name}.py:Net"
        arguments = ["train", "mnist", "--network", network, "--epochs", "1", "--out", str(tmp_path / name)]
        assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert ("ends in a" in printed) == ("log" not in last)
    plain, headed = (pellucid.open_run(tmp_path / name) for name in ("plain", "headed"))
    if "sigmoid" not in last:
        losses = [[line["train_loss"] for line in run.metrics("epoch")] for run in (plain, headed)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    evaluation = pellucid.evaluate(headed, calibrate=False)
    images = headed.open_images().splits["test"]
    with torch.no_grad():
        outputs = headed.network()(headed.preprocessing(torch.from_numpy(np.array(images.images)))).double()
    shares = outputs.exp() if "log" in last else outputs / outputs.sum(1, keepdim=True)
    truth = -shares[range(len(images)), images.labels].log().mean()
    assert evaluation.loss == pytest.approx(float(truth), rel=1e-5)
    glass = pellucid.look(headed, "test/0")
    np.testing.assert_allclose(glass.prediction.probabilities, shares[0], rtol=1e-5)
    explained = pellucid.explain(headed, "test/0", "occlusion").best
    assert explained.scores.deletion_curve[0] == pytest.approx(float(shares[0].max()), rel=1e-5)
    assert pellucid.step(headed, "body.1.weight[0,300]").confirmed
