"""Several processes train as one does: the same losses at the same global batch, and nothing lost when one ends."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from learnable_sets import write_learnable_mnist

import pellucid
from pellucid import UserError
from pellucid.ground import ranks as ranks_module
from pellucid.ground.ranks import Ranks, join_ranks
from pellucid.run.resuming import resume_command
from pellucid.training.session import open_session
from pellucid.training.step import forward_backward

SETTINGS = ["--recipe", "tutorial", "--epochs", "2", "--seed", "4", "--log-every", "5", "--shift", "2"]
LAUNCH = ["-m", "torch.distributed.run", "--master-port", "0", "--standalone", "--nproc-per-node"]


def launch(processes: int, *arguments: str) -> subprocess.Popen[str]:
    start = [*LAUNCH, str(processes)] if processes > 1 else []
    command = [sys.executable, *start, "-m", "pellucid", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(processes: int, *arguments: str) -> str:
    process = launch(processes, *arguments)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return printed


def assert_equal_losses(one: pellucid.Run, two: pellucid.Run, images: int) -> None:
    for event, name in (("batch", "loss"), ("epoch", "train_loss")):
        expected, given = one.metrics(event), two.metrics(event)
        assert len(given) == len(expected) > 0
        for line, reference in zip(given, expected, strict=True):
            assert line[name] == pytest.approx(reference[name], abs=1e-5)
    for line, reference in zip(two.metrics("epoch"), one.metrics("epoch"), strict=True):
        assert line["train_accuracy"] == pytest.approx(reference["train_accuracy"], abs=2 / images)


def test_two_gloo_processes_have_the_losses_of_one(tmp_path: Path, tiny: str) -> None:
    command = ["train", "mnist", "--network", tiny.replace("TinyNet", "PlainNet"), *SETTINGS]
    finish(1, *command, "--out", str(tmp_path / "one"))
    printed = finish(2, *command, "--out", str(tmp_path / "two"))
    assert printed.count("Training finished.") == 1  # rank 0 alone speaks
    two = pellucid.open_run(tmp_path / "two")
    assert two.record.processes == 2
    assert_equal_losses(pellucid.open_run(tmp_path / "one"), two, 640)


LAST_BATCHES = [
    pytest.param(2, 641, 32, marks=pytest.mark.slow),
    (2, 643, 32),
    pytest.param(3, 645, 64, marks=pytest.mark.slow),
]
"""Processes, images and batch size: a last batch of 1, 3 and 5 images, too few for two in each process."""


@pytest.mark.parametrize(("processes", "images", "batch_size"), LAST_BATCHES)
def test_a_last_batch_too_small_for_all_processes(
    processes: int, images: int, batch_size: int, tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_learnable_mnist(tmp_path / "data" / "MNIST" / "raw", train=images)
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "data"))
    plain = ["train", "mnist", *SETTINGS, "--batch-size", str(batch_size)]
    network = tiny.replace("TinyNet", "PlainNet")
    finish(1, *plain, "--network", network, "--out", str(tmp_path / "one"))
    finish(processes, *plain, "--network", network, "--out", str(tmp_path / "several"))
    assert_equal_losses(pellucid.open_run(tmp_path / "one"), pellucid.open_run(tmp_path / "several"), images)


NORMALISED = """
import os
import torch
from torch import nn

class Normalised(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(784, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, classes))

    def forward(self, x):
        if self.training:  # what the process draws, for the test to read
            with open(f"drawn-{os.environ.get('RANK', '-')}.txt", "a") as file:
                print(len(x), torch.rand(()).item(), file=file)
        return self.head(x.view(x.size(0), -1))
