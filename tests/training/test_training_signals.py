"""Ctrl-C and SIGTERM finish the step, write a checkpoint and lose nothing; a full disk says what to do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import pellucid
from pellucid import UserError
from pellucid.training.interruption import StopRequest


def begin(out: Path, network: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pellucid", "train", "mnist", "-n", network, "--epochs", "200", "--out", str(out)]
    return subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: object, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), *([(signal.SIGHUP, 129)] if hasattr(signal, "SIGHUP") else [])]


@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_asked_to_stop(number: signal.Signals, status: int, tmp_path: Path, tiny: str) -> None:
    out = tmp_path / "run"
    process = begin(out, tiny)
    wait_for(lambda: out.joinpath("run.json").exists() and len(pellucid.open_run(out).metrics("epoch")) >= 2, process)
    assert pellucid.open_run(out).status.startswith("training (")
    with pytest.raises(UserError, match="another process is training"):
        pellucid.resume(out)
    process.send_signal(number)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in printed
    assert f"pellucid resume {out}" in printed
    run = pellucid.open_run(out)
    newest = max(out.glob("checkpoints/*.json"))
    position = json.loads(newest.read_text())["position"]
    lines = run.metrics()
    assert position["metrics_bytes"] == (out / "metrics.jsonl").stat().st_size
    assert position["step"] >= max(line["step"] for line in lines)
    assert run.status.startswith("stopped (")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signal")
def test_a_closed_terminal_is_noted_and_one_that_nohup_ignores_is_not() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.signal is None
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.signal == signal.SIGHUP
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_keeps_the_last_checkpoint_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, tiny: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        with pytest.raises(UserError, match=r"the disk of .* is full; .* Make room, then: pellucid resume"):
            pellucid.train("mnist", network=tiny, epochs=30, seed=1, keep="all", out=disk / "run")
        run = pellucid.open_run(disk / "run")
        assert list(run.directory.glob("checkpoints/*.json"))
        assert not list(run.directory.rglob("*.partial"))
        subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
        pellucid.resume(run)
        reference = pellucid.train("mnist", network=tiny, epochs=30, seed=1, keep="all", out=tmp_path / "reference")
        for name, value in reference.weights().items():
            assert torch.equal(run.weights()[name], value)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
        shutil.rmtree(disk)
