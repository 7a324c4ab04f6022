"""Two processes train as one does: the same losses at the same global batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pellucid

SETTINGS = ["--recipe", "tutorial", "--epochs", "2", "--seed", "4", "--log-every", "5", "--shift", "2"]


def test_two_gloo_processes_have_the_losses_of_one(tmp_path: Path, tiny: str) -> None:
    network = tiny.replace("TinyNet", "PlainNet")
    command = ["-m", "pellucid", "train", "mnist", "--network", network, *SETTINGS]
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", "--standalone"]
    alone = subprocess.run(
        [sys.executable, *command, "--out", str(tmp_path / "one")], capture_output=True, text=True, timeout=300
    )
    assert alone.returncode == 0, alone.stderr
    together = subprocess.run(
        [sys.executable, *launch, *command, "--out", str(tmp_path / "two")], capture_output=True, text=True, timeout=300
    )
    assert together.returncode == 0, together.stderr
    assert together.stdout.count("Training finished.") == 1  # rank 0 alone speaks
    one, two = pellucid.open_run(tmp_path / "one"), pellucid.open_run(tmp_path / "two")
    assert two.record.processes == 2
    for event in ("batch", "epoch"):
        expected, given = one.metrics(event), two.metrics(event)
        assert len(given) == len(expected) > 0
        name = "loss" if event == "batch" else "train_loss"
        for line, reference in zip(given, expected, strict=True):
            assert line[name] == pytest.approx(reference[name], abs=1e-5)
    for line, reference in zip(two.metrics("epoch"), one.metrics("epoch"), strict=True):
        assert line["train_accuracy"] == pytest.approx(reference["train_accuracy"], abs=2 / 640)