"""


@pytest.mark.slow
def test_batch_normalisation_random_numbers_and_a_stop_in_two_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """643 images: the last batch has 3. Each process draws for itself, and again the same after a resume."""
    write_learnable_mnist(tmp_path / "data" / "MNIST" / "raw", train=643)
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "data"))
    Path("nets.py").write_text(NORMALISED)
    command = ["train", "mnist", "--network", "nets.py:Normalised", *SETTINGS]
    printed = finish(2, *command, "--out", "whole")
    assert "2 processes, batch statistics per process, of 16 images each" in printed
    whole = pellucid.open_run("whole")
    assert [entry.images_per_statistic for entry in whole.computations] == [16]
    drawn = [Path(f"drawn-{rank}.txt").read_text().splitlines()[-42:] for rank in (0, 1)]
    assert all(first != second for first, second in zip(*drawn, strict=True))
    assert [line.split()[0] for line in drawn[0]] == (["16"] * 20 + ["3"]) * 2

    process = launch(2, *command, "--epochs", "400", "--out", "part")
    wait_for_first_weights(process, Path("part"))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    told = "go on with: torchrun --nproc-per-node 2 -m pellucid resume part"
    assert errors.count(told) == 1
    with pytest.raises(UserError, match=r"trained by 2 process\(es\), now there are 1; resume it with: torchrun"):
        pellucid.resume("part")


@pytest.mark.slow
def test_two_processes_stopped_and_resumed_do_what_they_do_without_a_stop(tmp_path: Path, tiny: str) -> None:
    command = ["train", "mnist", "--network", tiny, *SETTINGS, "--epochs", "40"]
    finish(2, *command, "--out", "whole")
    process = launch(2, *command, "--out", "part")
    wait_for_first_weights(process, Path("part"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    whole, part = pellucid.open_run("whole"), pellucid.open_run("part")
    assert part.status.startswith("stopped (")
    finish(2, "resume", "part")
    assert part.status == whole.status == "finished"
    for name, value in whole.weights().items():
        assert torch.equal(part.weights()[name], value)
    for event in ("batch", "epoch"):
        kept = [[without_times(line) for line in run.metrics(event)] for run in (whole, part)]
        assert kept[0] == kept[1]


def without_times(line: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in line.items() if "second" not in name}


def wait_for_first_weights(process: subprocess.Popen[str], run: Path) -> None:
    deadline = time.monotonic() + 120
    while not list(run.glob("weights/epoch-*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_others_with_a_message(victim: int, tmp_path: Path, tiny: str) -> None:
    process = launch(2, "train", "mnist", "--network", tiny, "--epochs", "400", "--out", str(tmp_path / "run"))
    wait_for_first_weights(process, tmp_path / "run")
    (pid,) = [pid for pid in children(process.pid) if environment(pid).get("RANK") == str(victim)]
    os.kill(pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert "torchrun --nproc-per-node 2 -m pellucid resume" in errors
    own = [line for line in errors.splitlines() if "pellucid/" in line and "File " in line]
    assert not own, errors  # torchrun's own report has none of our lines


def children(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=True)
    return [int(pid) for pid in listed.stdout.split()]


def environment(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


@given(world=st.integers(1, 9), count=st.integers(1, 70))
def test_every_row_counts_once_and_no_process_has_none(world: int, count: int) -> None:
    rows = torch.arange(count)
    processes = [Ranks(rank, world) for rank in range(world)]
    shares = [process.share(rows) for process in processes]
    counted = [row for process, share in zip(processes, shares, strict=True) if process.counts(count) for row in share]
    assert sorted(map(int, counted)) == list(range(count))
    assert all(len(share) >= min(count, 2) for share in shares)
    assert all(len(share) <= max(3, -(-count // world)) for share in shares)
    assert processes[0].counts(count)


@given(world=st.integers(1, 6), count=st.integers(1, 40))
def test_gathering_undoes_sharing(world: int, count: int) -> None:
    rows = torch.arange(count * 2).reshape(count, 2)
    processes = [Ranks(rank, world) for rank in range(world)]
    longest = max(len(process.share(rows)) for process in processes)

    def everyone(parts: list[torch.Tensor], mine: torch.Tensor) -> None:
        assert len(mine) == longest
        for part, process in zip(parts, processes, strict=True):
            share = process.share(rows)
            part[: len(share)] = share

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "all_gather", everyone)
        for process in processes:
            assert torch.equal(process.gather(process.share(rows), count), rows)


def test_the_gradients_of_the_shares_add_up_to_those_of_the_batch(tmp_path: Path, tiny: str) -> None:
    run = pellucid.train("mnist", network=tiny.replace("TinyNet", "PlainNet"), epochs=1, out="run", batch_size=32)
    for count, world in ((1, 2), (3, 2), (5, 3), (7, 4), (16, 3)):
        sums: dict[str, torch.Tensor] = {}
        loss, correct = 0.0, 0
        for ranks in [Ranks(), *(Ranks(rank, world) for rank in range(world))]:
            session = replace(open_session(run, run.open_images(), torch.device("cpu")), ranks=ranks)
            session.network.train()
            result = forward_backward(session, torch.arange(count))
            if ranks.world == 1:
                whole = {name: value.grad.clone() for name, value in session.network.named_parameters()}
                expected = float(result.loss_sum), int(result.correct())
                continue
            loss, correct = loss + float(result.loss_sum), correct + int(result.correct())
            for name, value in session.network.named_parameters():
                sums[name] = sums.get(name, 0) + value.grad / world  # the mean, as the wrapper takes it
        assert loss == pytest.approx(expected[0], rel=1e-5)
        assert correct == expected[1]
        for name, gradient in whole.items():
            torch.testing.assert_close(sums[name], gradient, rtol=1e-4, atol=1e-6)


def test_processes_draw_the_same_augmentation_and_masks_of_their_own(tmp_path: Path, tiny: str) -> None:
    run = pellucid.train("mnist", network=tiny, epochs=1, out="run", shift=2)
    masks, pixels = [], []
    for ranks in [Ranks(), *(Ranks(rank, 2) for rank in (0, 1)), Ranks(1, 2)]:
        session = replace(open_session(run, run.open_images(), torch.device("cpu")), ranks=ranks)
        pixels.append(session.cut(torch.arange(8))[0])
        masks.append(torch.rand(4).tolist())
    assert torch.equal(torch.stack((pixels[1], pixels[2]), 1).flatten(0, 1), pixels[0])
    assert masks[1] != masks[2] == masks[3]


def test_a_batch_smaller_than_two_images_a_process(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.training.running.join_ranks", lambda device: Ranks(0, 3))
    with pytest.raises(UserError, match="batch_size is 4 for 3 processes; expected at least 6, two images for each"):
        pellucid.train("mnist", network=tiny, batch_size=4, out="run")
    assert not Path("run").exists()


def test_the_command_that_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shlex.split(resume_command("my runs/a'b")) == ["pellucid", "resume", "my runs/a'b"]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert resume_command("r", 4) == "torchrun --nnodes 2 --nproc-per-node 2 -m pellucid resume r"
    assert resume_command("r", 2) == "torchrun --nproc-per-node 2 -m pellucid resume r"


class Gpus:
    """Stands for the machine's GPUs; notes the order of what is done."""

    def __init__(self, patch: pytest.MonkeyPatch, count: int, world: int, rank: int) -> None:
        self.done: list[str] = []
        patch.setattr(torch.cuda, "device_count", lambda: count)
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "set_device", lambda device: self.done.append(f"set {device}"))
        patch.setattr(torch.distributed, "init_process_group", lambda backend: self.done.append(backend))
        patch.setattr(torch.distributed, "get_rank", lambda: rank)
        patch.setattr(ranks_module.atexit, "register", lambda leave: None)
        for name, value in {"WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world, "LOCAL_RANK": rank}.items():
            patch.setenv(name, str(value))


def test_each_process_takes_its_own_gpu_before_anything_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.ground.devices import pick_device

    gpus = Gpus(monkeypatch, count=4, world=2, rank=1)
    assert join_ranks(pick_device("cuda")) == Ranks(1, 2)
    assert gpus.done == ["set cuda:1", "nccl"]


def test_processes_that_cannot_share_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    Gpus(monkeypatch, count=1, world=2, rank=1)
    with pytest.raises(UserError, match=re.escape("started 2 processes on a machine with 1 GPU; expected one process")):
        join_ranks(torch.device("cuda:0"))
    Gpus(monkeypatch, count=2, world=2, rank=0)
    with pytest.raises(UserError, match="2 processes would all compute on cuda:1; use --device cuda"):
        join_ranks(torch.device("cuda:1"))
    with pytest.raises(UserError, match="2 processes cannot exchange gradients on an Apple GPU; use --device cpu"):
        join_ranks(torch.device("mps"))
