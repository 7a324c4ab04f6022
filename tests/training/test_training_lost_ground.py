"""A training whose disk is full, whose run is removed, whose checkpoints are damaged, whose log nobody reads."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from run_files import rewrite
from safetensors.torch import load_file, save_file

import pellucid
from pellucid.cli import main
from pellucid.ground.errors import UserError
from pellucid.run import Run
from pellucid.run.files import checkpoint_file
from pellucid.training import recorder


def checkpoints(run: Run) -> list[Path]:
    return sorted((run.directory / "checkpoints").glob("*.json"))


def weights(run: Run) -> dict[str, torch.Tensor]:
    return run.weights("last")


@pytest.fixture
def stopped(tmp_path: Path, tiny: str) -> Run:
    """A run of three epochs whose last line, that of its end, is missing: it has two checkpoints."""
    run = pellucid.train("mnist", network=tiny, epochs=3, out=tmp_path / "stopped", recipe="tutorial")
    log = run.directory / "metrics.jsonl"
    log.write_bytes(b"".join(line for line in log.read_bytes().splitlines(True) if b'"end"' not in line))
    return run


@pytest.mark.parametrize("content", ["{}", "[]", "null", "", '{"format": 2, "position": {}}'])
def test_a_damaged_manifest_falls_back_to_the_one_before(
    stopped: Run, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    expected = weights(stopped)
    checkpoints(stopped)[-1].write_text(content)
    pellucid.resume(stopped.directory)
    assert "is damaged" in (said := capsys.readouterr().err)
    assert "it is passed over" in said
    assert all(torch.equal(value, expected[name]) for name, value in weights(stopped).items())


@pytest.mark.parametrize("change", [{"batch": 3}, {"step": 41}, {"epoch": 2}, {"loss_sum": 0.5}, {"metrics_bytes": 9}])
def test_a_changed_position_is_seen(stopped: Run, capsys: pytest.CaptureFixture[str], change: dict[str, Any]) -> None:
    expected, newest = weights(stopped), checkpoints(stopped)[-1]
    document = json.loads(newest.read_text())
    document["position"].update(change)
    newest.write_text(json.dumps(document))
    pellucid.resume(stopped.directory)
    assert f"{newest} is damaged: it is not as pellucid wrote it" in capsys.readouterr().err
    assert all(torch.equal(value, expected[name]) for name, value in weights(stopped).items())


def test_tensors_that_do_not_fit_never_reach_a_kernel(stopped: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The checksums are right; the shape is not."""
    import hashlib

    for manifest in checkpoints(stopped):
        file = manifest.with_suffix(".safetensors")
        tensors = load_file(file)
        tensors["optimizer/0/exp_avg"] = torch.zeros(1)
        save_file(tensors, file)
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        rewrite(manifest, lambda document: document.update(bytes=len(content), tensors_sha256=digest))  # noqa: B023
    expected = weights(stopped)
    pellucid.resume(stopped.directory)
    said = capsys.readouterr().err
    assert "optimizer/0/exp_avg is float32 [1], expected float32 [8, 1, 3, 3]; it is passed over" in said
    assert "its training is repeated from its seed, to the same weights" in said
    assert all(torch.equal(value, expected[name]) for name, value in weights(stopped).items())


def test_a_run_that_is_removed_while_it_trains(tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = recorder.Recorder.after_step

    def removing(self: recorder.Recorder, rate: float) -> None:
        if self.session.position.step == 5:
            shutil.rmtree(tmp_path / "run")
        original(self, rate)

    monkeypatch.setattr(recorder.Recorder, "after_step", removing)
    with pytest.raises(UserError, match=r"was removed or moved while it was trained .*; training stopped") as caught:
        pellucid.train("mnist", network=tiny, epochs=2, out=tmp_path / "run")
    assert "pellucid resume" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command", ["evaluate run", "report run --force", "audit --run run --force", "robustness run --images 4"]
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_after_training_is_one_message(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str,
    call: str,
) -> None:  # fmt: skip
    kept = tmp_path.parent / "full-disk-run"
    if not kept.exists():
        pellucid.train("mnist", network=tiny, epochs=1, out=kept)
    shutil.copytree(kept, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        assert main(command.split()) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1
    assert "is full; nothing was half-written: make room and try again" in said[0]
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device")
@pytest.mark.parametrize("output", ["full", "closed", "unread"])
def test_a_training_outlives_its_log(tmp_path: Path, tiny: str, output: str) -> None:
    command = [sys.executable, "-m", "pellucid", "train", "mnist", "--network", tiny, "--epochs", "1", "--out", "run"]
    redirected = {"full": ">/dev/full", "closed": ">&-", "unread": "| true"}[output]
    text = " ".join(command) + f" {redirected}"
    result = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0
    assert "the log can no longer be printed" in result.stderr
    assert "Traceback" not in result.stderr
    assert pellucid.open_run(tmp_path / "run").status == "finished"
    assert (tmp_path / "run" / "evaluation.json").exists()


def test_a_checkpoint_of_another_run_is_passed_over(
    stopped: Run, tmp_path: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = pellucid.train("mnist", network=tiny, epochs=3, seed=1, out=tmp_path / "other", recipe="tutorial")
    for file in (other.directory / "checkpoints").iterdir():
        shutil.copy(file, stopped.directory / "checkpoints" / file.name)
    assert checkpoint_file(stopped.directory, 60).exists()
    expected = weights(stopped)
    pellucid.resume(stopped.directory)
    assert "is a checkpoint of another run; it is passed over" in capsys.readouterr().err
    assert all(torch.equal(value, expected[name]) for name, value in weights(stopped).items())
