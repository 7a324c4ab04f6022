"""The file that comes out: what it says of itself, when it is refused, what the command prints."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import onnxruntime
import pytest
import torch

import pellucid
from pellucid import UserError, export
from pellucid.cli import main

GREY = {"channels": 1}


@pytest.fixture(scope="module")
def onnx_file(photo_run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "grey.onnx"
    run = photo_run("simple-mnist", **GREY)
    return export(run.directory, to="onnx", out=out).path


def test_an_onnx_file_says_what_it_is(onnx_file: Path, photo_run) -> None:
    run = photo_run("simple-mnist", **GREY)
    session = onnxruntime.InferenceSession(onnx_file)
    assert [(entry.name, entry.type) for entry in session.get_inputs()] == [("image", "tensor(uint8)")]
    kinds = [(entry.name, entry.type) for entry in session.get_outputs()]
    assert kinds == [("probabilities", "tensor(float)"), ("label", "tensor(int64)"), ("abstain", "tensor(bool)")]
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["pellucid"])
    calibration = json.loads((run.directory / "calibration.json").read_text())
    gate = metadata.pop("gate")
    assert (gate["held_out"], gate["pixels"], gate["decisions"]) == (18, "identical", "identical")
    assert gate["hard"] >= 20
    assert 0 < gate["largest_difference"] < 1e-5
    assert set(metadata.pop("versions")) >= {"pellucid", "torch", "pillow", "onnx", "onnxruntime"}
    assert metadata == {
        "format": 1,
        "classes": ["blue", "red"],
        "threshold": calibration["threshold"],
        "temperature": calibration["temperature"] or 1.0,
        "network": "simple-mnist",
        "height": 28,
        "width": 28,
        "channels": 1,
        "fit": "stretch",
        "pixel_range": None,
        "run": run.directory.name,
        "epoch": 1,
        "weights": run.weights_digest(1),
    }


def test_a_torch_file_needs_no_code_of_the_network(photo_run, capsys: pytest.CaptureFixture[str]) -> None:
    run = photo_run("own.py:EndsInSoftmax")
    assert main(["export", str(run.directory), "--to", "torch", "--out", "model.pt2"]) == 0
    printed = capsys.readouterr()
    assert "model.pt2: " in printed.out
    assert "checked on 18 of the run's images and 21 difficult ones: the same pixels to the last bit" in printed.out
    texts = {"pellucid": ""}
    program = torch.export.load("model.pt2", extra_files=texts)
    assert json.loads(texts["pellucid"])["classes"] == ["blue", "red"]
    probabilities, label, abstain, pixels = program.module()(torch.zeros(3, 7, 90, 3, dtype=torch.uint8))
    assert (probabilities.shape, label.dtype, abstain.dtype, pixels.shape) == (
        (3, 2),
        torch.int64,
        torch.bool,
        (3, 28, 28, 3),
    )


def test_a_file_that_exists_is_kept(photo_run, capsys: pytest.CaptureFixture[str]) -> None:
    run = photo_run("own.py:Base")
    Path("model.pt2").write_text("mine")
    assert main(["export", str(run.directory), "--to", "torch", "--out", "model.pt2"]) == 2
    assert "model.pt2 exists already; give another name, or --force" in capsys.readouterr().err
    assert Path("model.pt2").read_text() == "mine"
    assert main(["export", str(run.directory), "--to", "torch", "--out", "model.pt2", "--force"]) == 0
    assert Path("model.pt2").stat().st_size > 1000
    assert os.listdir() == ["model.pt2"]


@pytest.mark.parametrize(
    ("to", "out", "message"),
    [
        ("onx", None, "there is no export to 'onx'; did you mean 'onnx'?"),
        ("onnx", "model.pt2", "does not end in .onnx"),
        ("torch", "folder.pt2", "is a folder"),
    ],
)
def test_what_cannot_be_is_said_at_once(to: str, out: str | None, message: str, photo_run) -> None:
    Path("folder.pt2").mkdir()
    with pytest.raises(UserError) as raised:
        export(photo_run("own.py:Base"), to=to, out=out)
    assert message in str(raised.value)


def test_a_missing_extra_is_named(photo_run, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else there(name))
    with pytest.raises(UserError, match=r"onnxruntime, which is not installed; .* 'pellucid\[onnx\]'"):
        export(photo_run("own.py:Base"))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("NotInOnnx", "its operation prims.bessel_j0 cannot be expressed"),
        ("LooksAtValues", "(return self.logits(x) if x.mean() > 0"),
    ],
)
def test_a_network_that_cannot_be_exported_is_told_why(network: str, message: str, photo_run) -> None:
    with pytest.raises(UserError) as raised:
        export(photo_run(f"own.py:{network}"), out="model.onnx")
    assert f"{network} cannot be exported: " in str(raised.value)
    assert message in str(raised.value)
    assert os.listdir() == []


def test_a_full_disk_leaves_nothing(photo_run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export(photo_run("own.py:Base"), to="torch", out="model.pt2")
    assert os.listdir() == []


def test_it_is_a_public_name() -> None:
    assert pellucid.export is export
