"""Surroundings of the command line's tests: the learnable data set, a cache of its own, an empty folder to stand in."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from learnable_sets import TINY_NETWORK, write_learnable_mnist
from run_files import seal, write_metrics

import pellucid
from pellucid.recipes import Recipe


@pytest.fixture(scope="session")
def command_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command-data")
    write_learnable_mnist(folder / "MNIST" / "raw")
    return folder


@pytest.fixture(autouse=True)
def _surroundings(command_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(command_data))
    monkeypatch.setenv("PELLUCID_CACHE", str(command_data / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_net.py").write_text(TINY_NETWORK)


@pytest.fixture
def make_listed_run(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Write the small files of a run below `runs/`, enough to be listed and completed; nothing is trained."""

    def make(
        name: str,
        *,
        created: str = "2026-01-01",
        network: str = "simple-mnist",
        source: str = "mnist",
        classes: Sequence[str] = ("0", "1"),
        weights: dict[str, list[int]] | None = None,
        accuracy: float | None = None,
        split: str = "test",
        validation: float | None = None,
    ) -> Path:
        directory = tmp_path / "runs" / name
        asked = {"source": source, "data_dir": None, "size": None, "channels": None, "fit": "stretch"}
        images = {
            **{"origin": source, "fingerprint": "0" * 32, "shape": [1, 28, 28], "fit": "none"},
            **{"classes": list(classes), "images": {"test": 2}, "per_class": {}, "left_out": []},
            **{"split_seed": None, "flip_allowed": False},
        }
        preprocessing = {"height": 28, "width": 28, "channels": 1, "fit": "stretch", "mean": [0.5], "std": [0.5]}
        record = {
            "format": 5,
            "fingerprint": "0" * 32,
            "network": network,
            "head": "logits",
            "data": {**asked, "strict": False, "split_seed": 0},
            "recipe": Recipe(name="tutorial", epochs=2).to_dict(),
            **{"seed": 0, "device": "cpu", "threads": 1, "processes": 1, "keep": "all", "classes": list(classes)},
            **{
                "preprocessing": preprocessing,
                "versions": {"pellucid": "0.1.0"},
                "created": created,
                "identity": "run",
                "signature": None,
            },
        }
        (directory / "weights").mkdir(parents=True)
        seal(directory / "run.json", record)
        seal(directory / "data.json", {"format": 1, "name": source, **images})
        epoch = {"event": "epoch", "epoch": 1} | ({} if validation is None else {"val_accuracy": validation})
        write_metrics(directory / "metrics.jsonl", [epoch])
        if accuracy is not None:
            measured = pellucid.evaluate(request.getfixturevalue("run")).to_dict() | {
                "split": split,
                "accuracy": accuracy,
            }
            seal(directory / "evaluation.json", measured)
        if weights is not None:
            head = {key: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for key, shape in weights.items()}
            text = json.dumps({"__metadata__": {}, **head}).encode()
            (directory / "weights/epoch-001.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
        return directory

    return make
